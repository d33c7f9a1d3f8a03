"""Sends messages; the HTTP client is loaded and opened when the first message is sent.

A server without webhooks does without it: it takes 60 ms to load, with the system's certificates.
"""

import asyncio
from typing import TYPE_CHECKING, Self

from satmint.model.deliveries import AttemptResult
from satmint.model.webhooks import OutgoingMessage
from satmint.webhooks.slots import DispatchLimits

if TYPE_CHECKING:
    import httpcore


class Sender:
    """Sends messages to customers' URLs until the end of its context."""

    def __init__(self, *, private: bool) -> None:
        """Prepare to send.

        Args:
            private: Whether private addresses are allowed.
        """
        self._private = private
        self._network: httpcore.AsyncConnectionPool | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._network is not None:
            await self._network.aclose()

    async def open(self) -> "httpcore.AsyncConnectionPool":
        """The way out, which the first call opens, in a thread."""
        async with self._opening:
            if self._network is None:
                self._network = await asyncio.to_thread(self._load)
        return self._network

    async def send(
        self,
        message: OutgoingMessage,
        secret: bytes,
        now: int,
        limits: DispatchLimits = DispatchLimits(),  # noqa: B008 - it is immutable
    ) -> AttemptResult:
        """Send a message once; see `satmint.webhooks.attempt.attempt`."""
        network = await self.open()
        from satmint.webhooks.attempt import attempt  # noqa: PLC0415 - imports the HTTP client

        return await attempt(network, message, secret, now, limits)

    def _load(self) -> "httpcore.AsyncConnectionPool":
        from satmint.webhooks.network import open_network  # noqa: PLC0415 - as above

        return open_network(private=self._private)
