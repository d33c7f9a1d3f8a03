"""Hearing at once that another process ended a session."""

import asyncio
from collections.abc import Callable
from typing import Final

from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.events import CHANNEL
from satmint.store.postgres.trouble import LOST

_REST_SECONDS: Final = 2.0
_ALIVE_SECONDS: Final = 20.0


class Listener:
    """A connection of its own that listens, opened anew when it is lost."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._callbacks: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, look: Callable[[], None]) -> None:
        """Have `look` called whenever there may be something to see."""
        self._callbacks.append(look)
        if self._task is None:
            self._task = asyncio.ensure_future(self._listen_for_ever())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                connection = await self._connections.connect()
            except StoreUnavailable:
                await asyncio.sleep(_REST_SECONDS)
                continue
            try:
                await self._listen(connection)
            except LOST:
                continue  # another connection is the remedy
            finally:
                connection.terminate()

    async def _listen(self, connection: Connection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        await connection.add_listener(CHANNEL, self._heard)
        self._heard()  # what was said while nobody listened
        while not lost.is_set():
            try:
                await asyncio.wait_for(lost.wait(), _ALIVE_SECONDS)
            except TimeoutError:
                await connection.execute("SELECT 1")

    def _heard(self, *_told: object) -> None:
        for look in self._callbacks:
            look()
