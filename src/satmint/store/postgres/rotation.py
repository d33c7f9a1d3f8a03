"""Rotations in PostgreSQL: one statement for all waiting sessions.

Of all callers that present a generation, exactly one finds it still the head: the statement rotates
it and records the event in one round trip. It never waits: it skips rows that another transaction
has locked. The steps that it did not rotate, for whatever reason, are decided by the full rules in
a transaction that locks their rows, again many at once and without waiting. What is locked even
then is tried again; see `LockWaits`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from satmint.model.events import Event, EventKind
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS, expired
from satmint.model.observed_time import ObservedClock
from satmint.model.rotation import (
    Cause,
    Head,
    RefreshTokenRef,
    Refused,
    Rotated,
    RotationResult,
    SessionState,
    apply_rotation,
    decide_rotation,
    rotation_event,
    rotation_result,
)
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.events import POSITION, record
from satmint.store.postgres.routing import one_shard, statement
from satmint.store.postgres.session_rows import (
    DATABASE_TIME,
    PROJECT_LOCK,
    Key,
    lock_sessions,
    project_locks,
    read_sessions,
    unknown_sessions,
)
from satmint.store.sql.event_columns import EVENT_COLUMNS
from satmint.store.sql.seen_marks import SeenMark, with_evidence


class RotationStep(msgspec.Struct, frozen=True):
    """A presented refresh token; see `SessionStore.rotate`."""

    ref: RefreshTokenRef
    expires_at: int
    now: int
    replay_seconds: int
    event: Event
    database_time: bool = False
    """Whether the database's clock measures the replay window, instead of `now`."""
    seen: SeenMark | None = None
    """What this process has seen of the session and not yet written."""
    clock: ObservedClock = msgspec.field(default_factory=ObservedClock)
    """What this process has seen of the clock that measures the replay window."""

    @property
    def key(self) -> Key:
        """The session."""
        return self.ref.project, self.ref.session

    @property
    def fits_fast_path(self) -> bool:
        """Whether `_ROTATE` can decide: the token has not expired, and the event can be written.

        The event must be of this session, at `now`, without a subject.
        """
        if expired(self.ref.expires_at, self.now):
            return False
        event = self.event
        return event.at == self.now and event.session == self.ref.session and event.subject is None


# The condition contains every reason to refuse. It also requires that the deadline does not shorten
# the new pair and that the session's key is the token's, so that nothing has to be read back. It is
# evaluated again for a row that changed before it was locked. Revoking or deleting a subscriber
# revokes its sessions in the same transaction, so the subscriber's row need not be read.
# LATERAL and the subquery leave the planner one plan only, by the primary keys: without statistics,
# as in a new database, it would join by the project alone and read all its sessions for each step.
_ROTATED: Final = f"""
WITH {PROJECT_LOCK}, step AS MATERIALIZED (
    SELECT step.*, project.epoch AS project_epoch
      FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::text[],
                         $8::bigint[], $9::bigint[], $10::bytea[], $11::uuid[], $12::text[],
                         $13::text[], $14::text[])
        WITH ORDINALITY AS step (project_id, session_id, generation, epoch, jkt, now, expires_at,
                                 event_id, event_subscriber_id, request_id, address, agent, n)
      JOIN project ON project.project_id = step.project_id
), head AS MATERIALIZED (
    SELECT step.n, step.now, step.expires_at, held.project_id, held.session_id,
           CASE WHEN $15 THEN {DATABASE_TIME} - step.now ELSE 0 END AS skew
      FROM (SELECT * FROM step ORDER BY project_id, session_id) AS step
     CROSS JOIN LATERAL (
        SELECT sessions.project_id, sessions.session_id
          FROM sessions
         WHERE sessions.project_id = step.project_id
           AND sessions.session_id = step.session_id
           AND sessions.generation = step.generation
           AND sessions.revoked_at IS NULL
           AND sessions.project_epoch = step.project_epoch
           AND sessions.jkt IS NOT DISTINCT FROM step.jkt
           AND sessions.head_expires_at + {REFRESH_TOKEN_GRACE_SECONDS} > step.now
           AND sessions.deadline - {REFRESH_TOKEN_GRACE_SECONDS} >= step.expires_at
           AND sessions.subscriber_epoch = step.epoch{one_shard("sessions")}
           FOR UPDATE SKIP LOCKED
     ) AS held
), rotated AS (
    UPDATE sessions
       SET generation = generation + 1,
           head_since = head.now,
           head_expires_at = head.expires_at,
           lives_until = greatest(lives_until, head.expires_at + {REFRESH_TOKEN_GRACE_SECONDS}),
           measured_generation = generation + 1,
           replays = 0,
           skew = head.skew
      FROM head
     WHERE sessions.project_id = head.project_id AND sessions.session_id = head.session_id
           {one_shard("sessions")}
    RETURNING head.n
)"""
_ROTATE: Final = statement(f"""{_ROTATED}, recorded AS (
    INSERT INTO events ({EVENT_COLUMNS}, position)
    SELECT project_id, event_id, '{EventKind.REFRESHED.value}', now, event_subscriber_id,
           session_id, NULL, generation + 1, '', request_id, address, agent, {POSITION}
      FROM step JOIN rotated ON rotated.n = step.n
)
SELECT n FROM rotated
""").several
# A cluster does not route a statement that inserts on the way: the events are written after it.
_ROTATE_ONE_SHARD: Final = statement(f"{_ROTATED} SELECT n FROM rotated", projects="$3").one

