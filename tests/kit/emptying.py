"""A PostgreSQL database without a row, for tests that share it one after the other."""

import asyncio
import atexit
import os
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import asyncpg

from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.migrations import migrate
from tests.kit.clock import NOW
from tests.kit.postgres import CLUSTER

_LOST: Final = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)
_TABLES: Final = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'
"""


async def emptied(url: str) -> str:
    """The same database without a row in it, in a fraction of the time that a new one takes."""
    work = asyncio.run_coroutine_threadsafe(_cleaner(os.getpid()).empty(url), _loop(os.getpid()))
    await asyncio.wrap_future(work)
    return url


async def filled_tables(connection: Any, names: Iterable[str]) -> list[str]:  # noqa: ANN401
    """Those of the tables `names` that have a row, by one statement: most are empty."""
    probes = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names)
    return [name for (name,) in await connection.fetch(" UNION ALL ".join(probes))]


class _Cleaner:
    """Keeps a connection to each database: a new one takes longer than all of the statements."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}

    async def empty(self, url: str) -> None:
        kept = self._connections.get(url)
        if kept is not None:
            try:
                await self._empty(kept)
            except _LOST:  # a test has ended it
                kept.terminate()
            else:
                return
        self._connections[url] = await asyncpg.connect(url)
        if url == CLUSTER:
            await migrate(self._connections[url], NOW)
        await self._empty(self._connections[url])

    async def _empty(self, connection: Connection) -> None:
        names = [row["tablename"] for row in await connection.fetch(_TABLES)]
        filled = await filled_tables(connection, names)
        if filled:
            await connection.execute(";".join(f"DELETE FROM {name}" for name in filled))

    async def close(self) -> None:
        for connection in self._connections.values():
            connection.terminate()


@cache
def _cleaner(_process: int) -> _Cleaner:
    """That of this process: a fork has another one."""
    return _Cleaner()


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """An event loop that lives longer than those of tests, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def end() -> None:
        if os.getpid() == process:
            asyncio.run_coroutine_threadsafe(_cleaner(process).close(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    atexit.register(end)
    return loop
