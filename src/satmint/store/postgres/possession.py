"""Proofs of possession in PostgreSQL: judged by rows that are held, many at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
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
from satmint.store.postgres.standing import Key, hold, read_standings

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
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bigint[])
    ON CONFLICT (project_id, proof) DO NOTHING
RETURNING 1
"""
_COUNT: Final = """
UPDATE proofs SET resends = counted.resends
  FROM unnest($1::uuid[], $2::bytea[], $3::bigint[]) AS counted (project_id, proof, resends)
 WHERE proofs.project_id = counted.project_id AND proofs.proof = counted.proof
"""
_ACCEPT: Final = """
UPDATE sessions SET jkt = accepted.jkt,
                    lives_until = greatest(sessions.lives_until, accepted.lives_until),
                    device_token_at = greatest(sessions.device_token_at, accepted.at)
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
    AS accepted (project_id, session_id, jkt, lives_until, at)
 WHERE sessions.project_id = accepted.project_id AND sessions.session_id = accepted.session_id
   AND (sessions.jkt IS NULL OR sessions.jkt = accepted.jkt)
RETURNING 1
"""


class _UsedMeanwhile(Exception):
    """Somebody has just used one of the proofs with a token of another session."""


@dataclass(slots=True)
class _Docket:
    """What is known of sessions and proofs, and what there is to write once all are judged."""

    bench: dict[Key, Standing]
    """How each session stands, after the steps so far."""
    used: dict[ProofKey, UsedProof]
    """What is remembered of proofs, after them."""
    fresh: dict[ProofKey, Possession] = field(default_factory=dict)
    """Proofs that were used for the first time."""
    resent: set[ProofKey] = field(default_factory=set)
    """Others that were answered again."""
    granted: dict[Key, Grant | None] = field(default_factory=dict)
    """By session that changed: the grant that lasts longest, or none where it was bound only."""
    events: list[Event] = field(default_factory=list)

    def judge(self, step: PossessionStep) -> Judgement | None:
        """Judge one step and note what it changes; None: its session is not on the bench."""
        standing = self.bench.get(step.key)
        if standing is None:
            return None
        shown = step.shown
        key = shown.project, shown.proof
        memory = self.used.get(key)
        judgement = judge_possession(standing, memory, shown, step.grant, step.now)
        match judgement:
            case Accepted(again=True) if memory is not None:
                self.used[key] = msgspec.structs.replace(memory, resends=memory.resends + 1)
                if key not in self.fresh:
                    self.resent.add(key)
            case Accepted(grant, bound):
                self.used[key] = UsedProof(shown.request, grant, 0)
                self.fresh[key] = shown
                self._accept(step, standing, grant, bound=bound)
            case Denied(PossessionCause.KEY_MISMATCH):
                mismatch = msgspec.structs.replace(step.event, kind=EventKind.KEY_MISMATCH)
                self.events.append(mismatch)
            case Denied():
                pass
        return judgement

    def _accept(
        self, step: PossessionStep, standing: Standing, grant: Grant | None, *, bound: bool
    ) -> None:
        head = msgspec.structs.replace(standing.head, jkt=step.shown.jkt)
        self.bench[step.key] = replace(standing, head=head)
        if bound:
            self.events.append(step.binding)
        if grant is not None:
            self.events.append(step.event)
        if bound or grant is not None:
            former = self.granted.get(step.key)
            self.granted[step.key] = former if grant is None else _longer(former, grant)


async def prove_at_once(
    db: Connection, steps: Sequence[PossessionStep]
) -> Sequence[Judgement | None]:
    """Judge proofs, in their order, by the rows as they are; None: it is unknown or held."""
    return await _judged(db, steps, patiently=False)


async def prove_patiently(db: Connection, step: PossessionStep) -> Judgement:
    """Judge one proof in a transaction, after whoever holds its session's row."""
    (judgement,) = await _judged(db, [step], patiently=True)
    return Denied(PossessionCause.UNKNOWN_SESSION) if judgement is None else judgement


async def _judged(
    db: Connection, steps: Sequence[PossessionStep], *, patiently: bool
) -> Sequence[Judgement | None]:
    while True:
        try:
            async with db.transaction():
                return await _judged_by_what_is_seen(db, steps, patiently=patiently)
        except _UsedMeanwhile:
            continue


async def _judged_by_what_is_seen(
    db: Connection, steps: Sequence[PossessionStep], *, patiently: bool
) -> Sequence[Judgement | None]:
    held = await hold(db, [step.key for step in steps], patiently=patiently)
    known = await read_standings(db, list(held))
    docket = _Docket(
        bench={key: one.standing for key, one in known.items()},
        used=await _used_proofs(db, {(s.shown.project, s.shown.proof) for s in steps}),
    )
    judgements = [docket.judge(step) for step in steps]
    await _write_proofs(db, docket)
    await _write_sessions(db, docket)
    if docket.events:
        await record(db, *docket.events)
    return judgements


async def _used_proofs(db: Connection, keys: Collection[ProofKey]) -> dict[ProofKey, UsedProof]:
    rows = await db.fetch(_USED, [project for project, _ in keys], [proof for _, proof in keys])
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


async def _write_proofs(db: Connection, docket: _Docket) -> None:
    """Remember those that are new, and count those that came again.

    Always in the order of the keys, so that nobody waits in a circle.

    Raises:
        _UsedMeanwhile: one of them is not as new as it looked.
    """
    fresh, resent = sorted(docket.fresh), sorted(docket.resent)
    if fresh:
        used = [docket.used[key] for key in fresh]
        shown = [docket.fresh[key] for key in fresh]
        written = await db.fetch(
            _REMEMBER,
            [project for project, _ in fresh],
            [proof for _, proof in fresh],
            [memory.request for memory in used],
            [None if memory.grant is None else memory.grant.issued_at for memory in used],
            [None if memory.grant is None else memory.grant.expires_at for memory in used],
            [memory.resends for memory in used],
            [one.forget_at for one in shown],
        )
        if len(written) < len(fresh):
            raise _UsedMeanwhile
    if resent:
        await db.execute(
            _COUNT,
            [project for project, _ in resent],
            [proof for _, proof in resent],
            [docket.used[key].resends for key in resent],
        )


async def _write_sessions(db: Connection, docket: _Docket) -> None:
    """Write what accepted proofs have changed beside themselves."""
    if not docket.granted:
        return
    grants = docket.granted.values()
    written = await db.fetch(
        _ACCEPT,
        [project for project, _ in docket.granted],
        [session for _, session in docket.granted],
        [docket.bench[key].head.jkt for key in docket.granted],
        [0 if grant is None else grant.expires_at for grant in grants],
        [None if grant is None else grant.issued_at for grant in grants],
    )
    if len(written) < len(docket.granted):
        raise RuntimeError("a session was bound behind the rules' back")


def _longer(one: Grant | None, other: Grant) -> Grant:
    """The latest times of both."""
    if one is None:
        return other
    return Grant(
        max(one.issued_at, other.issued_at),
        max(one.expires_at, other.expires_at),
    )
