"""Sessions in PostgreSQL: batches that never wait for a lock, tried again where rows are locked."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import asyncpg
from msgspec.structs import replace

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.observed_time import ObservedClock
from satmint.model.possession import Grant, Possession, PossessionResult
from satmint.model.records import StoredSession
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import RefreshTokenRef, RotationResult
from satmint.store.contract import NewSession, NewSubscriber, OpenedSession, SubscriberChange
from satmint.store.postgres.batches import Batches
from satmint.store.postgres.batches_by_shard import BatchesByShard
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.driver_errors import LOCK_NOT_AVAILABLE
from satmint.store.postgres.first_sign_in import FirstSignInStep, open_first
from satmint.store.postgres.in_flight import InFlight
from satmint.store.postgres.lock_waits import LockWaits, Transactions
from satmint.store.postgres.new_sessions import (
    KnownSubscriberStep,
    TemporarySubscriberStep,
    open_for_reference,
    open_known,
    open_temporary,
    open_temporary_once,
)
from satmint.store.postgres.possession import PossessionStep, prove_skip_locked
from satmint.store.postgres.rotation import RotationStep, decide_skip_locked, rotate_heads
from satmint.store.postgres.rotation_order import RotationOrder
from satmint.store.postgres.routing import one_shard, statement
from satmint.store.postgres.session_rows import DATABASE_TIME, Key, read_sessions
from satmint.store.postgres.transactions import transaction_of
from satmint.store.sql.port import Database
from satmint.store.sql.seen_marks import SeenMark, SeenMarks
from satmint.store.sql.session_columns import SEEN_LATE
from satmint.store.sql.sessions import SqlSessions

_IS_LATE: Final = f"({SEEN_LATE.format('seen.first_at')} OR {SEEN_LATE.format('seen.last_at')})"

# Written at the first use of a head, and at the first one when it is no longer concurrent. Returns
# the marks that a lock kept from being written. A row that has another generation, or none, needs
# no mark.
_MARK_SEEN: Final = statement(f"""
WITH due AS MATERIALIZED (
    SELECT n, sessions.project_id, sessions.session_id, sessions.generation,
           {_IS_LATE} AS is_late
      FROM (SELECT n, project_id, session_id, generation,
                   coalesce(first_at, {DATABASE_TIME}) AS first_at,
                   coalesce(last_at, {DATABASE_TIME}) AS last_at
              FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[])
                WITH ORDINALITY
                AS seen (project_id, session_id, generation, first_at, last_at, n)) AS seen
      JOIN sessions ON sessions.project_id = seen.project_id
                   AND sessions.session_id = seen.session_id
     WHERE sessions.generation = seen.generation{one_shard("sessions")}
       AND (sessions.seen_generation < sessions.generation
            OR (sessions.seen_late_generation < sessions.generation
                AND {_IS_LATE}))
), held AS MATERIALIZED (
    SELECT due.n, due.is_late, sessions.project_id, sessions.session_id, sessions.generation
      FROM due
      JOIN sessions ON sessions.project_id = due.project_id
                   AND sessions.session_id = due.session_id
     WHERE sessions.generation = due.generation{one_shard("sessions")}
     ORDER BY sessions.project_id, sessions.session_id
       FOR UPDATE OF sessions SKIP LOCKED
), marked AS (
    UPDATE sessions
       SET seen_generation = held.generation,
           seen_late_generation = CASE WHEN held.is_late THEN held.generation
                                       ELSE sessions.seen_late_generation END
      FROM held
     WHERE sessions.project_id = held.project_id AND sessions.session_id = held.session_id
           {one_shard("sessions")}
)
SELECT n FROM due WHERE n NOT IN (SELECT n FROM held)
""")


class PostgresSessions(SqlSessions):
    """See `SessionStore`."""

    def __init__(
        self,
        connections: ConnectionPool,
        reserved: ConnectionPool,
        db: Database,
        transactions: Transactions,
        waits: LockWaits,
        observe: Callable[[int], None],
        *,
        database_time: bool,
    ) -> None:
        """Prepare the batches.

        Args:
            connections: The connections that all requests share.
            reserved: Those of the revocation watch.
            db: The port to the shared connections.
            transactions: Runs transactions that are not batches.
            waits: The steps that wait for locks.
            observe: Called with the size of each batch that writes.
            database_time: Whether the database's clock measures the windows of rotation.
        """
        super().__init__(db)
        begin = transaction_of(connections.limits)
        self._transactions = transactions
        self._waits = waits
        self._database_time = database_time
        # Of one statement, unless the tables are distributed.
        self._rotations = BatchesByShard(
            connections,
            rotate_heads,
            observe,
            project_of=_project_of_step,
            begin_distributed=begin,
            writes=True,
        )
        self._decisions = BatchesByShard(
            connections,
            decide_skip_locked,
            observe,
            project_of=_project_of_step,
            begin=begin,
            writes=True,
        )
        self._proofs = BatchesByShard(
            connections,
            prove_skip_locked,
            observe,
            project_of=_project_of_step,
            begin=begin,
            writes=True,
        )
        self._known_subscribers = BatchesByShard(
            connections,
            open_known,
            observe,
            project_of=_project_of_opening,
            begin_distributed=begin,
            writes=True,
        )
        self._temporary_subscribers = BatchesByShard(
            connections,
            open_temporary,
            observe,
            project_of=_project_of_opening,
            begin_distributed=begin,
            writes=True,
        )
        # Another transaction that creates one of the subscribers has a lock, for which all wait.
        moment = transaction_of(
            connections.limits, lock_seconds=connections.limits.short_lock_seconds / 5
        )
        self._new_subscribers = Batches(connections, open_first, observe, begin=moment, writes=True)
        self._reads = BatchesByShard(connections, _read, project_of=_project_of_key)
        self._rechecks = BatchesByShard(reserved, _read, project_of=_project_of_key)
        self.seen_marks = SeenMarks(
            lambda marks: connections.run(lambda db: _mark_seen(db, marks), None, writes=True)
        )
        self._in_flight = InFlight()
        self._clock = ObservedClock()
        self._order = RotationOrder()

    def observe(self, now: int) -> None:
        """Take note of the time, if this process's clock measures windows."""
        if not self._database_time:
            self._clock.observe(now)

    async def close(self) -> None:
        """Finish running operations and accept no more."""
        await self._in_flight.close()
        for batches in (
            *(
                self._rotations,
                self._decisions,
                self._proofs,
                self._known_subscribers,
                self._new_subscribers,
                self._temporary_subscribers,
            ),
            *(self._reads, self._rechecks),
        ):
            await batches.drained()
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
        with self._in_flight:
            if change.password_hash is None and keyed is None:
                reference = subscriber.reference
                step = KnownSubscriberStep(project, reference, change.fields, session, now, event)
                opened = await self._known_subscribers.submit(step)
                if opened is None and not await self._db.is_by_project():
                    first = FirstSignInStep(project, subscriber, change, session, now, event)
                    opened = await self._open_first(first)
                if opened is not None:
                    return opened
            return await self._transactions.run(
                lambda db: open_for_reference(
                    db, project, subscriber, change, session, now, event, keyed
                ),
                project=project,
            )

    async def _open_first(self, step: FirstSignInStep) -> OpenedSession | None:
        """Create the subscriber in a batch; None if there is one, or somebody is creating one."""
        if not step.is_possible:
            return None
        try:
            return await self._new_subscribers.submit(step)
        except StoreUnavailable as error:
            if error.cause != LOCK_NOT_AVAILABLE:
                raise
            return None

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
        with self._in_flight:
            step = TemporarySubscriberStep(project, subscriber, kind, session, now, event)
            if keyed is None:
                return await self._temporary_subscribers.submit(step)
            return await self._transactions.run(
                lambda db: open_temporary_once(db, step, keyed), project=project
            )

    async def rotate(
        self,
        ref: RefreshTokenRef,
        expires_at: int,
        now: int,
        replay_seconds: int,
        event: Event,
    ) -> RotationResult:
        """See `SessionStore.rotate`."""
        self.observe(now)
        step = RotationStep(
            ref, expires_at, now, replay_seconds, event, self._database_time, clock=self._clock
        )
        with self._in_flight:
            turn = self._order.begin(ref)
            try:
                if turn.earlier:
                    await asyncio.wait(turn.earlier)
                return await self._rotate(step)
            finally:
                self._order.end(ref, turn)

    async def _rotate(self, step: RotationStep) -> RotationResult:
        verdict: RotationResult | None = None
        if not self._waits.is_waiting(*step.key):
            verdict = await self._rotations.submit(step)
            if verdict is None:
                verdict = await self._decide(step)
        if verdict is None:
            return await self._waits.repeat(*step.key, lambda: self._decide(step))
        return verdict

    def _decide(self, step: RotationStep) -> asyncio.Future[RotationResult | None]:
        """Decide by the full rules; see `decide_skip_locked`."""
        seen = self.seen_marks.of(*step.key)
        if seen is not None:
            step = replace(step, seen=seen)
        return self._decisions.submit(step)

    async def prove(
        self, possession: Possession, grant: Grant | None, now: int, event: Event, binding: Event
    ) -> PossessionResult:
        """See `SessionStore.prove`."""
        step = PossessionStep(possession, grant, now, event, binding)
        with self._in_flight:
            result: PossessionResult | None = await self._proofs.submit(step)
            if result is not None:
                return result
            return await self._waits.repeat(*step.key, lambda: self._proofs.submit(step))

    async def get(self, project: UUID, session: UUID) -> StoredSession | None:
        """See `SessionStore.get`."""
        with self._in_flight:
            found = await self._reads.submit((project, session))
            if found is None or self._database_time:
                return found
            return replace(found, measured_at=None)

    async def recheck(self, project: UUID, session: UUID) -> StoredSession | None:
        """See `SessionStore.recheck`."""
        with self._in_flight:
            return await self._rechecks.submit((project, session))

    def mark_seen(self, ref: RefreshTokenRef, now: int) -> None:
        """See `SessionStore.mark_seen`."""
        self.observe(now)
        self.seen_marks.add(ref, None if self._database_time else now)

    def has_pending_mark(self, project: UUID, session: UUID) -> bool:
        """See `SessionStore.has_pending_mark`."""
        return self.seen_marks.of(project, session) is not None


