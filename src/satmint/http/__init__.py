"""HTTP: bytes in, one flow, bytes out. No rule of the service lives here."""
