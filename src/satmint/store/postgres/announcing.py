"""NOTIFY after a revocation was committed.

Not within its transaction: a `NOTIFY` that fails, as every one does while the queue is full
(SQLSTATE 54000: somebody listens, in any database, and is idle in a transaction), would fail the
commit, and with it the revocation. It would also make commits wait for each other, because
PostgreSQL orders the transactions that notify by a lock on the whole queue. A notification that is
lost costs others the wait for their next poll.
"""

import asyncio
from typing import Final

import asyncpg
import structlog

from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.events import CHANNEL

_PAUSE_SECONDS: Final = 10.0
"""How long no notification is tried after one has failed."""
_ADVANCE: Final = "SELECT pg_notification_queue_usage()"
"""Frees the part of the queue that everybody has read, which a full queue does not do by itself."""
_NOTIFY: Final = f"SELECT pg_notify('{CHANNEL}', '')"


class RevocationAnnouncer:
    """Notifies the other processes: one notification for all revocations that wait for it."""

    def __init__(self, connections: ConnectionPool) -> None:
        """Prepare.

        Args:
            connections: The connections that only the revocation watch and presence use.
        """
        self._connections = connections
        self._due = False
        self._task: asyncio.Task[None] | None = None
        self._paused_until = 0.0
        self._failed = False
        self._log = structlog.get_logger("satmint.store")

    def announce(self) -> None:
        """Notify the other processes soon, or not at all. Never waits and never raises."""
        self._due = True
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Finish what was announced."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._due:
                self._due = False
                await self._notify()
        finally:
            self._task = None

    async def _notify(self) -> None:
        time = asyncio.get_running_loop().time
        if time() < self._paused_until:
            return
        try:
            if self._failed:
                await self._connections.query(lambda db: db.execute(_ADVANCE))
            await self._connections.query(lambda db: db.execute(_NOTIFY))
        except (StoreUnavailable, asyncpg.PostgresError) as error:
            self._paused_until = time() + _PAUSE_SECONDS
            if not self._failed:
                cause = getattr(error, "cause", None) or getattr(error, "sqlstate", "")
                self._log.warning(
                    "notifications_paused",
                    cause=cause,
                    meaning="other processes learn of revocations by polling only",
                    remedy="if the queue is full (54000), end the transaction of who listens: see"
                    " pg_notification_queue_usage()",
                )
            self._failed = True
            return
        if self._failed:
            self._failed = False
            self._log.info("notifications_resumed")
