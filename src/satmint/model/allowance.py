"""Rate limits as values: so many in a minute for each key, in bounded memory."""

from collections import OrderedDict
from ipaddress import IPv6Address
from typing import Final

_KEYS_REMEMBERED: Final = 20_000


class Allowance:
    """At most `count` in a window of `seconds`, for each key by itself.

    A key's window begins with its first use, and the next one with the first use after its end: so
    in an unlucky stretch that spans two of them, nearly twice as many are let through.
    Counts live in this process. When more keys than can be remembered come by, the ones not seen
    for longest are forgotten, which errs towards letting through.
    """

    def __init__(self, count: int, seconds: int = 60) -> None:
        self._count = count
        self._seconds = seconds
        self._windows: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def take(self, key: str, now: int) -> int | None:
        """Use up one for `key`.

        Returns:
            None where it was allowed; else the seconds until the next one can be.
        """
        since, used = self._windows.pop(key, (now, 0))
        if not 0 <= now - since < self._seconds:
            since, used = now, 0
        self._windows[key] = since, min(used + 1, self._count + 1)
        if len(self._windows) > _KEYS_REMEMBERED:
            self._windows.popitem(last=False)
        return None if used < self._count else since + self._seconds - now

    def give_back(self, key: str) -> None:
        """Take back the last use of `key`: it turned out to cost nothing."""
        if key in self._windows:
            since, used = self._windows[key]
            self._windows[key] = since, max(0, used - 1)


def network_of(address: str) -> str:
    """What one caller can be expected to have: an IPv4 address, or an IPv6 network of 64 bits.

    Whoever has such a network has all of its addresses, and a count for each would limit nobody
    (RFC 6177). What is no IP address stays as it is.
    """
    try:
        known = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return f"{IPv6Address(int(known) >> 64 << 64)}/64"
