"""The open connections of a process: their limits, their addresses and their deadlines.

No client can lock others out: one address may hold only a share of the connections, some file
descriptors are reserved, and when all connections are in use the least active one is evicted.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from satmint.model.rate_limiter import network_of
from satmint.server.deadlines import Deadlines
from satmint.server.memory import MemoryTrimmer
from satmint.server.pipeline_queue import PipelineQueue

SWEEP_SECONDS: Final = 0.25
"""How late a deadline may be enforced."""
_SLOW_AFTER_SECONDS: Final = 1.0
"""A connection whose request or response takes longer counts as slow and may be evicted."""
_MAX_EVICTING: Final = 16


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits on connections."""

    connections: int = 10_000
    """Open connections."""
    per_address: int = 500
    """Open connections from one IPv4 address or IPv6 /64 network; at most half of all."""
    keep_alive_seconds: float = 75.0
    """How long a connection may be idle."""
    arrival_seconds: float = 10.0
    """How long a request may take to arrive, from its first byte or the start of the connection."""
    stall_seconds: float = 20.0
    """How long a client may read nothing of a pending response."""
    closing_seconds: float = 2.0
    """How long the client may take to close after the server has closed."""


class Connection(Protocol):
    """A connection in the table."""

    def unsent_bytes(self) -> int:
        """Bytes that the client has not read yet."""
        ...

    def abort(self) -> None:
        """Close at once, whatever is in flight."""

    def stop(self) -> None:
        """Close once requests in flight are answered."""

    def close_unless_answering(self) -> None:
        """Close, unless the application is working on a response."""


class RequestConnection(Connection, Protocol):
    """A connection that carries requests."""

    def close_idle(self) -> None:
        """Close: nothing is in flight."""

    def on_arrival_timeout(self) -> None:
        """Close: the request did not arrive in time."""


class ConnectionTable:
    """The open connections and their limits; see the module."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self._open: dict[Connection, str] = {}
        """By connection: the network that it is counted for; empty if for none."""
        self._by_network: Counter[str] = Counter()
        self.idle: Deadlines[RequestConnection] = Deadlines(limits.keep_alive_seconds)
        self.arriving: Deadlines[RequestConnection] = Deadlines(limits.arrival_seconds)
        self._stalled: Deadlines[Connection] = Deadlines(limits.stall_seconds)
        self._unsent: dict[Connection, int] = {}
        """By stalled connection: unsent bytes at the last check."""
        self.closing: Deadlines[Connection] = Deadlines(limits.closing_seconds)
        self._evicted: set[Connection] = set()
        """Evicted connections that still hold a file descriptor."""
        self.pipeline_queue = PipelineQueue(self._loop)
        """Connections that proceed to an already buffered request."""
        self.upgrade_queue = PipelineQueue(self._loop)
        """WebSockets whose opening handshake was received."""
        self._memory = MemoryTrimmer()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._open))

    def admit(self, connection: Connection, address: str | None) -> str | None:
        """Add a connection, if the limits allow it.

        Args:
            connection: The new connection.
            address: The IP address to count it for; None for a trusted proxy, whose connections
                belong to many clients.

        Returns:
            None, or the cause of refusal.
        """
        network = "" if address is None else network_of(address)
        allowed = min(self.limits.per_address, max(self.limits.connections // 2, 1))
        if network and self._by_network[network] >= allowed and not self._evict_idle_of(network):
            return "too_many_connections_of_address"
        if len(self._open) >= self.limits.connections and not self.evict_one():
            return "too_many_connections"
        self._open[connection] = network
        if network:
            self._by_network[network] += 1
        self._empty.clear()
        return None

    def release_address(self, connection: Connection) -> None:
        """Stop counting `connection` for its address: the gateway counts it now."""
        network = self._open.get(connection)
        if network:
            self._open[connection] = ""
            self._decrement(network)

    def replace(self, previous: Connection, connection: Connection) -> bool:
        """Replace `previous` by its successor object. Returns whether `previous` was still open."""
        network = self._open.pop(previous, None)
        if network is None:
            return False
        self._clear_deadlines(previous)
        self._open[connection] = network
        return True

    def remove(self, connection: Connection) -> None:
        """Remove a closed connection."""
        self._evicted.discard(connection)
        network = self._open.pop(connection, None)
        if network:
            self._decrement(network)
        self._clear_deadlines(connection)
        if not self._open:
            self._empty.set()

    def stall(self, connection: Connection) -> None:
        """Record that the client of `connection` does not read."""
        self._stalled.add(connection, self._loop.time())
        self._unsent[connection] = connection.unsent_bytes()

    def resume(self, connection: Connection) -> None:
        """Record that the client reads again."""
        self._stalled.discard(connection)
        self._unsent.pop(connection, None)

    def limit_stalls(self, seconds: float) -> None:
        """Limit the time for clients that stop reading from now on to `seconds`."""
        self._stalled.seconds = min(self._stalled.seconds, seconds)

    def abort_closed(self) -> None:
        """Abort connections that only wait for their clients to close: all output is sent."""
        for connection in self.closing:
            if not connection.unsent_bytes():
                connection.abort()

    def sweep(self) -> None:
        """Enforce all deadlines that are due."""
        now = self._loop.time()
        for connection in self.idle.expire(now):
            connection.close_idle()
        for connection in self.arriving.expire(now):
            connection.on_arrival_timeout()
        for closed in self.closing.expire(now):
            closed.abort()
        for stalled in tuple(self._stalled.expire(now)):
            before, left = self._unsent.pop(stalled, 0), stalled.unsent_bytes()
            if left < before:  # the client reads slowly
                self.stall(stalled)
            else:
                stalled.abort()
        self._memory.observe(len(self._open))

    async def wait_until_empty(self, seconds: float) -> bool:
        """Wait until no connection is open. Returns False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    @property
    def eviction_limit_reached(self) -> bool:
        """Whether accepting must wait until evicted connections have released their descriptors."""
        return len(self._evicted) >= _MAX_EVICTING

    def evict_one(self) -> bool:
        """Evict the least active connection: a closing, idle, stalled or slow one.

        If all are active, evict the oldest one of the network with the most connections.

        Returns:
            Whether a connection was evicted.
        """
        now = self._loop.time()
        connection: Connection | None = (
            self.closing.oldest(now)
            or self.idle.oldest(now)
            or self._stalled.oldest(now, _SLOW_AFTER_SECONDS)
            or self.arriving.oldest(now, _SLOW_AFTER_SECONDS)
            or self._oldest_of_largest_network()
            or self.arriving.oldest(now)
        )
        if connection is not None:
            self._evict(connection)
        return connection is not None

    def _evict_idle_of(self, network: str) -> bool:
        """Evict the longest idle connection of a network. Returns whether there was one."""
        for connection in self.idle:
            if self._open.get(connection) == network:
                self._evict(connection)
                return True
        return False

    def _evict(self, connection: Connection) -> None:
        connection.abort()
        self.remove(connection)
        # Its descriptor becomes free a few iterations of the event loop later.
        self._evicted.add(connection)

    def _oldest_of_largest_network(self) -> Connection | None:
        """The oldest connection of the network with the most; None if each network has one."""
        for network, count in self._by_network.most_common(1):
            if count > 1:
                return next(
                    one for one, counted_for in self._open.items() if counted_for == network
                )
        return None

    def _clear_deadlines(self, connection: Connection) -> None:
        self.idle.discard(connection)
        self.arriving.discard(connection)
        self.closing.discard(connection)
        self.resume(connection)

    def _decrement(self, network: str) -> None:
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]
