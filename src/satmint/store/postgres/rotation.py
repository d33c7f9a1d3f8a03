"""Rotations in PostgreSQL: one statement for as many sessions as are waiting.

Of all who present a generation, one finds it still the head: the statement rotates it, and tells of
it, in one round trip. It waits for nobody: a row that somebody else holds is passed over. Whoever
was passed by, for whatever reason, is judged by the row as it is then, in a transaction that holds
it; that, too, is done for many at once.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from satmint.model.events import Event, EventKind
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS
from satmint.model.rotation import (
    Cause,
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
from satmint.store.postgres.connections import Connection
from satmint.store.postgres.events import COLUMNS as EVENT_COLUMNS
from satmint.store.postgres.events import record
from satmint.store.postgres.standing import (
    THROUGH_THE_GATE,
    Key,
    gates_of,
    hold,
    read_standings,
)


class RotationStep(msgspec.Struct, frozen=True):
    """A refresh token that was presented; see `SessionStore.rotate`."""

    presented: Presented
    expires_at: int
    now: int
    replay_cap: int | None
    event: Event

    @property
    def key(self) -> Key:
        """Which session."""
        return self.presented.project, self.presented.session

    @property
    def is_usual(self) -> bool:
        """Whether its event tells of this session, at this moment, and of nothing else."""
        event = self.event
        return (
            event.at == self.now
            and event.session == self.presented.session
            and event.subject is None
        )


# Everything that could forbid a rotation is part of the condition. So is that the session's
# deadline cuts nothing and that its key is the one which the token names, which leaves nothing to
# be read back. The condition is looked at again for a row that changed before it could be held.
# Whoever revokes or deletes a subscriber revokes its sessions in the same transaction, so that the
# subscriber's row has not to be looked at.
# LATERAL and the subquery leave the planner one way only, by the primary keys: without statistics,
# as in a new database, it would join by the project alone, and read all of its sessions for each.
_ROTATE: Final = f"""
WITH {THROUGH_THE_GATE}, step AS MATERIALIZED (
    SELECT step.*, project.epoch AS project_epoch
      FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::text[],
                         $8::bigint[], $9::bigint[], $10::bytea[], $11::uuid[], $12::text[],
                         $13::text[], $14::text[])
        WITH ORDINALITY AS step (project_id, session_id, generation, epoch, jkt, now, expires_at,
                                 event_id, told_of, request_id, address, agent, n)
      JOIN project ON project.project_id = step.project_id
), head AS MATERIALIZED (
    SELECT step.n, step.now, step.expires_at, held.project_id, held.session_id
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
           AND sessions.head_expires_at + {REFRESH_OVERHANG_SECONDS} > step.now
           AND sessions.deadline - {REFRESH_OVERHANG_SECONDS} >= step.expires_at
           AND sessions.subscriber_epoch = step.epoch
           FOR UPDATE SKIP LOCKED
     ) AS held
), rotated AS (
    UPDATE sessions
       SET generation = generation + 1,
           head_since = head.now,
           head_expires_at = head.expires_at,
           lives_until = greatest(lives_until, head.expires_at + {REFRESH_OVERHANG_SECONDS})
      FROM head
     WHERE sessions.project_id = head.project_id AND sessions.session_id = head.session_id
    RETURNING head.n
), told AS (
    INSERT INTO events ({EVENT_COLUMNS})
    SELECT project_id, event_id, '{EventKind.REFRESHED.value}', now, told_of, session_id, NULL,
           generation + 1, '', request_id, address, agent
      FROM step JOIN rotated ON rotated.n = step.n
)
SELECT n FROM rotated
"""

_WRITE: Final = f"""
UPDATE sessions
   SET generation = new.generation,
       head_since = new.head_since,
       head_expires_at = new.head_expires_at,
       lives_until = greatest(lives_until, new.head_expires_at + {REFRESH_OVERHANG_SECONDS}),
       revoked_at = new.revoked_at
  FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS new (project_id, session_id, generation, head_since, head_expires_at, revoked_at)
 WHERE sessions.project_id = new.project_id AND sessions.session_id = new.session_id
