"""Names of this machine, as far as a request tells by which one it came."""

import re
from typing import Final

_LOOPBACK: Final = re.compile(
    r"(localhost|[a-z0-9.-]+\.localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.ASCII | re.IGNORECASE
)


def is_this_machine(authority: str) -> bool:
    """Whether `host` or `host:port` can only mean the machine that it is said on.

    A `Host` that is none of these is somebody else's name for this server, and where the server
    listens on loopback only, that name was made to point here (DNS rebinding).
    """
    return _LOOPBACK.fullmatch(authority) is not None
