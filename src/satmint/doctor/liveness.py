"""Whether the server of this machine answers `/livez`: the health check of containers.

It is started every few seconds, so that it imports little: no command line, no database.
"""

import socket
from typing import Final

from satmint.doctor.local_server import LocalAddress

_SECONDS: Final = 5.0
_MAX_LINE: Final = 256
_REQUEST: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def liveness_fault(address: LocalAddress) -> str:
    """Ask the server; return why it does not answer as it should, or "".

    The certificate is not verified: it is for other names than this machine's address.
    """
    if not address.port:
        return "port is 0: set it to the port of the server"
    try:
        with socket.create_connection((address.host, address.port), _SECONDS) as plain:
            stream = _encrypted(plain) if address.tls else plain
            stream.sendall(_REQUEST)
            line = b""
            while b"\r\n" not in line and len(line) < _MAX_LINE:
                part = stream.recv(_MAX_LINE)
                if not part:
                    break
                line += part
    except OSError as failure:
        reason = (failure.strerror or str(failure) or "failed").lower()
        return f"{address.url}/livez does not answer: {reason}"
    version, _, rest = line.partition(b" ")
    if version.startswith(b"HTTP/1.") and rest.startswith(b"200 "):
        return ""
    status = rest[:3].decode("ascii", "replace") if version.startswith(b"HTTP/1.") else "no HTTP"
    return f"{address.url}/livez answers {status or 'nothing'}"


def _encrypted(plain: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415 - 20 ms, and most servers in containers have no TLS of their own

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)
