"""What the database of a deployment says, read past the server: ledgers, size, and purging."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

import asyncpg

from satmint.model.database_url import is_postgres
from satmint.model.events import EventKind
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_TOKEN_GRACE_SECONDS
from satmint.store.contract import Store
from satmint.store.postgres import open_postgres
from satmint.store.sqlite import open_sqlite
from tests.kit.postgres import CLUSTER
from tests.soak.history import Ledger

Row = tuple[Any, ...]

_SESSIONS: Final = "SELECT session_id, subscriber_id, generation, revoked_at, replays FROM sessions"
_EVENTS: Final = (
    "SELECT session_id, subscriber_id, kind, generation, count(*) FROM events"
    " GROUP BY session_id, subscriber_id, kind, generation"
)
_CUT: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_A_DAY: Final = 86_400
_PURGE_ROWS: Final = 2000
_WAL_PAGES: Final = 16_000
"""The server's `wal_autocheckpoint`: a WAL grows to so many frames, and is then written anew."""
_WAL_FRAME_BYTES: Final = 24
"""The header of a frame, before its page."""
_QUIET_STEPS: Final = 2
"""After a full step the next one looks at other projects, where there may be nothing to purge."""


class Books:
    """The database."""

    def __init__(self, database: str, store: Store) -> None:
        self._database = database
        self._file = Path(database.removeprefix("sqlite:///"))
        self._store = store

    @classmethod
    async def open(cls, database: str) -> Self:
        """Look into it, beside whatever server runs on it."""
        return cls(database, await _opened(database))

    async def close(self) -> None:
        """Let go of it."""
        await self._store.close()

    async def reopen(self) -> None:
        """Look into what is in its place now, after `close`."""
        self._store = await _opened(self._database)

    async def ledgers(self, sessions: Collection[UUID]) -> dict[UUID, Ledger]:
        """What it says of these sessions, all at one moment."""
        if is_postgres(self._database):
            rows, events = await self._of_postgres()
        else:
            rows, events = await asyncio.to_thread(self._of_sqlite)
        return ledgers_of(sessions, rows, events)

    async def size(self) -> int:
        """Bytes that it takes, without an SQLite WAL that is not due to be emptied yet."""
        if not is_postgres(self._database):
            return await asyncio.to_thread(self._size_of_sqlite)
        connection = await asyncpg.connect(self._database)
        try:
            return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
        finally:
            await connection.close()

    async def forget(self, before: int) -> int:
        """Purge as the server does, as if it were a day and a token's life later.

        Args:
            before: Unix seconds; what was last touched before that goes.
        """
        later = before + _A_DAY + ACCESS_SECONDS + REFRESH_TOKEN_GRACE_SECONDS
        gone = quiet = 0
        while quiet < _QUIET_STEPS:
            went = (await self._store.purge(later, before, _PURGE_ROWS)).removed
            gone, quiet = gone + went, 0 if went else quiet + 1
        return gone

    async def cut_connections(self) -> None:
        """Have PostgreSQL end every connection but this one."""
        connection = await asyncpg.connect(self._database)
        try:
            await connection.execute(_CUT)
        finally:
            await connection.close()

    def _size_of_sqlite(self) -> int:
        with closing(sqlite3.connect(self._file, isolation_level=None)) as db:
            pages, page = (
                int(db.execute(f"PRAGMA {what}").fetchone()[0])
                for what in ("page_count", "page_size")
            )
        wal = self._file.with_name(f"{self._file.name}-wal")
        written = wal.stat().st_size if wal.exists() else 0
        return pages * page + max(0, written - _WAL_PAGES * (page + _WAL_FRAME_BYTES))

    def _of_sqlite(self) -> tuple[list[Row], list[Row]]:
        def ids(rows: list[Row]) -> list[Row]:
            return [
                tuple(UUID(bytes=part) if isinstance(part, bytes) else part for part in row)
                for row in rows
            ]

        with closing(sqlite3.connect(self._file, isolation_level=None)) as db:
            db.execute("BEGIN")
            rows = db.execute(_SESSIONS).fetchall()
            return ids(rows), ids(db.execute(_EVENTS).fetchall())

    async def _of_postgres(self) -> tuple[list[Row], list[Row]]:
        connection = await asyncpg.connect(self._database)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                if self._database == CLUSTER:  # one snapshot of each node
                    await connection.execute("SET LOCAL citus.max_adaptive_executor_pool_size = 1")
                rows = [tuple(row) for row in await connection.fetch(_SESSIONS)]
                return rows, [tuple(row) for row in await connection.fetch(_EVENTS)]
        finally:
            await connection.close()


async def _opened(database: str) -> Store:
    if is_postgres(database):
        return await open_postgres(database, 0)
    return await open_sqlite(Path(database.removeprefix("sqlite:///")), 0)


def ledgers_of(
    sessions: Collection[UUID], rows: list[Row], events: list[Row]
) -> dict[UUID, Ledger]:
    """Ledgers out of the rows of the two tables."""
    wanted = set(sessions)
    trails: dict[UUID, Counter[tuple[str, int | None]]] = {}
    revoked_subscribers: Counter[UUID] = Counter()
    for session, subscriber, kind, generation, count in events:
        if kind == EventKind.SUBSCRIBER_REVOKED:
            revoked_subscribers[subscriber] += count
        elif session in wanted:
            at = generation if kind in (EventKind.REFRESHED, EventKind.REPLAYED) else None
            trails.setdefault(session, Counter())[kind, at] += count
    found = {}
    for session, subscriber, generation, revoked_at, replays in rows:
        if session not in wanted:
            continue
        trail = trails.get(session, Counter())
        if revoked_subscribers[subscriber]:
            trail[EventKind.SUBSCRIBER_REVOKED, None] += revoked_subscribers[subscriber]
        found[session] = Ledger(generation, revoked_at is not None, trail, replays)
    return found


def unix_seconds() -> int:
    """Now, by the clock that servers go by."""
    return int(time.time())  # noqa: TID251 - events are bounded by it
