"""LISTEN/NOTIFY: immediate notice of revocations by other processes."""

import asyncio
from collections.abc import Callable
from typing import Final

from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.driver_errors import CONNECTION_LOST
from satmint.store.postgres.events import CHANNEL

_RECONNECT_SECONDS: Final = 2.0
_KEEPALIVE_SECONDS: Final = 20.0


class NotificationListener:
    """A dedicated connection that listens, and reconnects when it is lost."""

    def __init__(self, connections: ConnectionPool) -> None:
        self._connections = connections
        self._callbacks: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, callback: Callable[[], None]) -> None:
        """Register a callback for notifications and reconnects."""
        self._callbacks.append(callback)
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connections.connect()
            except StoreUnavailable:
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            try:
                await self._listen(connection)
            except CONNECTION_LOST:
                continue  # reconnect
            finally:
                connection.terminate()

    async def _listen(self, connection: Connection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        await connection.add_listener(CHANNEL, self._notify)
        self._notify()  # for notifications that were missed while disconnected
        while not lost.is_set():
            try:
                async with asyncio.timeout(_KEEPALIVE_SECONDS):
                    await lost.wait()
            except TimeoutError:
                await connection.execute("SELECT 1")

    def _notify(self, *_arguments: object) -> None:
        for callback in self._callbacks:
            callback()
