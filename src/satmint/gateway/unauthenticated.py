"""Counts the sockets that have not shown valid credentials, by network address.

Such a socket costs its client nothing, so these sockets must not crowd out authenticated clients.
"""

from collections import Counter
from typing import Final

from satmint.gateway.metrics import Limits

_ADDRESS_SHARE: Final = 2
"""1/N of an address's sockets may be unauthenticated."""
_ALWAYS_ALLOWED: Final = 10
"""So many are always allowed, unless unauthenticated sockets are half of the process's limit."""


class UnauthenticatedSockets:
    """Counts unauthenticated sockets; see the module."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._networks: dict[object, str] = {}
        self._by_network: Counter[str] = Counter()

    def __contains__(self, socket: object) -> bool:
        return socket in self._networks

    def add(self, socket: object, network: str) -> None:
        """Add a new socket from `network`."""
        self._networks[socket] = network
        self._by_network[network] += 1

    def discard(self, socket: object) -> None:
        """Remove `socket`: it is authenticated, or closed."""
        network = self._networks.pop(socket, None)
        if network is None:
            return
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]

    def limit_reached(self, network: str) -> bool:
        """Whether `network` may open no further socket now."""
        count = self._by_network[network]
        if count >= max(self._limits.per_address // _ADDRESS_SHARE, _ALWAYS_ALLOWED):
            return True
        return count >= _ALWAYS_ALLOWED and len(self._networks) * 2 >= self._limits.connections
