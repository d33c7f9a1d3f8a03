"""Proofs of possession in PostgreSQL: judged by rows that are held, many at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import Event, EventKind
from satmint.model.possession import (
    Accepted,
    Denied,
    Grant,
    Judgement,
    Possession,
    PossessionCause,
    UsedProof,
    judge_possession,
)
from satmint.model.rotation import Standing
from satmint.store.postgres.connections import Connection
from satmint.store.postgres.events import record
from satmint.store.postgres.standing import Key, as_standing, hold, read_standings

ProofKey = tuple[UUID, bytes]
"""Project and digest of a proof."""


class PossessionStep(msgspec.Struct, frozen=True):
    """A proof that was shown; see `SessionStore.prove`."""

    shown: Possession
    grant: Grant | None
    now: int
    event: Event
    binding: Event

    @property
    def key(self) -> Key:
        """Which session."""
        return self.shown.project, self.shown.session


_USED: Final = """
SELECT project_id, proof, request, issued_at, expires_at, resends
  FROM unnest($1::uuid[], $2::bytea[]) AS wanted (project_id, proof)
  JOIN proofs USING (project_id, proof)
"""
_REMEMBER: Final = """
INSERT INTO proofs (project_id, proof, request, issued_at, expires_at, resends, forget_at)
VALUES ($1, $2, $3, $4, $5, 0, $6)
    ON CONFLICT (project_id, proof) DO NOTHING
RETURNING 1
"""
_COUNT: Final = "UPDATE proofs SET resends = resends + 1 WHERE project_id = $1 AND proof = $2"
_ACCEPT: Final = """
UPDATE sessions SET jkt = $3, lives_until = greatest(lives_until, $4),
                    device_token_at = greatest(device_token_at, $5)
 WHERE project_id = $1 AND session_id = $2 AND (jkt IS NULL OR jkt = $3)
RETURNING 1
"""


async def prove_at_once(
    db: Connection, steps: Sequence[PossessionStep]
) -> Sequence[Judgement | None]:
    """Judge proofs, in their order, by the rows as they are; None: it is unknown or held."""
    async with db.transaction():
        return await _judged(db, steps, patiently=False)


async def prove_patiently(db: Connection, step: PossessionStep) -> Judgement:
    """Judge one proof in a transaction, after whoever holds its session's row."""
    (judgement,) = await _judged(db, [step], patiently=True)
    return Denied(PossessionCause.UNKNOWN_SESSION) if judgement is None else judgement


async def _judged(
    db: Connection, steps: Sequence[PossessionStep], *, patiently: bool
) -> Sequence[Judgement | None]:
    held = await hold(db, [step.key for step in steps], patiently=patiently)
    known = await read_standings(db, list(held))
    bench = {key: as_standing(standing) for key, standing in known.items()}
    used = await _used_proofs(db, [step.shown for step in steps if step.key in bench])
    judgements: list[Judgement | None] = []
    for step in steps:
        standing = bench.get(step.key)
        if standing is None:
            judgements.append(None)
            continue
        judgement, bench[step.key] = await _apply(db, step, standing, used)
        judgements.append(judgement)
    return judgements


async def _apply(
    db: Connection, step: PossessionStep, standing: Standing, used: dict[ProofKey, UsedProof]
) -> tuple[Judgement, Standing]:
    """Judge one step and carry it out.

    Args:
        db: The transaction, which holds the session's row.
        step: What was shown.
        standing: How its session stands, after the steps before this one.
        used: What is remembered of proofs, after them; changed by this one.

    Returns:
        The judgement, and how the session stands then.
    """
    shown = step.shown
    key = shown.project, shown.proof
    while True:
        memory = used.get(key)
        judgement = judge_possession(standing, memory, shown, step.grant, step.now)
        match judgement:
            case Accepted(again=True) if memory is not None:
                await db.execute(_COUNT, *key)
                used[key] = msgspec.structs.replace(memory, resends=memory.resends + 1)
            case Accepted(grant, bound):
                times = (None, None) if grant is None else (grant.issued_at, grant.expires_at)
                if not await db.fetchval(_REMEMBER, *key, shown.request, *times, shown.forget_at):
                    # Somebody has just used it with a token of another session.
                    used |= await _used_proofs(db, [shown])
                    continue
                used[key] = UsedProof(shown.request, grant, 0)
                standing = await _accept(db, step, standing, grant, bound=bound)
            case Denied(PossessionCause.KEY_MISMATCH):
                await record(db, msgspec.structs.replace(step.event, kind=EventKind.KEY_MISMATCH))
            case Denied():
                pass
        return judgement, standing


async def _used_proofs(db: Connection, shown: Sequence[Possession]) -> dict[ProofKey, UsedProof]:
    rows = await db.fetch(_USED, [one.project for one in shown], [one.proof for one in shown])
    return {
        (row["project_id"], row["proof"]): UsedProof(
            request=row["request"],
            grant=(
                None if row["issued_at"] is None else Grant(row["issued_at"], row["expires_at"])
            ),
            resends=row["resends"],
        )
        for row in rows
    }


async def _accept(
    db: Connection, step: PossessionStep, standing: Standing, grant: Grant | None, *, bound: bool
) -> Standing:
    """Write what an accepted proof has changed beside itself; how the session stands then."""
    jkt = step.shown.jkt
    if bound or grant is not None:
        lives, at = (0, None) if grant is None else (grant.expires_at, grant.issued_at)
        if not await db.fetchval(_ACCEPT, *step.key, jkt, lives, at):
            raise RuntimeError("the session was bound behind the rules' back")
    events = [step.binding] if bound else []
    events += [] if grant is None else [step.event]
    if events:
        await record(db, *events)
    return replace(standing, head=msgspec.structs.replace(standing.head, jkt=jkt))
