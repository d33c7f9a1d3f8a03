"""The embedded store as one value."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from satmint.store.contract import SchemaUnknown, Swept
from satmint.store.sqlite.addresses import SqliteAddresses
from satmint.store.sqlite.connection import BUSY_SECONDS, connect, trouble
from satmint.store.sqlite.events import SqliteEvents
from satmint.store.sqlite.lanes import Lane, Readers, WritingLane
from satmint.store.sqlite.migrations import migrate, pending_migrations
from satmint.store.sqlite.presence import SqlitePresence
from satmint.store.sqlite.projects import SqliteProjects
from satmint.store.sqlite.purge import Sweeper
from satmint.store.sqlite.sessions import SqliteSessions
from satmint.store.sqlite.subscribers import SqliteSubscribers
from satmint.store.sqlite.webhooks import SqliteWebhooks


class SqliteStore:
    """See `Store`. Make one with `open_sqlite`."""

    def __init__(self, writer: Lane, reader: Readers) -> None:
        self._writer = writer
        self._reader = reader
        self._sweeper = Sweeper()
        self.projects = SqliteProjects(writer, reader)
        self.subscribers = SqliteSubscribers(writer, reader)
        self.addresses = SqliteAddresses(writer, reader)
        self.sessions = SqliteSessions(writer, reader)
        self.webhooks = SqliteWebhooks(writer, reader)
        self.events = SqliteEvents(writer, reader)
        self.presence = SqlitePresence(writer, reader)

    def on_ending(self, look: Callable[[], None]) -> None:
        """See `Store.on_ending`: a file tells nobody that it was written."""

    async def ready(self) -> None:
        """See `Store.ready`."""
        if await self._reader.submit(pending_migrations):
            raise SchemaUnknown("the database lacks migrations: run `satmint db migrate`")

    async def purge(self, now: int, events_before: int, limit: int) -> Swept:
        """See `Store.purge`."""
        return await self._writer.submit(
            lambda db: self._sweeper.step(db, now, events_before, limit), slow=True
        )

    async def close(self) -> None:
        """See `Store.close`."""
        await self._writer.close()
        await self._reader.close()


async def open_sqlite(
    path: Path,
    now: int,
    observe_batch: Callable[[int], None] = lambda _size: None,
    busy_seconds: float = BUSY_SECONDS,
) -> SqliteStore:
    """Open the database file, creating it and applying migrations as needed.

    Args:
        path: The file; its folder must exist.
        now: Unix seconds, for the migration history.
        observe_batch: Told the size of each write batch.
        busy_seconds: How long to wait for a lock that another process holds.

    Raises:
        StoreUnavailable: it cannot be opened, or is locked by another process.
        SchemaUnknown: it was written by another version of satmint.
    """

    def prepare() -> tuple[sqlite3.Connection, ...]:
        writing = connect(path, busy_seconds=busy_seconds)
        try:
            migrate(writing, now)
        except sqlite3.Error as error:
            writing.close()
            raise trouble(error) from error
        except BaseException:
            writing.close()
            raise
        looking, listing = (connect(path, busy_seconds=busy_seconds) for _ in range(2))
        looking.execute("PRAGMA query_only = ON")
        listing.execute("PRAGMA query_only = ON")
        # Pages that a list has read are hardly read again.
        listing.execute("PRAGMA cache_size = -4096")
        return writing, looking, listing

    writing, looking, listing = await asyncio.to_thread(prepare)
    return SqliteStore(
        WritingLane(writing, "satmint-writer", observe_batch, busy_seconds),
        Readers(Lane(looking, "satmint-reader"), Lane(listing, "satmint-lister")),
    )
