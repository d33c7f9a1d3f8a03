"""Sessions in SQLite: opening, rotating, revoking."""

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.events import Event, EventKind
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS
from satmint.model.listing import Page, Window
from satmint.model.possession import (
    Accepted,
    Denied,
    Grant,
    Judgement,
    Possession,
    PossessionCause,
    judge_possession,
)
from satmint.model.records import Session, SessionStanding
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import (
    Head,
    Move,
    Presented,
    Refused,
    Rotated,
    Verdict,
    judge,
    verdict_of,
)
from satmint.store.contract import NewSession, NewSubscriber, NotUnique, Opened, SubscriberChange
from satmint.store.sqlite.events import record
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Listing, read_page
from satmint.store.sqlite.proofs import count_resend, remember_proof, used_proof
from satmint.store.sqlite.session_rows import (
    SESSION_COLUMNS,
    as_standing,
    read_standing,
    session_of,
)
from satmint.store.sqlite.subscribers import (
    change_subscriber,
    create_subscriber,
    create_temporary,
    taken_attribute,
)

_INSERT: Final = (
    "INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, subscriber_epoch,"
    " kind, generation, head_since, head_expires_at, seen_generation, created_at, deadline,"
    " lives_until, first_until, jkt, address, agent)"
    " VALUES (?1, ?2, (SELECT epoch FROM projects WHERE project_id = ?1), ?3, ?12, ?4, 0, ?5, ?6,"
    " -1, ?5, ?7, ?8, ?8, ?9, ?10, ?11)"
)

# The one statement that decides a rotation: of all who present a generation, one finds it still
# the head. Everything that could forbid it is part of the condition. So is that the session's
# deadline cuts nothing and that its key is the one which the token names, which leaves nothing to
# be read back. Whoever revokes or deletes a subscriber revokes its sessions in the same step, so
# that the subscriber's row has not to be looked at.
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
   AND jkt IS ?7
   AND subscriber_epoch = ?6
"""

_REVOKE: Final = (
    "UPDATE sessions SET revoked_at = ?"
    " WHERE project_id = ? AND session_id = ? AND revoked_at IS NULL"
)

# Nobody else writes between the reading and this; the condition says what is meant all the same.
_BIND: Final = "UPDATE sessions SET jkt = ? WHERE project_id = ? AND session_id = ? AND jkt IS NULL"

_GRANTED: Final = (
    "UPDATE sessions SET lives_until = max(lives_until, ?1),"
    " device_token_at = max(coalesce(device_token_at, ?2), ?2)"
    " WHERE project_id = ?3 AND session_id = ?4"
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
    reader: Readers

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
            opened = Opened(UUID(bytes=row[0]), row[1])
            _insert_session(db, opened, Kind.SUBSCRIBER, session, now, event)
            return opened

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
            opened = Opened(subscriber, 0)
            _insert_session(db, opened, kind, session, now, event)
            return opened

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
                return _answer_otherwise(db, presented, expires_at, now, replay_cap, event)
            head = Head(presented.generation + 1, now, expires_at, presented.jkt)
            record(db, event, generation=head.generation)
            return Rotated(head)

        return await self.writer.submit(work)

    async def prove(
        self, shown: Possession, grant: Grant | None, now: int, event: Event, binding: Event
    ) -> Judgement:
        """See `SessionStore.prove`."""

        def work(db: sqlite3.Connection) -> Judgement:
            known = read_standing(db, shown.project, shown.session)
            standing = None if known is None else as_standing(known)
            judgement = judge_possession(standing, used_proof(db, shown), shown, grant, now)
            match judgement:
                case Accepted(again=True):
                    count_resend(db, shown)
                case Accepted():
                    _accept(db, shown, judgement, event, binding)
                case Denied(PossessionCause.KEY_MISMATCH):
                    record(db, event, kind=EventKind.KEY_MISMATCH)
            return judgement

        return await self.writer.submit(work)

    async def standing(self, project: UUID, session: UUID) -> SessionStanding | None:
        """See `SessionStore.standing`."""
        return await self.reader.submit(lambda db: read_standing(db, project, session))

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
            f"SELECT {SESSION_COLUMNS} FROM sessions",
            ["project_id = ?", "subscriber_id = ?"],
            [project.bytes, subscriber.bytes],
            "created_at",
            "session_id",
        )
        return await self.reader.browse(lambda db: read_page(db, listing, window, session_of))

    async def revoke(self, project: UUID, session: UUID, now: int, event: Event) -> bool:
        """See `SessionStore.revoke`."""

        def work(db: sqlite3.Connection) -> bool:
            standing = read_standing(db, project, session)
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


def _accept(
    db: sqlite3.Connection, shown: Possession, accepted: Accepted, event: Event, binding: Event
) -> None:
    """Make durable what a proof that is good and new means."""
    session = (shown.project.bytes, shown.session.bytes)
    remember_proof(db, shown, accepted.grant)
    if accepted.bound:
        if db.execute(_BIND, (shown.jkt, *session)).rowcount != 1:
            raise RuntimeError("the session was bound behind the rules' back")
        record(db, binding)
    if accepted.grant is not None:
        grant = accepted.grant
        db.execute(_GRANTED, (grant.expires_at, grant.issued_at, *session))
        record(db, event)


def _insert_session(
    db: sqlite3.Connection, opened: Opened, kind: Kind, new: NewSession, now: int, event: Event
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
            new.expires_at + REFRESH_OVERHANG_SECONDS,
            new.jkt,
            event.origin.address,
            event.origin.agent,
            opened.epoch,
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
            presented.jkt,
        ),
    )
    return changed.rowcount == 1


def _answer_otherwise(
    db: sqlite3.Connection,
    presented: Presented,
    expires_at: int,
    now: int,
    replay_cap: int | None,
    event: Event,
) -> Verdict:
    """What the rules say of a token that the conditional write passed by."""
    known = read_standing(db, presented.project, presented.session)
    standing = None if known is None else as_standing(known)
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
        # It passed by only because the deadline cuts the new pair's life, or because the session
        # was bound to a key after the token was made.
        last = min(expires_at, session.deadline - REFRESH_OVERHANG_SECONDS)
        current = msgspec.structs.replace(presented, jkt=session.jkt)
        if not _rotated(db, current, last, now):
            raise RuntimeError("the conditional write and the rules disagree")
        head = Head(presented.generation + 1, now, last, session.jkt)
        generation, cause = head.generation, ""
    record(db, event, kind=_EVENT_OF[move], generation=generation, cause=cause)
    return verdict_of(move, head)


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
