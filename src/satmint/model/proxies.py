"""Trusted proxies: from whom `X-Forwarded-For` is accepted.

Addresses are compared as addresses: `::ffff:127.0.0.1` is `127.0.0.1`.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class TrustedProxies:
    """The trusted proxies in front of this server."""

    def __init__(self, entries: Sequence[str] = ()) -> None:
        """Trust the given proxies.

        Args:
            entries: IP addresses and networks (`10.0.0.0/8`).

        Raises:
            ValueError: an entry is neither. `*` is rejected: every client could choose the address
                that limits and audit events use.
        """
        self._networks: tuple[Network, ...] = tuple(map(_network, entries))
        self._trusted: dict[str, bool] = {}

    def trusts(self, address: str) -> bool:
        """Whether an IP address in `canonical` form is that of a trusted proxy."""
        if not self._networks:
            return False
        known = self._trusted.get(address)
        if known is None:
            found = _address(address)
            known = found is not None and any(found in network for network in self._networks)
            if len(self._trusted) < 1024:
                self._trusted[address] = known
        return known

    def client_address(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The client's address of a request that `peer`, a trusted proxy, has forwarded.

        Each proxy appends the address that it saw, so the last entry of `X-Forwarded-For` that is
        not a trusted proxy counts; earlier entries cannot be trusted.

        Args:
            peer: The other end of the connection, in `canonical` form.
            headers: The request's header fields, names in lower case.
        """
        seen = peer
        lines = [value for name, value in headers if name == b"x-forwarded-for"]
        for entry in reversed(b",".join(lines).decode("latin-1").split(",")):
            address = _without_port(entry.strip(" \t"))
            if address is None:
                break  # not an address: the proxy that sent it is the last known one
            seen = address
            if not self.trusts(address):
                break
        return seen


def canonical(address: str) -> str:
    """An IP address in canonical form, IPv4-mapped ones as IPv4. Other text is unchanged."""
    if ":" not in address:
        return address
    found = _address(address)
    return address if found is None else str(found)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _without_port(entry: str) -> str | None:
    """The address of `1.2.3.4`, `1.2.3.4:5`, `2001:db8::1` or `[2001:db8::1]:5`."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    address = _address(entry)
    return None if address is None else str(address)


def _network(entry: str) -> Network:
    try:
        network = ip_network(entry.strip(), strict=False)
    except ValueError:
        message = (
            f"{entry!r} is not an IP address or a network such as 10.0.0.0/8"
            if entry.strip() != "*"
            else "'*' would let every caller choose its own address: name the proxies"
        )
        raise ValueError(message) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        network = IPv4Network((mapped, network.prefixlen - 96))
    if network.prefixlen == 0:
        message = f"{entry!r} is every address: every caller could choose its own; name the proxies"
        raise ValueError(message)
    return network