"""

_EVENT_OF: Final = {
    Move.ROTATE: EventKind.REFRESHED,
    Move.REPLAY: EventKind.REPLAYED,
    Move.REVOKE: EventKind.REUSE_DETECTED,
}


async def rotate_heads(db: Connection, steps: Sequence[RotationStep]) -> Sequence[Rotated | None]:
    """Rotate where the token is the head's and nothing forbids it; None: it was passed by."""
    first: dict[tuple[int, int], int] = {}
    for at, step in enumerate(steps):
        if step.is_usual:
            token = step.presented
            first.setdefault((token.project.int, token.session.int), at)
    chosen = [steps[at] for at in first.values()]
    tokens, events = [step.presented for step in chosen], [step.event for step in chosen]
    projects = {token.project for token in tokens}
    rows = await db.fetch(
        _ROTATE,
        gates_of(projects),
        list(projects),
        [token.project for token in tokens],
        [token.session for token in tokens],
        [token.generation for token in tokens],
        [token.epoch for token in tokens],
        [token.jkt for token in tokens],
        [step.now for step in chosen],
        [step.expires_at for step in chosen],
        [event.id for event in events],
        [event.subscriber for event in events],
        [event.origin.request_id for event in events],
        [event.origin.address for event in events],
        [event.origin.agent for event in events],
    )
    verdicts: list[Rotated | None] = [None] * len(steps)
    places = list(first.values())
    for (n,) in rows:
        step = chosen[n - 1]
        token = step.presented
        head = Head(token.generation + 1, step.now, step.expires_at, token.jkt)
        verdicts[places[n - 1]] = Rotated(head)
    return verdicts


async def judge_at_once(db: Connection, steps: Sequence[RotationStep]) -> Sequence[Verdict | None]:
    """Judge steps, in their order, by the rows as they are; None: it is unknown or held."""
    async with db.transaction():
        return await _judged(db, steps, patiently=False)


async def judge_patiently(db: Connection, step: RotationStep) -> Verdict:
    """Judge one step in a transaction, after whoever holds its session's row."""
    (verdict,) = await _judged(db, [step], patiently=True)
    return Refused(Cause.UNKNOWN_SESSION) if verdict is None else verdict


async def _judged(
    db: Connection, steps: Sequence[RotationStep], *, patiently: bool
) -> Sequence[Verdict | None]:
    held = await hold(db, [step.key for step in steps], patiently=patiently)
    known = await read_standings(db, list(held))
    bench = {key: one.standing for key, one in known.items()}
    changed: dict[Key, int | None] = {}
    events: list[Event] = []
    verdicts: list[Verdict | None] = []
    for step in steps:
        standing = bench.get(step.key)
        if standing is None:
            verdicts.append(None)
            continue
        verdict, bench[step.key] = _apply(step, standing, changed, events)
        verdicts.append(verdict)
    await _write(db, bench, changed)
    if events:
        await record(db, *events)
    return verdicts


def _apply(
    step: RotationStep,
    standing: Standing,
    changed: dict[Key, int | None],
    events: list[Event],
) -> tuple[Verdict, Standing]:
    """One step's verdict, and how its session stands then; notes what there is to write.

    Args:
        step: What was presented.
        standing: How its session stands, after the steps before this one.
        changed: By session that was changed: when it was revoked, if it was.
        events: What there is to tell.
    """
    move = judge(standing, step.presented, step.now, step.replay_cap)
    if isinstance(move, Refused):
        return move, standing
    head = standing.head
    generation, cause = step.presented.generation, f"head={head.generation}"
    if move is Move.REVOKE:
        changed[step.key] = step.now
        standing = Standing(head, standing.seen, True, standing.subscriber_epoch, standing.deadline)
    elif move is Move.ROTATE:
        last = min(step.expires_at, standing.deadline - REFRESH_OVERHANG_SECONDS)
        head = Head(head.generation + 1, step.now, last, head.jkt)
        generation, cause = head.generation, ""
        changed[step.key] = None
        standing = Standing(head, False, False, standing.subscriber_epoch, standing.deadline)
    events.append(
        msgspec.structs.replace(
            step.event, kind=_EVENT_OF[move], generation=generation, cause=cause
        )
    )
    return verdict_of(move, head), standing


async def _write(
    db: Connection, bench: dict[Key, Standing], changed: dict[Key, int | None]
) -> None:
    if changed:
        heads = [bench[key].head for key in changed]
        await db.execute(
            _WRITE,
            [project for project, _ in changed],
            [session for _, session in changed],
            [head.generation for head in heads],
            [head.since for head in heads],
            [head.expires_at for head in heads],
            list(changed.values()),
        )
