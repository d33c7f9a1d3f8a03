"""Rate limits for each key, in bounded memory."""

from collections import OrderedDict
from ipaddress import IPv6Address
from math import ceil
from typing import Final

_MAX_KEYS: Final = 20_000


class RateLimiter:
    """Allows at most `count` uses in a window of `seconds`, for each key.

    A key's window begins with its first use, and the next one with the first use after its end: a
    period that spans two windows may see nearly twice as many uses.
    Counts are local to the process. When there are too many keys, the least recently used ones are
    forgotten, which errs towards allowing.
    """

    def __init__(self, count: int, seconds: int = 60) -> None:
        self._count = count
        self._seconds = seconds
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str, now: float) -> int | None:
        """Count one use of `key`.

        Args:
            key: The key.
            now: Seconds of a monotonic clock.

        Returns:
            None if it is allowed; else the seconds until the next use is allowed.
        """
        since, used = self._windows.pop(key, (now, 0))
        if now - since >= self._seconds:
            since, used = now, 0
        self._windows[key] = since, min(used + 1, self._count + 1)
        if len(self._windows) > _MAX_KEYS:
            self._windows.popitem(last=False)
        return None if used < self._count else ceil(since + self._seconds - now)

    def reset(self) -> None:
        """Forget the uses of all keys."""
        self._windows.clear()

    def refund(self, key: str) -> None:
        """Undo the last use of `key`."""
        if key in self._windows:
            since, used = self._windows[key]
            self._windows[key] = since, max(0, used - 1)


def network_of(address: str) -> str:
    """The network of one client: an IPv4 address, or an IPv6 /64 network.

    A client controls all addresses of its /64 network (RFC 6177), so a limit for each address would
    be ineffective. Text that is not an IP address is unchanged.
    """
    if ":" not in address:
        return address
    try:
        known = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return f"{IPv6Address(int(known) >> 64 << 64)}/64"
