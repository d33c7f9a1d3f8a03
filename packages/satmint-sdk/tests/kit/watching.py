"""Waiting for what happens to a live session on a real server."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from satmint_sdk._ambient import SYSTEM_CLOCK
from satmint_sdk.credentials import ClientEvent, SessionClient

E = TypeVar("E", bound=ClientEvent)

_PATIENCE = 60.0


class Watch:
    """One reader of a client's events, from the beginning.

    Attributes:
        kinds: What it has read so far.
    """

    def __init__(self, client: SessionClient) -> None:
        self.kinds: list[str] = []
        self._events = client.events()

    async def until(self, wanted: type[E]) -> E:
        """Read on up to an event of this kind; the end, or a minute without it, is a failure."""
        while True:
            coming = asyncio.ensure_future(anext(self._events))
            patience = asyncio.ensure_future(SYSTEM_CLOCK.asleep(_PATIENCE))
            await asyncio.wait({coming, patience}, return_when=asyncio.FIRST_COMPLETED)
            patience.cancel()
            assert coming.done(), f"no {wanted.kind} after {self.kinds}"
            event = coming.result()
            self.kinds.append(event.kind)
            if isinstance(event, wanted):
                return event
