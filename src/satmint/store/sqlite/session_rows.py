"""Session rows in SQLite: reading and revoking them."""

import sqlite3
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from satmint.model.records import StoredSession
from satmint.store.sql.port import read_uuid
from satmint.store.sql.session_columns import SESSION_COLUMNS, session_of

_SELECT: Final = (
    f"SELECT {SESSION_COLUMNS}, project_epoch, (SELECT epoch FROM subscribers"
    " WHERE subscribers.project_id = sessions.project_id"
    " AND subscribers.subscriber_id = sessions.subscriber_id)"
    " FROM sessions WHERE project_id = ? AND session_id = ?"
)
_REVOKE: Final = (
    "UPDATE sessions SET revoked_at = ?"
    " WHERE project_id = ? AND session_id = ? AND revoked_at IS NULL"
)
_OF_PRESENT_EPOCH: Final = (
    "revoked_at IS NULL AND project_epoch = (SELECT projects.epoch FROM projects"
    " WHERE projects.project_id = sessions.project_id)"
)
_REVOKE_MANY: Final = (
    "UPDATE sessions SET revoked_at = ? WHERE project_id = ? AND subscriber_id = ?"
    f" AND {_OF_PRESENT_EPOCH}"
)
_REVOKE_EACH: Final = (
    "UPDATE sessions SET revoked_at = ? WHERE project_id = ? AND session_id = ?"
    f" AND {_OF_PRESENT_EPOCH} RETURNING session_id, subscriber_id"
)


def read_session(db: sqlite3.Connection, project: UUID, session: UUID) -> StoredSession | None:
    """A session and its subscriber's epoch, as seen by the transaction of `db`."""
    row = db.execute(_SELECT, (project.bytes, session.bytes)).fetchone()
    if row is None:
        return None
    return StoredSession(session_of(row), row[-1], project_epoch=row[-2])


def revoke_session(db: sqlite3.Connection, project: UUID, session: UUID, now: int) -> None:
    """Revoke one session, unless it is revoked already."""
    db.execute(_REVOKE, (now, project.bytes, session.bytes))


def revoke_sessions(
    db: sqlite3.Connection, project: UUID, subscriber: UUID, now: int, jkt: str | None
) -> int:
    """Revoke a subscriber's sessions that are not yet revoked, all or those of a key.

    Returns their number.
    """
    values = (now, project.bytes, subscriber.bytes)
    if jkt is None:
        return db.execute(_REVOKE_MANY, values).rowcount
    return db.execute(f"{_REVOKE_MANY} AND jkt = ?", (*values, jkt)).rowcount


def revoke_each(
    db: sqlite3.Connection, project: UUID, sessions: Iterable[UUID], now: int
) -> list[tuple[UUID, UUID]]:
    """Revoke some sessions. Returns those that were not yet revoked, with their subscribers."""
    found: list[tuple[bytes, bytes]] = []
    for session in sessions:
        found += db.execute(_REVOKE_EACH, (now, project.bytes, session.bytes)).fetchall()
    return [(read_uuid(session), read_uuid(subscriber)) for session, subscriber in found]
