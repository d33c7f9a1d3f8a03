"""The shared store as one value."""

from collections.abc import Callable

from satmint.model.database_url import DatabaseUrl
from satmint.store.contract import SchemaUnknown, Swept
from satmint.store.postgres.addresses import PostgresAddresses
from satmint.store.postgres.connections import Connections, PostgresLimits
from satmint.store.postgres.events import PostgresEvents
from satmint.store.postgres.listening import Listener
from satmint.store.postgres.migrations import migrate, pending_migrations
from satmint.store.postgres.presence import PostgresPresence
from satmint.store.postgres.projects import PostgresProjects
from satmint.store.postgres.purge import Sweeper
from satmint.store.postgres.sessions import PostgresSessions
from satmint.store.postgres.subscribers import PostgresSubscribers
from satmint.store.postgres.webhooks import PostgresWebhooks

_DEFAULTS = PostgresLimits()


class PostgresStore:
    """See `Store`. Make one with `open_postgres`."""

    def __init__(
        self,
        connections: Connections,
        limits: PostgresLimits = _DEFAULTS,
        observe_batch: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._connections = connections
        self._limits = limits
        self._sweeper = Sweeper()
        self._listener = Listener(connections)
        self.projects = PostgresProjects(connections)
        self.subscribers = PostgresSubscribers(connections)
        self.addresses = PostgresAddresses(connections)
        self.sessions = PostgresSessions(connections, observe_batch)
        self.events = PostgresEvents(connections)
        self.presence = PostgresPresence(connections)
        self.webhooks = PostgresWebhooks(connections)

    async def ready(self) -> None:
        """See `Store.ready`."""
        if await self._connections.look(pending_migrations):
            raise SchemaUnknown("the database lacks migrations: run `satmint db migrate`")

    async def purge(self, now: int, events_before: int, limit: int) -> Swept:
        """See `Store.purge`."""
        return await self._connections.decide(
            lambda db: self._sweeper.step(db, now, events_before, limit)
        )

    def on_ending(self, look: Callable[[], None]) -> None:
        """See `Store.on_ending`."""
        if not self._limits.pooler:
            self._listener.add(look)

    async def close(self) -> None:
        """See `Store.close`."""
        await self._listener.close()
        for one in (self.sessions, self.projects, self.subscribers, self.addresses):
            await one.close()
        await self._connections.close()


async def open_postgres(
    url: str,
    now: int,
    observe_batch: Callable[[int], None] = lambda _size: None,
    *,
    migrating: bool = False,
    limits: PostgresLimits = _DEFAULTS,
) -> PostgresStore:
    """Open the database.

    Args:
        url: `postgresql://user:password@host:port/database`; several hosts may be given, of which
            the one that can be written is taken.
        now: Unix seconds, for the migration history.
        observe_batch: Told the size of each write batch.
        migrating: Whether to apply migrations as needed, as in development.
        limits: How much is asked of it.

    Raises:
        StoreUnavailable: it does not answer.
        SchemaUnknown: it lacks migrations, or was written by another version of satmint.
    """
    connections = Connections(DatabaseUrl.of(url), limits)
    store = PostgresStore(connections, limits, observe_batch)
    try:
        if migrating:
            await connections.attempt(lambda db: migrate(db, now))
        await store.ready()
    except BaseException:
        await store.close()
        raise
    return store
