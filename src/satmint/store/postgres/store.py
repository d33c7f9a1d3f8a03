"""The shared store: all its parts, and how to open it."""

from collections.abc import Callable
from dataclasses import replace

from satmint.model.database_url import DatabaseUrl
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import Backlog, PurgeResult, SchemaUnknown
from satmint.store.postgres.announcing import RevocationAnnouncer
from satmint.store.postgres.connecting import PostgresLimits
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.database import PostgresDatabase
from satmint.store.postgres.listening import NotificationListener
from satmint.store.postgres.lock_waits import LockWaits, Transactions
from satmint.store.postgres.migrations import migrate, pending_migrations
from satmint.store.postgres.sessions import PostgresSessions
from satmint.store.postgres.suitability import READ_ONLY, ServerState, read_state
from satmint.store.sql.store import SqlStore
from satmint.store.sql.write_guard import WriteGuard

_DEFAULTS = PostgresLimits()


class PostgresStore(SqlStore):
    """See `Store`. Created by `open_postgres`."""

    def __init__(
        self,
        url: DatabaseUrl,
        limits: PostgresLimits = _DEFAULTS,
        observe_batch: Callable[[int], None] = lambda _size: None,
        *,
        database_time: bool = False,
    ) -> None:
        # Revocations are announced on the connections on which others learn of them.
        self.guard = WriteGuard()
        self._reserved = ConnectionPool(url, _reserved(limits), guard=self.guard)
        self._announcer = RevocationAnnouncer(self._reserved)
        connections = ConnectionPool(url, limits, self._announcer.announce, self.guard)
        self._settings: tuple[str, str] | None = None
        self._may_read_catalog = True
        waits = LockWaits(limits.lock_seconds)
        transactions = Transactions(connections, waits)
        self._db = db = PostgresDatabase(connections, transactions, database_time=database_time)
        self._reserved_db = PostgresDatabase(
            self._reserved,
            Transactions(self._reserved, LockWaits(0)),
            database_time=database_time,
        )
        super().__init__(db, self._reserved_db)
        self._connections = connections
        self._limits = limits
        self._waits = waits
        self._listener = NotificationListener(connections)
        self.sessions = PostgresSessions(
            connections,
            self._reserved,
            db,
            transactions,
            waits,
            observe_batch,
            database_time=database_time,
        )

    async def ready(self) -> float:
        """See `Store.ready`."""
        state = await self._check_server()
        try:
            pending = await self._reserved.query(pending_migrations)
        except SchemaUnknown:
            self.guard.cause = "schema_unknown"
            raise
        if pending:
            self.guard.cause = "schema_unknown"
            raise SchemaUnknown("the database lacks migrations: run `satmint db migrate`")
        self.guard.cause = ""
        return state.time

    async def _check_server(self) -> ServerState:
        """Check all conditions of writing but the schema.

        Raises:
            StoreUnavailable: one does not hold; writes are refused from now on.
        """
        state = await self._read_state()
        pooler = self._limits.pooler
        if state is None or (state.cause and not pooler):
            state = await self._confirm(state)
        if state.settings != self._settings:
            self._settings, known = state.settings, self._settings
            if known is not None:
                self._replace_connections()  # they have the former values of their own
        if state.cause == READ_ONLY or (state.cause and pooler):
            self._replace_connections()
        if state.cause:
            self.guard.cause = state.cause
            raise StoreUnavailable(state.cause)
        return state

    async def _confirm(self, expected: ServerState | None) -> ServerState:
        """What a new connection really finds.

        Settings in `options` of the URL come before those of the role, and a connection that was
        opened while a role had a setting does not know its present default.

        Args:
            expected: What it would find according to the catalog; None: the catalog is unreadable.
        """
        try:
            return await self._reserved.state_of_new_connection()
        except StoreUnavailable:
            if expected is None:
                raise
            return expected  # such as read-only: then there is no connection

    async def _read_state(self) -> ServerState | None:
        """Read it, also where the database has ended the connections that were idle.

        Returns None if the role may not read the catalog of settings.
        """
        attempts = self._reserved.limits.connections
        while self._may_read_catalog:
            try:
                return await self._reserved.query(
                    lambda db: read_state(db, allow_no_fsync=self._limits.allow_no_fsync)
                )
            except StoreUnavailable as error:
                self._may_read_catalog = error.cause != "postgres_42501"
                if self._may_read_catalog and (error.cause != "postgres_lost" or attempts == 0):
                    raise
            attempts -= 1
        return None

    def _replace_connections(self) -> None:
        self._connections.replace_connections()
        self._reserved.replace_connections()

    async def migrate(self, now: int) -> None:
        """Apply pending migrations, as in development; see `open_postgres`."""
        await self._check_server()
        if await self._connections.attempt(lambda db: migrate(db, now)):
            self._connections.replace_connections()  # they know the tables as they were

    def on_revocation(self, callback: Callable[[], None]) -> None:
        """See `Store.on_revocation`."""
        if not self._limits.pooler:
            self._listener.add(callback)

    async def purge(self, now: int, events_before: int, limit: int) -> PurgeResult:
        """See `Store.purge`."""
        self.sessions.observe(now)
        return await super().purge(now, events_before, limit)

    async def close(self) -> None:
        """See `Store.close`."""
        await self._listener.close()
        await self.projects.api_token_uses.close()
        await self.sessions.close()
        await self._db.close()
        await self._reserved_db.close()
        await self._connections.close()
        await self._announcer.close()
        await self._reserved.close()

    def backlog(self) -> Backlog:
        """See `Store.backlog`."""
        return Backlog(len(self._waits), len(self.sessions.seen_marks))


def _reserved(limits: PostgresLimits) -> PostgresLimits:
    """The limits of the connections that only the revocation watch and presence use: one each."""
    return replace(limits, connections=2, lock_seconds=min(limits.lock_seconds, 1.0))


async def open_postgres(
    url: str,
    now: int,
    observe_batch: Callable[[int], None] = lambda _size: None,
    *,
    migrating: bool = False,
    limits: PostgresLimits = _DEFAULTS,
    database_time: bool = False,
) -> PostgresStore:
    """Open the database.

    Args:
        url: `postgresql://user:password@host:port/database`. Of several hosts the primary is
            used.
        now: Unix seconds, for the migration history.
        observe_batch: Called with the size of each write batch.
        migrating: Whether to apply pending migrations, as in development.
        limits: Connections and time limits.
        database_time: Whether the database's clock measures the windows of rotation, leases and
            pauses, so that the clocks of nodes need not agree. Otherwise, it is the time that the
            caller passes: for tests and for development servers, whose clock can be moved.

    Raises:
        StoreUnavailable: the database does not answer.
        SchemaUnknown: the database lacks migrations, or was written by another version of satmint.
    """
    store = PostgresStore(DatabaseUrl.of(url), limits, observe_batch, database_time=database_time)
    try:
        if migrating:
            await store.migrate(now)
        await store.ready()
    except BaseException:
        await store.close()
        raise
    return store
