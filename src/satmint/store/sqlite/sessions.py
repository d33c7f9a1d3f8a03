"""Sessions in SQLite: opening, rotating, revoking."""

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import Event, EventKind
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS
from satmint.model.listing import Page, Window
from satmint.model.records import Session, SessionStanding
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import (
    Head,
    Move,
    Presented,
    Refused,
    Rotated,
    Standing,
    Verdict,
    judge,
    verdict_of,
)
from satmint.store.contract import NewSession, NewSubscriber, NotUnique, Opened, SubscriberChange
from satmint.store.sqlite.events import record
from satmint.store.sqlite.lanes import Lane
from satmint.store.sqlite.listing import Listing, Row, read_page
from satmint.store.sqlite.subscribers import (
    change_subscriber,
    create_subscriber,
    create_temporary,
    taken_attribute,
)

_COLUMNS: Final = (
    "project_id, session_id, subscriber_id, kind, generation, head_since, head_expires_at,"
    " seen_generation, created_at, deadline, lives_until,"
    # Its own revocation, or that of all sessions that its project had until then.
    " coalesce(revoked_at, (SELECT projects.revoked_at FROM projects"
    " WHERE projects.project_id = sessions.project_id"
    " AND projects.epoch <> sessions.project_epoch)), jkt, address, agent"
)
_INSERT: Final = (
    "INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, kind, generation,"
    " head_since, head_expires_at, seen_generation, created_at, deadline, lives_until, jkt,"
    " address, agent) VALUES (?1, ?2, (SELECT epoch FROM projects WHERE project_id = ?1), ?3, ?4,"
    " 0, ?5, ?6, -1, ?5, ?7, ?8, ?9, ?10, ?11)"
)

# The one statement that decides a rotation: of all who present a generation, one finds it still
# the head. Everything that could forbid it is part of the condition; so is that the session's
# deadline cuts nothing, which leaves nothing to be read back.
_ROTATE: Final = f"""
UPDATE sessions
   SET generation = generation + 1,
       head_since = ?1,
       head_expires_at = ?2,
       lives_until = max(lives_until, ?2 + {REFRESH_OVERHANG_SECONDS})
 WHERE project_id = ?3 AND session_id = ?4 AND generation = ?5
   AND revoked_at IS NULL
   AND project_epoch = (SELECT projects.epoch FROM projects WHERE projects.project_id = ?3)
   AND head_expires_at + {REFRESH_OVERHANG_SECONDS} > ?1
   AND deadline - {REFRESH_OVERHANG_SECONDS} >= ?2
   AND EXISTS (SELECT 1 FROM subscribers
                WHERE subscribers.project_id = sessions.project_id
                  AND subscribers.subscriber_id = sessions.subscriber_id
                  AND subscribers.epoch = ?6)
"""

_STANDING: Final = (
    f"SELECT {_COLUMNS}, (SELECT epoch FROM subscribers"
    " WHERE subscribers.project_id = sessions.project_id"
    " AND subscribers.subscriber_id = sessions.subscriber_id)"
    " FROM sessions WHERE project_id = ? AND session_id = ?"
)

_REVOKE: Final = (
    "UPDATE sessions SET revoked_at = ?"
    " WHERE project_id = ? AND session_id = ? AND revoked_at IS NULL"
)

_NOTE_SEEN: Final = (
    "UPDATE sessions SET seen_generation = ? WHERE project_id = ? AND session_id = ?"
    " AND generation = ? AND seen_generation < generation"
)

_EVENT_OF: Final = {
    Move.ROTATE: EventKind.REFRESHED,
    Move.REPLAY: EventKind.REPLAYED,
    Move.REVOKE: EventKind.REUSE_DETECTED,
}


