"""Proofs of possession in PostgreSQL: judged by rows that are held, many at once."""

from collections.abc import Sequence
from typing import Final

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
from satmint.store.postgres.connections import Connection
from satmint.store.postgres.events import record
from satmint.store.postgres.standing import Key, as_standing, hold, read_standings


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


class ProofContested(Exception):
    """The proof was used with a token of another session while this one was being judged."""


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
    """Judge proofs of as many sessions as can be held now; None: come again, patiently."""
    taken: set[object] = set()
    chosen: list[PossessionStep] = []
    for step in steps:
        # One of a session and one of a proof at a time: each is judged by what is in the database.
        claims = {step.key, (step.shown.project, step.shown.proof)}
        if claims.isdisjoint(taken):
            taken |= claims
            chosen.append(step)
    try:
        async with db.transaction():
            judged = await _judged(db, chosen, patiently=False)
    except ProofContested:
        return [None] * len(steps)
    by_step = dict(zip(map(id, chosen), judged, strict=True))
    return [by_step.get(id(step)) for step in steps]


async def prove_patiently(db: Connection, step: PossessionStep) -> Judgement:
    """Judge one proof in a transaction, after whoever holds its session's row."""
    (judgement,) = await _judged(db, [step], patiently=True)
    return Denied(PossessionCause.UNKNOWN_SESSION) if judgement is None else judgement


async def _judged(
    db: Connection, steps: Sequence[PossessionStep], *, patiently: bool
) -> Sequence[Judgement | None]:
    held = await hold(db, [step.key for step in steps], patiently=patiently)
    known = await read_standings(db, list(held))
    used = await _used_proofs(db, [step.shown for step in steps if step.key in known])
    judgements: list[Judgement | None] = []
    for step in steps:
        session = known.get(step.key)
        if session is None:
            judgements.append(None)
            continue
        shown = step.shown
        memory = used.get((shown.project, shown.proof))
        judgement = judge_possession(as_standing(session), memory, shown, step.grant, step.now)
        await _carry_out(db, step, judgement)
        judgements.append(judgement)
    return judgements


async def _used_proofs(
    db: Connection, shown: Sequence[Possession]
) -> dict[tuple[object, bytes], UsedProof]:
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


async def _carry_out(db: Connection, step: PossessionStep, judgement: Judgement) -> None:
    shown = step.shown
    match judgement:
        case Accepted(again=True):
            await db.execute(_COUNT, shown.project, shown.proof)
        case Accepted(grant, bound):
            await _accept(db, step, grant, bound=bound)
        case Denied(PossessionCause.KEY_MISMATCH):
            mismatch = msgspec.structs.replace(step.event, kind=EventKind.KEY_MISMATCH)
            await record(db, mismatch)
        case Denied():
            pass


async def _accept(
    db: Connection, step: PossessionStep, grant: Grant | None, *, bound: bool
) -> None:
    shown = step.shown
    times = (None, None) if grant is None else (grant.issued_at, grant.expires_at)
    key, until = (shown.project, shown.proof), shown.forget_at
    if not await db.fetchval(_REMEMBER, *key, shown.request, *times, until):
        raise ProofContested
    if bound or grant is not None:
        lives, at = (0, None) if grant is None else (grant.expires_at, grant.issued_at)
        if not await db.fetchval(_ACCEPT, *step.key, shown.jkt, lives, at):
            raise RuntimeError("the session was bound behind the rules' back")
    events = [step.binding] if bound else []
    events += [] if grant is None else [step.event]
    if events:
        await record(db, *events)
