"""Callers that wait for a change of presence."""

from __future__ import annotations

import asyncio

from satmint_sdk.credentials.errors import GatewayError, SessionClosed
from satmint_sdk.credentials.live._connection_state import ConnectionState
from satmint_sdk.credentials.live._phase import Phase


class PresenceWaiters:
    """Futures of `online` and `offline`, resolved by the state of the connection."""

    def __init__(self) -> None:
        self._waiters: list[tuple[bool, asyncio.Future[None]]] = []

    def add(self, *, online: bool) -> asyncio.Future[None]:
        """A future that is done when the gateway has confirmed, or cannot."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((online, waiter))
        return waiter

    def resolve(self, connection: ConnectionState) -> None:
        """Complete those whose wish is fulfilled, or cannot be."""
        self._waiters = [(online, waiter) for online, waiter in self._waiters if not waiter.done()]
        for online, waiter in self._waiters:
            if connection.phase in (Phase.ENDED, Phase.CLOSED):
                waiter.set_exception(
                    connection.error or SessionClosed("the session client is closed")
                )
            elif connection.wants_online is not online:
                waiter.set_exception(GatewayError("another call requested the opposite presence"))
            elif connection.presence_confirmed(online=online):
                waiter.set_result(None)

    def fail(self, error: Exception) -> None:
        """Fail all."""
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def cancel(self) -> None:
        """Cancel all."""
        for _, waiter in self._waiters:
            waiter.cancel()
