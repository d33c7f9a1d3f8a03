"""Removing what is dead, a little at a time, so that no request waits for it."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from satmint.store.contract import Swept

_KEPT_AFTER_DEATH_SECONDS: Final = 86_400
"""Dead sessions stay listed for a day, so that one can still see what became of them."""

_SESSIONS: Final = (
    "SELECT project_id, session_id, lives_until,"
    " lives_until > ? AND revoked_at IS NULL AND project_epoch = (SELECT epoch FROM projects"
    " WHERE projects.project_id = sessions.project_id) FROM sessions"
    " WHERE (project_id, session_id) > (?, ?) ORDER BY project_id, session_id LIMIT ?"
)


@dataclass(slots=True)
class Sweeper:
    """Walks the tables in key order, `limit` rows a step, and begins anew at the end."""

    session_after: tuple[bytes, bytes] = (b"", b"")
    subscriber_after: tuple[bytes, bytes] = (b"", b"")
    events_of_projects_after: bytes = b""
    events_left: bool = False
    """Whether a project that was passed on this walk has more events to remove."""
    alive: int = 0
    """Sessions that were seen alive on this walk."""

    def step(self, db: sqlite3.Connection, now: int, events_before: int, limit: int) -> Swept:
        """One step."""
        gone = (
            self._sessions(db, now, limit),
            self._temporary_subscribers(db, limit),
            _proofs(db, now, limit),
            _leases(db, now, limit),
            self._events(db, events_before, limit),
        )
        counted = self.session_after == (b"", b"")
        at_end = counted and self.subscriber_after == (b"", b"")
        at_end = at_end and not self.events_of_projects_after
        more = not at_end or self.events_left or max(gone) == limit
        alive = self.alive if counted else None
        self.alive = 0 if counted else self.alive
        return Swept(sum(gone), more, alive)

    def _sessions(self, db: sqlite3.Connection, now: int, limit: int) -> int:
        rows = db.execute(_SESSIONS, (now, *self.session_after, limit)).fetchall()
        self.session_after = (rows[-1][0], rows[-1][1]) if len(rows) == limit else (b"", b"")
        self.alive += sum(row[3] for row in rows)
        dead_by = now - _KEPT_AFTER_DEATH_SECONDS
        dead = [(row[0], row[1]) for row in rows if row[2] <= dead_by]
        db.executemany("DELETE FROM sessions WHERE project_id = ? AND session_id = ?", dead)
        return len(dead)

    def _temporary_subscribers(self, db: sqlite3.Connection, limit: int) -> int:
        rows = db.execute(
            "SELECT project_id, subscriber_id, EXISTS (SELECT 1 FROM sessions"
            " WHERE sessions.project_id = subscribers.project_id"
            " AND sessions.subscriber_id = subscribers.subscriber_id) FROM subscribers"
            " WHERE reference IS NULL AND (project_id, subscriber_id) > (?, ?)"
            " ORDER BY project_id, subscriber_id LIMIT ?",
            (*self.subscriber_after, limit),
        ).fetchall()
        self.subscriber_after = (rows[-1][0], rows[-1][1]) if len(rows) == limit else (b"", b"")
        gone = [(row[0], row[1]) for row in rows if not row[2]]
        db.executemany("DELETE FROM subscribers WHERE project_id = ? AND subscriber_id = ?", gone)
        return len(gone)

    def _events(self, db: sqlite3.Connection, before: int, limit: int) -> int:
        # A version 7 UUID begins with its milliseconds, so a time is a bound on the key.
        bound = (max(before, 0) * 1000).to_bytes(6, "big")
        projects = db.execute(
            "SELECT project_id FROM projects WHERE project_id > ? ORDER BY project_id LIMIT ?",
            (self.events_of_projects_after, limit),
        ).fetchall()
        self.events_left = self.events_left and self.events_of_projects_after != b""
        self.events_of_projects_after = b""
        count = 0
        for (project,) in projects:
            count += db.execute(
                "DELETE FROM events WHERE project_id = ?1 AND event_id IN (SELECT event_id"
                " FROM events WHERE project_id = ?1 AND event_id < ?2 ORDER BY event_id LIMIT ?3)",
                (project, bound, limit - count),
            ).rowcount
            if count >= limit:
                self.events_of_projects_after, self.events_left = project, True
                break
        else:
            if len(projects) == limit:
                self.events_of_projects_after = projects[-1][0]
        return count


def _proofs(db: sqlite3.Connection, now: int, limit: int) -> int:
    """Proofs too old to be accepted again. They come and go fast, so there is an index."""
    rows = db.execute(
        "SELECT project_id, proof FROM proofs WHERE forget_at <= ? ORDER BY forget_at LIMIT ?",
        (now, limit),
    ).fetchall()
    db.executemany("DELETE FROM proofs WHERE project_id = ? AND proof = ?", rows)
    return len(rows)


def _leases(db: sqlite3.Connection, now: int, limit: int) -> int:
    """Leases that nobody renewed: of nodes that are gone."""
    rows = db.execute(
        "SELECT project_id, connection_id FROM presence WHERE lease_until <= ?"
        " ORDER BY lease_until LIMIT ?",
        (now, limit),
    ).fetchall()
    db.executemany("DELETE FROM presence WHERE project_id = ? AND connection_id = ?", rows)
    return len(rows)
