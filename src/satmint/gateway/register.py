"""Who is online, told to the store as leases: for the whole process at once, never by a request."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar
from uuid import UUID

import structlog

from satmint.flows.live import LEASE_SECONDS, announce, leave
from satmint.flows.mint import Mint
from satmint.gateway.line import Line
from satmint.model.refusals import StoreUnavailable

T = TypeVar("T")

FLUSH_EVERY_SECONDS: Final = 0.5
_RENEW_EVERY_SECONDS: Final = LEASE_SECONDS / 3
_AT_ONCE: Final = 500
_MOST_LEFT: Final = 100_000
"""Departures that are remembered while the store is down; the leases of the others end in time."""


class Register:
    """Keeps the leases of the connections that are online here."""

    def __init__(self, mint: Mint, steady: Callable[[], float]) -> None:
        self._mint = mint
        self._steady = steady
        self._online: set[Line] = set()
        self._unsaid: set[Line] = set()
        self._left: dict[tuple[UUID, UUID], None] = {}
        """Project and connection of those who left, each once, in order."""
        self._renew_at = 0.0
        self._one_at_a_time = asyncio.Lock()

    def appear(self, line: Line) -> None:
        """It is online from now on, or goes on being so as somebody else's newer session."""
        if line.online_since is None:
            line.online_since = self._mint.clock.now()
        self._online.add(line)
        self._unsaid.add(line)

    def disappear(self, line: Line) -> None:
        """It is not online any more."""
        admission = line.connection.admission
        line.online_since = None
        self._online.discard(line)
        self._unsaid.discard(line)
        if admission is not None and len(self._left) < _MOST_LEFT:
            self._left[admission.project, line.id] = None

    async def flush(self) -> None:
        """Tell the store what it does not know yet, and renew what is due."""
        async with self._one_at_a_time:
            await self._flush()

    async def _flush(self) -> None:
        if not self._online:
            self._renew_at = 0.0
        elif not self._renew_at:
            self._renew_at = self._steady() + _RENEW_EVERY_SECONDS
        elif self._steady() >= self._renew_at:
            self._renew_at = self._steady() + _RENEW_EVERY_SECONDS
            self._unsaid |= self._online
        try:
            await self._tell_departures()
            await self._tell_arrivals()
        except StoreUnavailable as trouble:
            # What was not told stays to be told.
            structlog.get_logger("satmint.gateway").debug("not_registered", cause=trouble.cause)

    async def _tell_departures(self) -> None:
        by_project: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for project, connection in self._left:
            by_project[project].append(connection)
        for project, connections in by_project.items():
            for part in _parts(connections):
                await leave(self._mint, project, part)
                for connection in part:
                    self._left.pop((project, connection), None)

    async def _tell_arrivals(self) -> None:
        for part in _parts(list(self._unsaid)):
            told = [
                (line.id, who, line.online_since)
                for line in part
                if (who := line.lives) is not None and line.online_since is not None
            ]
            self._unsaid.difference_update(part)
            if told:
                try:
                    await announce(self._mint, told)
                except BaseException:
                    self._unsaid |= self._online.intersection(part)
                    raise


def _parts(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), _AT_ONCE):
        yield things[start : start + _AT_ONCE]
