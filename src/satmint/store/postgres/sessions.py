"""Sessions in PostgreSQL: who decides about them how."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.possession import Grant, Judgement, Possession
from satmint.model.records import Session, SessionStanding
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import Presented, Verdict
from satmint.store.contract import NewSession, NewSubscriber, Opened, SubscriberChange
from satmint.store.postgres.at_work import AtWork
from satmint.store.postgres.batches import Batches
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.events import about, record
from satmint.store.postgres.listing import Listing, plain, read_page
from satmint.store.postgres.opening import (
    KnownStep,
    TemporaryStep,
    open_for_reference,
    open_known,
    open_temporary,
)
from satmint.store.postgres.possession import (
    PossessionStep,
    prove_at_once,
    prove_patiently,
)
from satmint.store.postgres.rotation import (
    RotationStep,
    judge_at_once,
    judge_patiently,
    rotate_heads,
)
from satmint.store.postgres.standing import COLUMNS, Key, close_gate, read_standings, session_of
from satmint.store.postgres.subscribers import revoke_sessions

_NOTE_SEEN: Final = """
WITH noted AS MATERIALIZED (
    SELECT sessions.project_id, sessions.session_id, sessions.generation
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS seen (project_id, session_id, generation)
      JOIN sessions ON sessions.project_id = seen.project_id
                   AND sessions.session_id = seen.session_id
     WHERE sessions.generation = seen.generation
       AND sessions.seen_generation < sessions.generation
     ORDER BY sessions.project_id, sessions.session_id
       FOR UPDATE OF sessions SKIP LOCKED
)
UPDATE sessions SET seen_generation = noted.generation
  FROM noted
 WHERE sessions.project_id = noted.project_id AND sessions.session_id = noted.session_id
