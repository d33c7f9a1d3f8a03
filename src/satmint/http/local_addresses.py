"""Recognizes host names and IP addresses of this machine in `Host` and `Origin` headers."""

import re
from typing import Final

_LOOPBACK: Final = re.compile(
    r"(localhost|[a-z0-9.-]+\.localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.ASCII | re.IGNORECASE
)


_ADDRESS: Final = re.compile(r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])(:\d{1,5})?", re.IGNORECASE)


def is_address(authority: str) -> bool:
    """Whether `host` or `host:port` is an IP address, which excludes DNS rebinding."""
    return _ADDRESS.fullmatch(authority) is not None


def is_this_machine(authority: str) -> bool:
    """Whether `host` or `host:port` always denotes the machine that uses it.

    Any other `Host` is a name that DNS resolves. If the server listens only on loopback, a site has
    resolved its own name to this machine (DNS rebinding).
    """
    return _LOOPBACK.fullmatch(authority) is not None