@dataclass(frozen=True, slots=True)
class SqliteSessions:
    """See `SessionStore`."""

    writer: Lane
    reader: Lane

    async def open_for_reference(
        self,
        project: UUID,
        subscriber: NewSubscriber,
        change: SubscriberChange,
        session: NewSession,
        now: int,
        event: Event,
    ) -> Opened:
        """See `SessionStore.open_for_reference`."""

        def work(db: sqlite3.Connection) -> Opened | NotUnique:
            row = db.execute(
                "SELECT subscriber_id, epoch FROM subscribers"
                " WHERE project_id = ? AND reference = ?",
                (project.bytes, subscriber.reference),
            ).fetchone()
            if row is None:
                # Refusing comes before the first write, so there is nothing to take back.
                if taken_attribute(db, project, subscriber.id.bytes, email=subscriber.email):
                    return NotUnique("reference")
                create_subscriber(db, subscriber, project, change, now)
                row = (subscriber.id.bytes, 0)
            else:
                change_subscriber(db, project, row[0], change, now)
            _insert_session(db, row[0], Kind.SUBSCRIBER, session, now, event)
            return Opened(UUID(bytes=row[0]), row[1])

        outcome = await self.writer.submit(work)
        if isinstance(outcome, NotUnique):
            raise outcome
        return outcome

    async def open_temporary(
        self,
        project: UUID,
        subscriber: UUID,
        kind: Kind,
        session: NewSession,
        now: int,
        event: Event,
    ) -> Opened:
        """See `SessionStore.open_temporary`."""

        def work(db: sqlite3.Connection) -> Opened:
            create_temporary(db, project, subscriber, kind, now)
            _insert_session(db, subscriber.bytes, kind, session, now, event)
            return Opened(subscriber, 0)

        return await self.writer.submit(work)

    async def rotate(
        self,
        presented: Presented,
        expires_at: int,
        now: int,
        replay_cap: int | None,
        event: Event,
    ) -> Verdict:
        """See `SessionStore.rotate`."""

        def work(db: sqlite3.Connection) -> Verdict:
            if not _rotated(db, presented, expires_at, now):
                return _answer_otherwise(db, presented, now, replay_cap, event)
            head = Head(presented.generation + 1, now, expires_at)
            record(db, event, generation=head.generation)
            return Rotated(head)

        return await self.writer.submit(work)

    async def standing(self, project: UUID, session: UUID) -> SessionStanding | None:
        """See `SessionStore.standing`."""
        return await self.reader.submit(lambda db: _read_standing(db, project, session))

    def note_seen(self, presented: Presented) -> None:
        """See `SessionStore.note_seen`."""
        generation = presented.generation
        args = (generation, presented.project.bytes, presented.session.bytes, generation)
        with contextlib.suppress(StoreUnavailable):
            future = self.writer.submit(lambda db: db.execute(_NOTE_SEEN, args).rowcount)
            # Nobody waits for it, so nobody else would look at what became of it.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def list(self, project: UUID, subscriber: UUID, window: Window) -> Page[Session]:
        """See `SessionStore.list`."""
        listing = Listing(
            f"SELECT {_COLUMNS} FROM sessions",
            ["project_id = ?", "subscriber_id = ?"],
            [project.bytes, subscriber.bytes],
            "created_at",
            "session_id",
        )
        return await self.reader.submit(lambda db: read_page(db, listing, window, _session))

    async def revoke(self, project: UUID, session: UUID, now: int, event: Event) -> bool:
        """See `SessionStore.revoke`."""

        def work(db: sqlite3.Connection) -> bool:
            standing = _read_standing(db, project, session)
            if standing is None:
                return False
            if standing.session.revoked_at is None:
                db.execute(_REVOKE, (now, project.bytes, session.bytes))
                record(db, event, subscriber=standing.session.subscriber.bytes)
            return True

        return await self.writer.submit(work)

    async def revoke_key(
        self, project: UUID, subscriber: UUID, jkt: str, now: int, event: Event
    ) -> int:
        """See `SessionStore.revoke_key`."""

        def work(db: sqlite3.Connection) -> int:
            count = _revoke_where(db, "jkt = ?", project, subscriber, now, jkt)
            if count:
                record(db, event)
            return count

        return await self.writer.submit(work, slow=True)

    async def revoke_subscriber(
        self, project: UUID, subscriber: UUID, now: int, event: Event
    ) -> int | None:
        """See `SessionStore.revoke_subscriber`."""

        def work(db: sqlite3.Connection) -> int | None:
            raised = db.execute(
                "UPDATE subscribers SET epoch = epoch + 1"
                " WHERE project_id = ? AND subscriber_id = ?",
                (project.bytes, subscriber.bytes),
            )
            if raised.rowcount == 0:
                return None
            record(db, event)
            return _revoke_where(db, "1", project, subscriber, now)

        return await self.writer.submit(work, slow=True)

    async def revoke_project(self, project: UUID, now: int, event: Event) -> None:
        """See `SessionStore.revoke_project`."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "UPDATE projects SET epoch = epoch + 1, revoked_at = ? WHERE project_id = ?",
                (now, project.bytes),
            )
            record(db, event)

        await self.writer.submit(work)


def _insert_session(
    db: sqlite3.Connection, subscriber: bytes, kind: Kind, new: NewSession, now: int, event: Event
) -> None:
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
            new.expires_at + REFRESH_OVERHANG_SECONDS,
            new.jkt,
            event.origin.address,
            event.origin.agent,
        ),
    )
    record(db, event, subscriber=subscriber)


def _rotated(db: sqlite3.Connection, presented: Presented, expires_at: int, now: int) -> bool:
    changed = db.execute(
        _ROTATE,
        (
            now,
            expires_at,
            presented.project.bytes,
            presented.session.bytes,
            presented.generation,
            presented.epoch,
        ),
    )
    return changed.rowcount == 1


def _answer_otherwise(
    db: sqlite3.Connection,
    presented: Presented,
    now: int,
    replay_cap: int | None,
    event: Event,
) -> Verdict:
    """What the rules say of a token that the conditional write passed by."""
    known = _read_standing(db, presented.project, presented.session)
    standing = None if known is None else _as_standing(known)
    move = judge(standing, presented, now, replay_cap)
    if isinstance(move, Refused):
        return move
    if standing is None or known is None:
        raise LookupError("a move was judged for a session that is not there")
    session = known.session
    generation, cause, head = presented.generation, f"head={session.head.generation}", session.head
    if move is Move.REVOKE:
        db.execute(_REVOKE, (now, session.project.bytes, session.id.bytes))
    elif move is Move.ROTATE:
        # It passed by only because the deadline cuts the new pair's life.
        last = session.deadline - REFRESH_OVERHANG_SECONDS
        if not _rotated(db, presented, last, now):
            raise RuntimeError("the conditional write and the rules disagree")
        head = Head(presented.generation + 1, now, last)
        generation, cause = head.generation, ""
    record(db, event, kind=_EVENT_OF[move], generation=generation, cause=cause)
    return verdict_of(move, head)


def _as_standing(known: SessionStanding) -> Standing:
    session = known.session
    return Standing(
        head=session.head,
        seen=session.seen_generation >= session.head.generation,
        revoked=session.revoked_at is not None,
        subscriber_epoch=known.subscriber_epoch,
        deadline=session.deadline,
    )


def _revoke_where(
    db: sqlite3.Connection, condition: str, project: UUID, subscriber: UUID, now: int, *args: str
) -> int:
    revoked = db.execute(
        "UPDATE sessions SET revoked_at = ? WHERE project_id = ? AND subscriber_id = ?"
        " AND revoked_at IS NULL AND project_epoch = (SELECT projects.epoch FROM projects"
        f" WHERE projects.project_id = sessions.project_id) AND {condition}",
        (now, project.bytes, subscriber.bytes, *args),
    )
    return revoked.rowcount


def _read_standing(db: sqlite3.Connection, project: UUID, session: UUID) -> SessionStanding | None:
    row = db.execute(_STANDING, (project.bytes, session.bytes)).fetchone()
    return None if row is None else SessionStanding(_session(row), row[15])


def _session(row: Row) -> Session:
    return Session(
        id=UUID(bytes=row[1]),
        project=UUID(bytes=row[0]),
        subscriber=UUID(bytes=row[2]),
        kind=Kind(row[3]),
        head=Head(row[4], row[5], row[6]),
        seen_generation=row[7],
        created_at=row[8],
        deadline=row[9],
        lives_until=row[10],
        revoked_at=row[11],
        jkt=row[12],
        address=row[13],
        agent=row[14],
    )