"""


class PostgresSessions:
    """See `SessionStore`."""

    def __init__(self, connections: Connections, observe: Callable[[int], None]) -> None:
        self._connections = connections
        self._rotations = Batches(connections, rotate_heads, observe)
        self._judgements = Batches(connections, judge_at_once, observe)
        self._proofs = Batches(connections, prove_at_once, observe)
        self._known = Batches(connections, open_known, observe)
        self._temporary = Batches(connections, open_temporary, observe)
        self._notes = Batches(connections, _note_seen)
        self._looks = Batches(connections, _look_at)
        self._last_notes: dict[Key, asyncio.Future[None]] = {}
        """What was noted of a session and is not durable yet."""
        self._at_work = AtWork()

    async def close(self) -> None:
        """Finish what was begun, and take no more."""
        await self._at_work.over()
        for batches in (
            *(self._rotations, self._judgements, self._proofs, self._known, self._temporary),
            *(self._notes, self._looks),
        ):
            await batches.drained()

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
        with self._at_work:
            if change.password_hash is None:
                reference = subscriber.reference
                step = KnownStep(project, reference, change.fields, session, now, event)
                opened = await self._known.submit(step)
                if opened is not None:
                    return opened
            return await self._connections.decide(
                lambda db: open_for_reference(db, project, subscriber, change, session, now, event)
            )

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
        with self._at_work:
            step = TemporaryStep(project, subscriber, kind, session, now, event)
            return await self._temporary.submit(step)

    async def rotate(
        self,
        presented: Presented,
        expires_at: int,
        now: int,
        replay_cap: int | None,
        event: Event,
    ) -> Verdict:
        """See `SessionStore.rotate`."""
        step = RotationStep(presented, expires_at, now, replay_cap, event)
        with self._at_work:
            if self._last_notes:
                await self._noted(self._last_notes.get(step.key))
            verdict: Verdict | None = await self._rotations.submit(step)
            if verdict is None:
                verdict = await self._judgements.submit(step)
            if verdict is None:
                verdict = await self._connections.decide(lambda db: judge_patiently(db, step))
            return verdict

    async def prove(
        self, shown: Possession, grant: Grant | None, now: int, event: Event, binding: Event
    ) -> Judgement:
        """See `SessionStore.prove`."""
        step = PossessionStep(shown, grant, now, event, binding)
        with self._at_work:
            judgement = await self._proofs.submit(step)
            if judgement is None:
                judgement = await self._connections.decide(lambda db: prove_patiently(db, step))
            return judgement

    async def standing(self, project: UUID, session: UUID) -> SessionStanding | None:
        """See `SessionStore.standing`."""
        with self._at_work:
            return await self._looks.submit((project, session))

    def note_seen(self, presented: Presented) -> None:
        """See `SessionStore.note_seen`."""
        key = presented.project, presented.session
        with contextlib.suppress(StoreUnavailable), self._at_work:
            future = self._notes.submit(presented)
            self._last_notes[key] = future

            def noted(done: asyncio.Future[None]) -> None:
                if self._last_notes.get(key) is done:
                    del self._last_notes[key]
                # Nobody waits for it, so nobody else would look at what became of it.
                done.cancelled() or done.exception()

            future.add_done_callback(noted)

    async def list(self, project: UUID, subscriber: UUID, window: Window) -> Page[Session]:
        """See `SessionStore.list`."""
        listing = Listing(
            f"SELECT {COLUMNS} FROM sessions",
            ["project_id = {}", "subscriber_id = {}"],
            [project, subscriber],
            "created_at",
            "session_id",
        )
        return await self._connections.browse(lambda db: read_page(db, listing, window, session_of))

    async def revoke(self, project: UUID, session: UUID, now: int, event: Event) -> bool:
        """See `SessionStore.revoke`."""
        await self._noted(self._last_notes.get((project, session)))

        async def work(db: Connection) -> bool:
            revoked = await db.fetchrow(
                "UPDATE sessions SET revoked_at = $3 WHERE project_id = $1 AND session_id = $2"
                " AND revoked_at IS NULL AND project_epoch = (SELECT projects.epoch FROM projects"
                " WHERE projects.project_id = $1) RETURNING subscriber_id",
                project,
                session,
                now,
            )
            if revoked is not None:
                await record(db, about(event, plain(revoked["subscriber_id"])))
                return True
            known = "SELECT 1 FROM sessions WHERE project_id = $1 AND session_id = $2"
            return await db.fetchval(known, project, session) is not None

        return await self._connections.insist(work)

    async def revoke_key(
        self, project: UUID, subscriber: UUID, jkt: str, now: int, event: Event
    ) -> int:
        """See `SessionStore.revoke_key`."""

        async def work(db: Connection) -> int:
            count = await revoke_sessions(db, project, subscriber, now, jkt=jkt)
            if count:
                await record(db, event)
            return count

        return await self._connections.insist(work)

    async def revoke_subscriber(
        self, project: UUID, subscriber: UUID, now: int, event: Event
    ) -> int | None:
        """See `SessionStore.revoke_subscriber`."""

        async def work(db: Connection) -> int | None:
            raised = await db.fetchval(
                "UPDATE subscribers SET epoch = epoch + 1"
                " WHERE project_id = $1 AND subscriber_id = $2 RETURNING 1",
                project,
                subscriber,
            )
            if raised is None:
                return None
            await record(db, event)
            return await revoke_sessions(db, project, subscriber, now)

        return await self._connections.insist(work)

    async def revoke_project(self, project: UUID, now: int, event: Event) -> None:
        """See `SessionStore.revoke_project`."""

        async def work(db: Connection) -> None:
            await close_gate(db, project)
            await db.execute(
                "UPDATE projects SET epoch = epoch + 1, revoked_at = $2 WHERE project_id = $1",
                project,
                now,
            )
            await record(db, event)

        await self._connections.insist(work)

    async def _noted(self, note: asyncio.Future[None] | None) -> None:
        """Return once it is durable, or has failed: what was seen before counts."""
        if note is not None:
            await asyncio.wait([note])


async def _note_seen(db: Connection, seen: Sequence[Presented]) -> Sequence[None]:
    await db.execute(
        _NOTE_SEEN,
        [one.project for one in seen],
        [one.session for one in seen],
        [one.generation for one in seen],
    )
    return [None] * len(seen)


async def _look_at(db: Connection, keys: Sequence[Key]) -> Sequence[SessionStanding | None]:
    found = await read_standings(db, list(set(keys)))
    return [found.get(key) for key in keys]
