"""Proofs of possession in PostgreSQL: batches of decisions on locked rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from satmint.model.events import Event, EventKind
from satmint.model.possession import (
    Accepted,
    Denied,
    Grant,
    Possession,
    PossessionCause,
    PossessionResult,
    UsedProof,
    decide_possession,
)
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import SessionState
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.driver_errors import LOCK_NOT_AVAILABLE, ConcurrentChange
from satmint.store.postgres.events import record
from satmint.store.postgres.inserting import insert_rows
from satmint.store.postgres.routing import one_shard, statement
from satmint.store.postgres.session_rows import (
    Key,
    lock_sessions,
    read_sessions,
    unknown_sessions,
)
from satmint.store.sql.port import Row

ProofKey = tuple[UUID, bytes]
"""Project and digest of a proof."""


class PossessionStep(msgspec.Struct, frozen=True):
    """A presented proof; see `SessionStore.prove`."""

    possession: Possession
    grant: Grant | None
    now: int
    event: Event
    binding: Event

    @property
    def key(self) -> Key:
        """The session."""
        return self.possession.project, self.possession.session

    @property
    def proof_key(self) -> ProofKey:
        """The proof."""
        return self.possession.project, self.possession.proof


_SELECT_USED_MARKED: Final = f"""
SELECT project_id, proof, request, issued_at, expires_at, resends
  FROM unnest($1::uuid[], $2::bytea[]) AS requested (project_id, proof)
  JOIN proofs USING (project_id, proof)
 WHERE TRUE{one_shard("proofs")}
"""
_SELECT_USED: Final = statement(_SELECT_USED_MARKED)
_LOCK_USED: Final = statement(
    f"{_SELECT_USED_MARKED} ORDER BY project_id, proof FOR UPDATE OF proofs SKIP LOCKED"
)
_PROOFS: Final = "proofs (project_id, proof, request, issued_at, expires_at, resends, forget_at)"
_UNLESS_USED: Final = "ON CONFLICT (project_id, proof) DO NOTHING"
_INSERT_PROOFS: Final = f"""
INSERT INTO {_PROOFS}
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bigint[])
    {_UNLESS_USED}
RETURNING 1
"""
_COUNT_RESEND: Final = statement(f"""
UPDATE proofs SET resends = counted.resends
  FROM unnest($1::uuid[], $2::bytea[], $3::bigint[]) AS counted (project_id, proof, resends)
 WHERE proofs.project_id = counted.project_id AND proofs.proof = counted.proof
       {one_shard("proofs")}
""")
_ACCEPT: Final = statement(f"""
UPDATE sessions SET jkt = accepted.jkt,
                    lives_until = greatest(sessions.lives_until, accepted.lives_until),
                    device_token_at = greatest(sessions.device_token_at, accepted.at)
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
    AS accepted (project_id, session_id, jkt, lives_until, at)
 WHERE sessions.project_id = accepted.project_id AND sessions.session_id = accepted.session_id
   AND (sessions.jkt IS NULL OR sessions.jkt = accepted.jkt){one_shard("sessions")}
