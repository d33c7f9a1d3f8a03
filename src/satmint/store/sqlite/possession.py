"""Proofs of possession in SQLite: the decision, and the record of used proofs."""

import sqlite3
from typing import Final

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
from satmint.store.sqlite.events import record
from satmint.store.sqlite.session_rows import read_session

_SELECT_USED: Final = (
    "SELECT request, issued_at, expires_at, resends FROM proofs WHERE project_id = ? AND proof = ?"
)
_INSERT_PROOF: Final = (
    "INSERT INTO proofs (project_id, proof, request, issued_at, expires_at, resends, forget_at)"
    " VALUES (?, ?, ?, ?, ?, 0, ?)"
)
_COUNT_RESEND: Final = "UPDATE proofs SET resends = resends + 1 WHERE project_id = ? AND proof = ?"

# No other transaction writes between the read and this; the condition states the intent anyway.
_BIND: Final = "UPDATE sessions SET jkt = ? WHERE project_id = ? AND session_id = ? AND jkt IS NULL"

_GRANT: Final = (
    "UPDATE sessions SET lives_until = max(lives_until, ?1),"
    " device_token_at = max(coalesce(device_token_at, ?2), ?2)"
    " WHERE project_id = ?3 AND session_id = ?4"
)


def prove(
    db: sqlite3.Connection,
    possession: Possession,
    grant: Grant | None,
    now: int,
    event: Event,
    binding: Event,
) -> PossessionResult:
    """Decide about a proof and carry out the decision; see `SessionStore.prove`."""
    known = read_session(db, possession.project, possession.session)
    state = None if known is None else known.state
    result = decide_possession(state, _used_proof(db, possession), possession, grant, now)
    match result:
        case Accepted(resent=True):
            db.execute(_COUNT_RESEND, (possession.project.bytes, possession.proof))
        case Accepted():
            _accept(db, possession, result, event, binding)
        case Denied(PossessionCause.KEY_MISMATCH):
            record(db, event, kind=EventKind.KEY_MISMATCH)
    return result


def _used_proof(db: sqlite3.Connection, possession: Possession) -> UsedProof | None:
    """The record of a used proof; None if it was not used yet."""
    row = db.execute(_SELECT_USED, (possession.project.bytes, possession.proof)).fetchone()
    if row is None:
        return None
    grant = None if row[1] is None else Grant(row[1], row[2])
    return UsedProof(request=row[0], grant=grant, resends=row[3])


def _accept(
    db: sqlite3.Connection, possession: Possession, accepted: Accepted, event: Event, binding: Event
) -> None:
    """Write the effects of a valid, unused proof."""
    session = (possession.project.bytes, possession.session.bytes)
    grant = accepted.grant
    times = (None, None) if grant is None else (grant.issued_at, grant.expires_at)
    db.execute(
        _INSERT_PROOF,
        (
            possession.project.bytes,
            possession.proof,
            possession.request,
            *times,
            possession.forget_at,
        ),
    )
    if accepted.bound:
        if db.execute(_BIND, (possession.jkt, *session)).rowcount != 1:
            raise RuntimeError("the session was bound outside of the decision rules")
        record(db, binding)
    if grant is not None:
        db.execute(_GRANT, (grant.expires_at, grant.issued_at, *session))
        record(db, event)
