"""Sessions in SQLite: opening, rotating and proving possession."""

import sqlite3
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.observed_time import ObservedClock
from satmint.model.possession import Grant, Possession, PossessionResult
from satmint.model.records import StoredSession
from satmint.model.rotation import RefreshTokenRef, RotationResult
from satmint.store.contract import (
    NewSession,
    NewSubscriber,
    OpenedSession,
    SubscriberChange,
)
from satmint.store.sql.keyed_requests import claim_key
from satmint.store.sql.port import Database
from satmint.store.sql.project_deletion import NEW_SESSION_EPOCH
from satmint.store.sql.seen_marks import SeenMark, SeenMarks
from satmint.store.sql.session_columns import SEEN_LATE
from satmint.store.sql.sessions import SqlSessions
from satmint.store.sql.subscribers import sign_in
from satmint.store.sqlite.database import SqliteTransaction, run
from satmint.store.sqlite.events import record
from satmint.store.sqlite.possession import prove
from satmint.store.sqlite.rotation import rotate
from satmint.store.sqlite.session_rows import read_session
from satmint.store.sqlite.workers import ConnectionWorker, ReaderPool

_INSERT: Final = (
    "INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, subscriber_epoch,"
    " kind, generation, head_since, head_expires_at, seen_generation, created_at, deadline,"
    " lives_until, first_until, jkt, address, agent, c2c_token_id)"
    f" VALUES (?1, ?2, (SELECT {NEW_SESSION_EPOCH} FROM projects WHERE project_id = ?1),"
    " ?3, ?12, ?4, 0, ?5, ?6,"
    " -1, ?5, ?7, ?8, ?8, ?9, ?10, ?11, ?13)"
)

_INSERT_TEMPORARY: Final = (
    "INSERT INTO subscribers (project_id, subscriber_id, kind, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?)"
)

_IS_LATE: Final = f"({SEEN_LATE.format('?4')} OR {SEEN_LATE.format('?5')})"
# Written at the first use of a head, and at the first one when it is no longer concurrent.
_MARK_SEEN: Final = f"""
UPDATE sessions
   SET seen_generation = generation,
       seen_late_generation = CASE WHEN {_IS_LATE} THEN generation
                                   ELSE seen_late_generation END
 WHERE project_id = ?1 AND session_id = ?2 AND generation = ?3
   AND (seen_generation < generation
        OR (seen_late_generation < generation AND {_IS_LATE}))
"""


class SqliteSessions(SqlSessions):
    """See `SessionStore`."""

    def __init__(self, writer: ConnectionWorker, reader: ReaderPool, db: Database) -> None:
        super().__init__(db)
        self._writer = writer
        self._reader = reader
        self.clock = ObservedClock()
        self.seen_marks = SeenMarks(lambda marks: writer.submit(lambda db: _mark_seen(db, marks)))

    async def close(self) -> None:
        """Write the pending marks; the writer must still be open."""
        await self.seen_marks.close()

    async def open_for_reference(
        self,
        project: UUID,
        subscriber: NewSubscriber,
        change: SubscriberChange,
        session: NewSession,
        now: int,
        event: Event,
        keyed: KeyedRequest | None = None,
    ) -> OpenedSession:
        """See `SessionStore.open_for_reference`."""

        def work(db: sqlite3.Connection) -> OpenedSession:
            _claim(db, keyed)
            opened = run(sign_in(SqliteTransaction(db), subscriber, project, change, now))
            _insert_session(db, opened, Kind.SUBSCRIBER, session, now, event)
            return opened

        return await self._writer.submit(work, may_raise=keyed is not None)

    async def open_temporary(
        self,
        project: UUID,
        subscriber: UUID,
        kind: Kind,
        session: NewSession,
        now: int,
        event: Event,
        keyed: KeyedRequest | None = None,
    ) -> OpenedSession:
        """See `SessionStore.open_temporary`."""

        def work(db: sqlite3.Connection) -> OpenedSession:
            _claim(db, keyed)
            db.execute(_INSERT_TEMPORARY, (project.bytes, subscriber.bytes, kind.value, now, now))
            opened = OpenedSession(subscriber, 0)
            _insert_session(db, opened, kind, session, now, event)
            return opened

        return await self._writer.submit(work, may_raise=keyed is not None)

    async def rotate(
        self,
        ref: RefreshTokenRef,
        expires_at: int,
        now: int,
        replay_seconds: int,
        event: Event,
    ) -> RotationResult:
        """See `SessionStore.rotate`."""

        def work(db: sqlite3.Connection) -> RotationResult:
            seen = self.seen_marks.of(ref.project, ref.session)
            return rotate(db, ref, expires_at, now, replay_seconds, event, seen, self.clock)

        return await self._writer.submit(work)

    async def prove(
        self, possession: Possession, grant: Grant | None, now: int, event: Event, binding: Event
    ) -> PossessionResult:
        """See `SessionStore.prove`."""
        return await self._writer.submit(
            lambda db: prove(db, possession, grant, now, event, binding)
        )

    async def get(self, project: UUID, session: UUID) -> StoredSession | None:
        """See `SessionStore.get`."""
        return await self._reader.lookup(lambda db: read_session(db, project, session))

    async def recheck(self, project: UUID, session: UUID) -> StoredSession | None:
        """See `SessionStore.recheck`."""
        return await self.get(project, session)

    def mark_seen(self, ref: RefreshTokenRef, now: int) -> None:
        """See `SessionStore.mark_seen`."""
        self.clock.observe(now)
        self.seen_marks.add(ref, now)

    def has_pending_mark(self, project: UUID, session: UUID) -> bool:
        """See `SessionStore.has_pending_mark`."""
        return self.seen_marks.of(project, session) is not None


def _mark_seen(db: sqlite3.Connection, marks: Sequence[SeenMark]) -> Sequence[bool]:
    """Write marks; see `satmint.store.sql.seen_marks.Write`. No row is locked."""
    db.executemany(
        _MARK_SEEN,
        [(mark.project.bytes, mark.session.bytes, *mark[2:]) for mark in marks],
    )
    return [True] * len(marks)


def _claim(db: sqlite3.Connection, keyed: KeyedRequest | None) -> None:
    if keyed is not None:
        run(claim_key(SqliteTransaction(db), keyed))


def _insert_session(
    db: sqlite3.Connection,
    opened: OpenedSession,
    kind: Kind,
    new: NewSession,
    now: int,
    event: Event,
) -> None:
    subscriber = opened.subscriber.bytes
    db.execute(
        _INSERT,
        (
            event.project.bytes,
            new.id.bytes,
            subscriber,
            kind.value,
            now,
            new.expires_at,
            new.deadline,
            new.expires_at + REFRESH_TOKEN_GRACE_SECONDS,
            new.jkt,
            event.origin.address,
            event.origin.agent,
            opened.epoch,
            None if new.c2c_token is None else new.c2c_token.bytes,
        ),
    )
    record(db, event, subscriber=subscriber)