_WRITE: Final = statement(f"""
UPDATE sessions
   SET generation = new.generation,
       head_since = new.head_since,
       head_expires_at = new.head_expires_at,
       lives_until = greatest(lives_until, new.head_expires_at + {REFRESH_TOKEN_GRACE_SECONDS}),
       revoked_at = new.revoked_at,
       measured_generation = new.generation,
       replays = new.replays,
       skew = new.skew
  FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
              $7::bigint[], $8::bigint[])
    AS new (project_id, session_id, generation, head_since, head_expires_at, revoked_at, replays,
            skew)
 WHERE sessions.project_id = new.project_id AND sessions.session_id = new.session_id
       {one_shard("sessions")}
""")


async def rotate_heads(db: Connection, steps: Sequence[RotationStep]) -> Sequence[Rotated | None]:
    """Rotate where the token is the head's and nothing forbids it; None for all other steps.

    On a database that distributes its tables, within a transaction, and of one shard.
    """
    first: dict[tuple[int, int], int] = {}
    for at, step in enumerate(steps):
        if step.fits_fast_path:
            token = step.ref
            first.setdefault((token.project.int, token.session.int), at)
    if not first:
        return [None] * len(steps)
    candidates = [steps[at] for at in first.values()]
    tokens, events = [step.ref for step in candidates], [step.event for step in candidates]
    projects = {token.project for token in tokens}
    rows = await db.fetch(
        _ROTATE_ONE_SHARD if db.is_distributed else _ROTATE,
        *project_locks(projects),
        [token.project for token in tokens],
        [token.session for token in tokens],
        [token.generation for token in tokens],
        [token.epoch for token in tokens],
        [token.jkt for token in tokens],
        [step.now for step in candidates],
        [step.expires_at for step in candidates],
        [event.id for event in events],
        [event.subscriber for event in events],
        [event.origin.request_id for event in events],
        [event.origin.address for event in events],
        [event.origin.agent for event in events],
        any(step.database_time for step in candidates),
    )
    verdicts: list[Rotated | None] = [None] * len(steps)
    positions = list(first.values())
    for (n,) in rows:
        step = candidates[n - 1]
        token = step.ref
        head = Head(token.generation + 1, step.now, step.expires_at, token.jkt)
        verdicts[positions[n - 1]] = Rotated(head)
    if db.is_distributed and rows:
        await record(db, *(_refreshed(candidates[n - 1]) for (n,) in rows))
    return verdicts


def _refreshed(step: RotationStep) -> Event:
    """The event that `_ROTATE` writes."""
    generation = step.ref.generation + 1
    return msgspec.structs.replace(
        step.event, kind=EventKind.REFRESHED, generation=generation, cause=""
    )


async def decide_skip_locked(
    db: Connection, steps: Sequence[RotationStep]
) -> Sequence[RotationResult | None]:
    """Decide about steps, in order, in a transaction; None if the session's row is locked."""
    held = await lock_sessions(db, [step.key for step in steps])
    known = await read_sessions(db, list(held))
    states = {key: one.state for key, one in known.items()}
    unknown = await unknown_sessions(db, {step.key for step in steps} - states.keys())
    changed: dict[Key, int | None] = {}
    events: list[Event] = []
    verdicts: list[RotationResult | None] = []
    for step in steps:
        state = states.get(step.key)
        if state is None:
            verdicts.append(Refused(Cause.UNKNOWN_SESSION) if step.key in unknown else None)
            continue
        read_at = known[step.key].measured_at
        measured_at = step.now if read_at is None or not step.database_time else read_at
        state = with_evidence(state, step.seen)
        verdict, states[step.key] = _apply(step, state, measured_at, changed, events)
        verdicts.append(verdict)
    await _write(db, states, changed)
    if events:
        await record(db, *events)
    return verdicts


def _apply(
    step: RotationStep,
    state: SessionState,
    measured_at: int,
    changed: dict[Key, int | None],
    events: list[Event],
) -> tuple[RotationResult, SessionState]:
    """Decide about one step and collect its writes. Returns its result and the next state.

    Args:
        step: The presented token.
        state: The session's state after the earlier steps.
        measured_at: Unix seconds, by the clock that measures windows.
        changed: By changed session: the time of its revocation, None if not revoked. Updated.
        events: The events to record. Updated.
    """
    latest = step.clock.latest_since(state.measured_since, measured_at)
    decision = decide_rotation(state, step.ref, step.now, step.replay_seconds, latest)
    if isinstance(decision, Refused):
        return decision, state
    skew = measured_at - step.now
    state = apply_rotation(decision, state, step.expires_at, step.now, skew)
    changed[step.key] = step.now if state.revoked else None
    event = rotation_event(decision, step.ref, state, step.event)
    if event is not None:
        events.append(event)
    return rotation_result(decision, state), state


async def _write(
    db: Connection, states: dict[Key, SessionState], changed: dict[Key, int | None]
) -> None:
    if changed:
        heads = [states[key].head for key in changed]
        await db.execute(
            _WRITE.form_for(db),
            [project for project, _ in changed],
            [session for _, session in changed],
            [head.generation for head in heads],
            [head.since for head in heads],
            [head.expires_at for head in heads],
            list(changed.values()),
            [states[key].replays for key in changed],
            [states[key].skew for key in changed],
        )
