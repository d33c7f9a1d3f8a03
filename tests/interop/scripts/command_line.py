"""Runs the vendor's command line again and again, each time in a process of its own.

Reads a JSON array of arguments from each line of standard input; answers with a line of JSON: the
exit code and what was printed. The modules are imported once, and each run is a fork of that.
"""

import json
import os
import sys
import tempfile
from typing import IO

from swsh.cli import main  # type: ignore[import-not-found]  # in an environment of its own


def run(arguments: list[str], output: IO[bytes], errors: IO[bytes]) -> int:
    """The exit code of one run."""
    child = os.fork()
    if child == 0:
        os.dup2(output.fileno(), 1)
        os.dup2(errors.fileno(), 2)
        sys.argv = ["sw", *arguments]
        code = 0
        try:
            main()
        except SystemExit as done:
            code = done.code if isinstance(done.code, int) else int(done.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


for line in sys.stdin:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = run(json.loads(line), output, errors)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode())
    sys.stdout.write(json.dumps([code, *texts]) + "\n")
    sys.stdout.flush()