RETURNING 1
""")


@dataclass(slots=True)
class _PendingWrites:
    """The state of sessions and proofs, and the writes that the decisions require."""

    states: dict[Key, SessionState]
    """State of each session after the steps so far."""
    used: dict[ProofKey, UsedProof]
    """Used proofs after the steps so far."""
    fresh: dict[ProofKey, Possession] = field(default_factory=dict)
    """Proofs used for the first time."""
    resent: set[ProofKey] = field(default_factory=set)
    """Proofs of re-sent requests."""
    granted: dict[Key, Grant | None] = field(default_factory=dict)
    """By changed session: its latest grant; None if it was bound only."""
    events: list[Event] = field(default_factory=list)

    def decide(self, step: PossessionStep) -> PossessionResult | None:
        """Decide about one step and collect its writes; None if its session is not in `states`."""
        state = self.states.get(step.key)
        if state is None:
            return None
        possession = step.possession
        key = possession.project, possession.proof
        used_proof = self.used.get(key)
        result = decide_possession(state, used_proof, possession, step.grant, step.now)
        match result:
            case Accepted(resent=True) if used_proof is not None:
                self.used[key] = replace(used_proof, resends=used_proof.resends + 1)
                if key not in self.fresh:
                    self.resent.add(key)
            case Accepted(grant, bound):
                self.used[key] = UsedProof(possession.request, grant, 0)
                self.fresh[key] = possession
                self._accept(step, state, grant, bound=bound)
            case Denied(PossessionCause.KEY_MISMATCH):
                mismatch = replace(step.event, kind=EventKind.KEY_MISMATCH)
                self.events.append(mismatch)
            case Denied():
                pass
        return result

    def _accept(
        self, step: PossessionStep, state: SessionState, grant: Grant | None, *, bound: bool
    ) -> None:
        head = replace(state.head, jkt=step.possession.jkt)
        self.states[step.key] = replace(state, head=head)
        if bound:
            self.events.append(step.binding)
        if grant is not None:
            self.events.append(step.event)
        if bound or grant is not None:
            previous = self.granted.get(step.key)
            self.granted[step.key] = previous if grant is None else _latest_times(previous, grant)


async def prove_skip_locked(
    db: Connection, steps: Sequence[PossessionStep]
) -> Sequence[PossessionResult | None]:
    """Decide about proofs, in order, in a transaction; None if a row of the step is locked.

    Raises:
        ConcurrentChange: a concurrent transaction used one of the proofs with a token of another
            session.
    """
    return await _prove(db, steps, await lock_sessions(db, [step.key for step in steps]))


async def _prove(
    db: Connection, steps: Sequence[PossessionStep], held: Collection[Key]
) -> Sequence[PossessionResult | None]:
    """Decide about proofs, in order, of sessions whose rows this transaction has locked."""
    known = await read_sessions(db, list(held))
    states = {key: one.state for key, one in known.items()}
    unknown = await unknown_sessions(db, {step.key for step in steps} - states.keys())
    used, locked = await _used_proofs(db, {step.proof_key for step in steps})
    pending = _PendingWrites(states, used)
    results: list[PossessionResult | None] = []
    for step in steps:
        if step.key in unknown:
            results.append(Denied(PossessionCause.UNKNOWN_SESSION))
        else:
            results.append(None if step.proof_key in locked else pending.decide(step))
    await _write_proofs(db, pending)
    await _write_sessions(db, pending)
    if pending.events:
        await record(db, *pending.events)
    return results


async def prove_in_transaction(
    db: Connection, possession: Possession, now: int, mismatch: Event
) -> PossessionResult:
    """Decide about a proof of a bound session's key within a larger transaction.

    The transaction must have locked the session.

    Raises:
        ConcurrentChange: a concurrent transaction used the proof with a token of another session.
        StoreUnavailable: another transaction holds the row of the proof.
    """
    step = PossessionStep(possession, None, now, mismatch, mismatch)
    (result,) = await _prove(db, [step], [step.key])
    if result is None:
        raise StoreUnavailable(LOCK_NOT_AVAILABLE)
    return result


async def _used_proofs(
    db: Connection, keys: Collection[ProofKey]
) -> tuple[dict[ProofKey, UsedProof], set[ProofKey]]:
    """The proofs that were used, and those of them whose rows are locked."""
    arguments = [project for project, _ in keys], [proof for _, proof in keys]
    used = {
        _proof_key(row): _used_proof(row)
        for row in await db.fetch(_SELECT_USED.form_for(db), *arguments)
    }
    if not used:  # as is usual
        return used, set()
    free = {
        _proof_key(row): _used_proof(row)
        for row in await db.fetch(_LOCK_USED.form_for(db), *arguments)
    }
    return used | free, used.keys() - free.keys()


def _proof_key(row: Row) -> ProofKey:
    return row["project_id"], row["proof"]


def _used_proof(row: Row) -> UsedProof:
    issued_at = row["issued_at"]
    grant = None if issued_at is None else Grant(issued_at, row["expires_at"])
    return UsedProof(row["request"], grant, row["resends"])


async def _write_proofs(db: Connection, pending: _PendingWrites) -> None:
    """Insert new proofs, and count re-sent ones.

    Always in the order of the keys, against deadlocks.

    Raises:
        ConcurrentChange: a concurrent transaction used one of the new proofs.
    """
    fresh, resent = sorted(pending.fresh), sorted(pending.resent)
    if fresh:
        used = [pending.used[key] for key in fresh]
        possession = [pending.fresh[key] for key in fresh]
        columns: list[list[object]] = [
            [project for project, _ in fresh],
            [proof for _, proof in fresh],
            [used_proof.request for used_proof in used],
            [
                None if used_proof.grant is None else used_proof.grant.issued_at
                for used_proof in used
            ],
            [
                None if used_proof.grant is None else used_proof.grant.expires_at
                for used_proof in used
            ],
            [used_proof.resends for used_proof in used],
            [one.forget_at for one in possession],
        ]
        if db.is_distributed:
            rows = list(zip(*columns, strict=True))
            written = await insert_rows(db, _PROOFS, rows, _UNLESS_USED)
        else:
            written = len(await db.fetch(_INSERT_PROOFS, *columns))
        if written < len(fresh):
            raise ConcurrentChange
    if resent:
        await db.execute(
            _COUNT_RESEND.form_for(db),
            [project for project, _ in resent],
            [proof for _, proof in resent],
            [pending.used[key].resends for key in resent],
        )


async def _write_sessions(db: Connection, pending: _PendingWrites) -> None:
    """Write the sessions that accepted proofs have changed."""
    if not pending.granted:
        return
    grants = pending.granted.values()
    written = await db.fetch(
        _ACCEPT.form_for(db),
        [project for project, _ in pending.granted],
        [session for _, session in pending.granted],
        [pending.states[key].head.jkt for key in pending.granted],
        [0 if grant is None else grant.expires_at for grant in grants],
        [None if grant is None else grant.issued_at for grant in grants],
    )
    if len(written) < len(pending.granted):
        raise RuntimeError("a session was bound outside of the decision rules")


def _latest_times(one: Grant | None, other: Grant) -> Grant:
    """The later times of both grants."""
    if one is None:
        return other
    return Grant(
        max(one.issued_at, other.issued_at),
        max(one.expires_at, other.expires_at),
    )
