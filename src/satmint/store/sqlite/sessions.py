"""Sessions in SQLite: opening, rotating, revoking."""

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS
from satmint.model.listing import Page, Window
from satmint.model.possession import Grant, Judgement, Possession
from satmint.model.records import Session, SessionStanding
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import Presented, Verdict
from satmint.store.contract import NewSession, NewSubscriber, NotUnique, Opened, SubscriberChange
from satmint.store.sqlite.events import record
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Listing, read_page
from satmint.store.sqlite.possession import prove
from satmint.store.sqlite.rotation import rotate
from satmint.store.sqlite.session_rows import (
    SESSION_COLUMNS,
    read_standing,
    revoke_session,
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

_NOTE_SEEN: Final = (
    "UPDATE sessions SET seen_generation = ? WHERE project_id = ? AND session_id = ?"
    " AND generation = ? AND seen_generation < generation"
)


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
        return await self.writer.submit(
            lambda db: rotate(db, presented, expires_at, now, replay_cap, event)
        )

    async def prove(
        self, shown: Possession, grant: Grant | None, now: int, event: Event, binding: Event
    ) -> Judgement:
        """See `SessionStore.prove`."""
        return await self.writer.submit(lambda db: prove(db, shown, grant, now, event, binding))

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
                revoke_session(db, project, session, now)
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
