"""A client of the feed of revocations: what waits for it, and how it is told."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from satmint.model.revocations import Revocation

if TYPE_CHECKING:
    from satmint.flows.revocation_hub import RevocationHub

MAX_PENDING: Final = 2000
"""Revocations that wait for a listener, which is cut off at more; and those that one can catch up
on, which is told to begin anew at more."""
_LOOK_SECONDS: Final = 0.25
"""How often a listener looks whether polls succeed again."""


class FeedState(StrEnum):
    """How a feed begins."""

    START = "start"
    """Without a cursor: from now on."""
    RESUMED = "resumed"
    """From the cursor on."""
    RESET = "reset"
    """From now on: the cursor is not usable."""


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """What a listener is told at once."""

    revocations: Sequence[Revocation]
    """Empty: nothing has happened."""
    cursor: str
    """Where to go on after all of these."""
    state: FeedState | None = None
    """In the first batch of a listener, how it begins."""


class RevocationListener:
    """One client of the feed. Close it in the end."""

    def __init__(
        self, hub: "RevocationHub", project: UUID, api_token: UUID, address: str | None
    ) -> None:
        self.project = project
        self.api_token = api_token
        self.address = address
        """The IP address of the client, if it is known."""
        self.since = hub.monotonic()
        """When it began, by the monotonic clock."""
        self.state: FeedState | None = None
        """How it began; None: not yet."""
        self.sent = 0
        """Revocations that the client was sent."""
        self.pending = 0
        """Revocations that wait for the client."""
        self.is_cut = False
        """Whether the client has to connect again, with its cursor: it was too slow."""
        self._hub = hub
        self._batches: deque[FeedBatch] = deque()
        self._put_at: deque[float] = deque()
        """When each of them was put, by the monotonic clock."""
        self._sending: tuple[FeedBatch, float] | None = None
        """What is on its way to the client, and when it was put."""
        self._changed = asyncio.Event()

    @property
    def behind_seconds(self) -> float:
        """How long the client's oldest revocation has waited; 0: it was sent everything."""
        if self._sending is not None and self._sending[0].revocations:
            return max(self._hub.monotonic() - self._sending[1], 0.0)
        return max(self._hub.monotonic() - self._put_at[0], 0.0) if self.pending else 0.0

    def put(self, batch: FeedBatch) -> bool:
        """Add a batch. Returns False if too much waits already."""
        if self.pending + len(batch.revocations) > MAX_PENDING:
            return False
        self.pending += len(batch.revocations)
        self._batches.append(batch)
        self._put_at.append(self._hub.monotonic())
        self._changed.set()
        return True

    def cut(self) -> None:
        """End the client's feed: it does not get all that has happened."""
        self.is_cut = True
        self._batches.clear()
        self._put_at.clear()
        self.pending = 0
        self._changed.set()

    def put_first(self, batch: FeedBatch) -> None:
        """Add a batch before those that wait already."""
        self.state = batch.state
        self.pending += len(batch.revocations)
        self._batches.appendleft(batch)
        self._put_at.appendleft(self._hub.monotonic())

    async def next(self, seconds: float) -> FeedBatch | None:
        """Wait for the next batch. The one before was sent.

        Args:
            seconds: After so long, return a batch without revocations; later if the store cannot
                be read then.

        Returns:
            None if the listener was cut off.
        """
        if self._sending is not None:
            self.sent += len(self._sending[0].revocations)
            self._sending = None
        deadline = self._hub.monotonic() + seconds
        while not self._batches and not self.is_cut:
            left = deadline - self._hub.monotonic()
            if left <= 0 and self._hub.is_fresh:
                return FeedBatch((), self._hub.cursor(self.project))
            self._changed.clear()
            try:
                async with asyncio.timeout(max(left, _LOOK_SECONDS)):
                    await self._changed.wait()
            except TimeoutError:
                continue
        if self.is_cut:
            return None
        batch = self._batches.popleft()
        self.pending -= len(batch.revocations)
        self._sending = batch, self._put_at.popleft()
        return batch

    def close(self) -> None:
        """Stop listening."""
        self._hub.forget(self)
