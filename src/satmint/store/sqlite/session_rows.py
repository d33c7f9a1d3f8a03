"""Rows of sessions in SQLite: read as what they stand for, and ended."""

import sqlite3
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.records import Session, SessionStanding
from satmint.model.rotation import Head
from satmint.store.sqlite.listing import Row

SESSION_COLUMNS: Final = (
    "project_id, session_id, subscriber_id, kind, generation, head_since, head_expires_at,"
    " seen_generation, created_at, deadline, lives_until,"
    # Its own revocation, or that of all sessions that its project had until then.
    " coalesce(revoked_at, (SELECT projects.revoked_at FROM projects"
    " WHERE projects.project_id = sessions.project_id"
    " AND projects.epoch <> sessions.project_epoch)), jkt, address, agent, device_token_at"
)
_STANDING: Final = (
    f"SELECT {SESSION_COLUMNS}, (SELECT epoch FROM subscribers"
    " WHERE subscribers.project_id = sessions.project_id"
    " AND subscribers.subscriber_id = sessions.subscriber_id)"
    " FROM sessions WHERE project_id = ? AND session_id = ?"
)
_REVOKE: Final = (
    "UPDATE sessions SET revoked_at = ?"
    " WHERE project_id = ? AND session_id = ? AND revoked_at IS NULL"
)


def read_standing(db: sqlite3.Connection, project: UUID, session: UUID) -> SessionStanding | None:
    """A session and its subscriber's epoch, as the transaction of `db` sees them."""
    row = db.execute(_STANDING, (project.bytes, session.bytes)).fetchone()
    return None if row is None else SessionStanding(session_of(row), row[16])


def revoke_session(db: sqlite3.Connection, project: UUID, session: UUID, now: int) -> None:
    """End one session, if it was not ended before."""
    db.execute(_REVOKE, (now, project.bytes, session.bytes))


def session_of(row: Row) -> Session:
    """The session in a row of `SESSION_COLUMNS`."""
    return Session(
        id=UUID(bytes=row[1]),
        project=UUID(bytes=row[0]),
        subscriber=UUID(bytes=row[2]),
        kind=Kind(row[3]),
        head=Head(row[4], row[5], row[6], row[12]),
        seen_generation=row[7],
        created_at=row[8],
        deadline=row[9],
        lives_until=row[10],
        revoked_at=row[11],
        address=row[13],
        agent=row[14],
        device_token_at=row[15],
    )
