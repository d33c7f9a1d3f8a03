"""Proofs of possession in SQLite: judged, and what makes each of them good once."""

import sqlite3
from typing import Final

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
from satmint.store.sqlite.events import record
from satmint.store.sqlite.session_rows import read_standing

_READ: Final = (
    "SELECT request, issued_at, expires_at, resends FROM proofs WHERE project_id = ? AND proof = ?"
)
_REMEMBER: Final = (
    "INSERT INTO proofs (project_id, proof, request, issued_at, expires_at, resends, forget_at)"
    " VALUES (?, ?, ?, ?, ?, 0, ?)"
)
_COUNT: Final = "UPDATE proofs SET resends = resends + 1 WHERE project_id = ? AND proof = ?"

# Nobody else writes between the reading and this; the condition says what is meant all the same.
_BIND: Final = "UPDATE sessions SET jkt = ? WHERE project_id = ? AND session_id = ? AND jkt IS NULL"

_GRANTED: Final = (
    "UPDATE sessions SET lives_until = max(lives_until, ?1),"
    " device_token_at = max(coalesce(device_token_at, ?2), ?2)"
    " WHERE project_id = ?3 AND session_id = ?4"
)


def prove(
    db: sqlite3.Connection,
    shown: Possession,
    grant: Grant | None,
    now: int,
    event: Event,
    binding: Event,
) -> Judgement:
    """Judge a proof and carry out what that means; see `SessionStore.prove`."""
    known = read_standing(db, shown.project, shown.session)
    standing = None if known is None else known.standing
    judgement = judge_possession(standing, _used_proof(db, shown), shown, grant, now)
    match judgement:
        case Accepted(again=True):
            db.execute(_COUNT, (shown.project.bytes, shown.proof))
        case Accepted():
            _accept(db, shown, judgement, event, binding)
        case Denied(PossessionCause.KEY_MISMATCH):
            record(db, event, kind=EventKind.KEY_MISMATCH)
    return judgement


def _used_proof(db: sqlite3.Connection, shown: Possession) -> UsedProof | None:
    """What is remembered of a proof; None: it was not used yet."""
    row = db.execute(_READ, (shown.project.bytes, shown.proof)).fetchone()
    if row is None:
        return None
    grant = None if row[1] is None else Grant(row[1], row[2])
    return UsedProof(request=row[0], grant=grant, resends=row[3])


def _accept(
    db: sqlite3.Connection, shown: Possession, accepted: Accepted, event: Event, binding: Event
) -> None:
    """Make durable what a proof that is good and new means."""
    session = (shown.project.bytes, shown.session.bytes)
    grant = accepted.grant
    times = (None, None) if grant is None else (grant.issued_at, grant.expires_at)
    db.execute(
        _REMEMBER, (shown.project.bytes, shown.proof, shown.request, *times, shown.forget_at)
    )
    if accepted.bound:
        if db.execute(_BIND, (shown.jkt, *session)).rowcount != 1:
            raise RuntimeError("the session was bound behind the rules' back")
        record(db, binding)
    if grant is not None:
        db.execute(_GRANTED, (grant.expires_at, grant.issued_at, *session))
        record(db, event)