async def _mark_seen(db: Connection, marks: Sequence[SeenMark]) -> Sequence[bool]:
    """Write marks; see `satmint.store.sql.seen_marks.Write`."""
    unsettled: set[SeenMark] = set()
    failures: list[asyncpg.PostgresError] = []
    parts = _parts(marks) if db.is_distributed else [marks]
    for part in parts:
        try:
            rows = await db.fetch(_MARK_SEEN.form_for(db), *zip(*part, strict=True))
        except asyncpg.PostgresError as error:  # the node of this part fails, perhaps no other one
            failures.append(error)
            if len(failures) == len(parts) or db.is_closed():
                raise
            unsettled.update(part)
        else:
            unsettled.update(part[n - 1] for (n,) in rows)
    return [mark not in unsettled for mark in marks]


def _parts(marks: Sequence[SeenMark]) -> Sequence[Sequence[SeenMark]]:
    """The marks by project."""
    parts: dict[UUID, list[SeenMark]] = {}
    for mark in marks:
        parts.setdefault(mark.project, []).append(mark)
    return list(parts.values())


def _project_of_step(step: RotationStep | PossessionStep) -> UUID:
    return step.key[0]


def _project_of_opening(step: KnownSubscriberStep | TemporarySubscriberStep) -> UUID:
    return step.project


def _project_of_key(key: Key) -> UUID:
    return key[0]


async def _read(db: Connection, keys: Sequence[Key]) -> Sequence[StoredSession | None]:
    found = await read_sessions(db, list(set(keys)))
    return [found.get(key) for key in keys]
