"""What a release needs beside the source: packages, a bill of materials, an audit."""
