"""Proofs of possession that were accepted, in SQLite: what makes each of them good once."""

import sqlite3
from typing import Final

from satmint.model.possession import Grant, Possession, UsedProof

_READ: Final = (
    "SELECT request, issued_at, expires_at, resends FROM proofs WHERE project_id = ? AND proof = ?"
)
_REMEMBER: Final = (
    "INSERT INTO proofs (project_id, proof, request, issued_at, expires_at, resends, forget_at)"
    " VALUES (?, ?, ?, ?, ?, 0, ?)"
)
_COUNT: Final = "UPDATE proofs SET resends = resends + 1 WHERE project_id = ? AND proof = ?"


def used_proof(db: sqlite3.Connection, shown: Possession) -> UsedProof | None:
    """What is remembered of a proof; None: it was not used yet."""
    row = db.execute(_READ, (shown.project.bytes, shown.proof)).fetchone()
    if row is None:
        return None
    grant = None if row[1] is None else Grant(row[1], row[2])
    return UsedProof(request=row[0], grant=grant, resends=row[3])


def remember_proof(db: sqlite3.Connection, shown: Possession, grant: Grant | None) -> None:
    """Keep that it was used, and what it was answered."""
    times = (None, None) if grant is None else (grant.issued_at, grant.expires_at)
    db.execute(
        _REMEMBER, (shown.project.bytes, shown.proof, shown.request, *times, shown.forget_at)
    )


def count_resend(db: sqlite3.Connection, shown: Possession) -> None:
    """Count one more time that its answer was given again."""
    db.execute(_COUNT, (shown.project.bytes, shown.proof))
