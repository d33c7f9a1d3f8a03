"""Removing what is dead, a little at a time, so that no request waits for it.

Rows that somebody holds are passed over: they are there the next time. Several nodes may sweep at
once; each walks on its own.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.store.contract import Swept
from satmint.store.postgres.connections import Connection

_KEPT_AFTER_DEATH_SECONDS: Final = 86_400
"""Dead sessions stay listed for a day, so that one can still see what became of them."""

_NIL: Final = UUID(int=0)

_SESSIONS: Final = """
WITH part AS MATERIALIZED (
    SELECT project_id, session_id, lives_until, revoked_at, project_epoch FROM sessions
     WHERE (project_id, session_id) > ($1, $2) ORDER BY project_id, session_id LIMIT $3
), dead AS MATERIALIZED (
    SELECT sessions.project_id, sessions.session_id FROM part JOIN sessions
           ON sessions.project_id = part.project_id AND sessions.session_id = part.session_id
     WHERE part.lives_until <= $4 AND sessions.lives_until <= $4
       FOR UPDATE OF sessions SKIP LOCKED
), gone AS (
    DELETE FROM sessions USING dead
     WHERE sessions.project_id = dead.project_id AND sessions.session_id = dead.session_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM part) AS seen,
       (SELECT count(*) FROM part WHERE lives_until > $5 AND revoked_at IS NULL
           AND project_epoch = (SELECT projects.epoch FROM projects
                                 WHERE projects.project_id = part.project_id)) AS alive,
       project_id AS project, session_id AS id
  FROM part ORDER BY project_id DESC, session_id DESC LIMIT 1
"""

_TEMPORARY: Final = """
WITH part AS MATERIALIZED (
    SELECT project_id, subscriber_id FROM subscribers
     WHERE reference IS NULL AND (project_id, subscriber_id) > ($1, $2)
     ORDER BY project_id, subscriber_id LIMIT $3
), dead AS MATERIALIZED (
    SELECT subscribers.project_id, subscribers.subscriber_id FROM part JOIN subscribers
           ON subscribers.project_id = part.project_id
          AND subscribers.subscriber_id = part.subscriber_id
     WHERE NOT EXISTS (SELECT 1 FROM sessions
                        WHERE sessions.project_id = part.project_id
                          AND sessions.subscriber_id = part.subscriber_id)
       FOR UPDATE OF subscribers SKIP LOCKED
), gone AS (
    DELETE FROM subscribers USING dead
     WHERE subscribers.project_id = dead.project_id
       AND subscribers.subscriber_id = dead.subscriber_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM part) AS seen,
       0 AS alive, project_id AS project, subscriber_id AS id
  FROM part ORDER BY project_id DESC, subscriber_id DESC LIMIT 1
"""

_PROOFS: Final = """
WITH dead AS MATERIALIZED (
    SELECT project_id, proof FROM proofs WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM proofs USING dead
     WHERE proofs.project_id = dead.project_id AND proofs.proof = dead.proof
    RETURNING 1
)
SELECT count(*) FROM gone
"""

_PRESENCE: Final = """
WITH dead AS MATERIALIZED (
    SELECT project_id, connection_id FROM presence
     WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM presence USING dead
     WHERE presence.project_id = dead.project_id
       AND presence.connection_id = dead.connection_id
    RETURNING 1
)
SELECT count(*) FROM gone
"""

_EVENTS: Final = """
WITH dead AS MATERIALIZED (
    SELECT project_id, event_id FROM events
     WHERE project_id = $1 AND event_id < $2 ORDER BY event_id LIMIT $3
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM events USING dead
     WHERE events.project_id = dead.project_id AND events.event_id = dead.event_id
    RETURNING 1
)
SELECT count(*) FROM gone
"""


@dataclass(slots=True)
class Sweeper:
    """Walks the tables in key order, `limit` rows a step, and begins anew at the end."""

    session_after: tuple[UUID, UUID] = (_NIL, _NIL)
    subscriber_after: tuple[UUID, UUID] = (_NIL, _NIL)
    events_of_projects_after: UUID = _NIL
    events_left: bool = False
    """Whether a project that was passed on this walk has more events to remove."""
    alive: int = 0
    """Sessions that were seen alive on this walk."""

    async def step(self, db: Connection, now: int, events_before: int, limit: int) -> Swept:
        """One step."""
        dead_by = now - _KEPT_AFTER_DEATH_SECONDS
        self.session_after, sessions, alive = await _swept(
            db, _SESSIONS, self.session_after, limit, dead_by, now
        )
        self.subscriber_after, subscribers, _ = await _swept(
            db, _TEMPORARY, self.subscriber_after, limit
        )
        proofs: int = await db.fetchval(_PROOFS, now, limit)
        present: int = await db.fetchval(_PRESENCE, now, limit)
        gone = (
            sessions,
            subscribers,
            proofs,
            present,
            await self._events(db, events_before, limit),
        )
        alive += self.alive
        counted = self.session_after == (_NIL, _NIL)
        at_end = counted and self.subscriber_after == (_NIL, _NIL)
        at_end = at_end and self.events_of_projects_after == _NIL
        self.alive = 0 if counted else alive
        more = not at_end or self.events_left or max(gone) == limit
        return Swept(sum(gone), more, alive if counted else None)

    async def _events(self, db: Connection, before: int, limit: int) -> int:
        # A version 7 UUID begins with its milliseconds, so a time is a bound on the key.
        bound = (max(before, 0) * 1000).to_bytes(6, "big")
        rows = await db.fetch(
            "SELECT project_id FROM projects WHERE project_id > $1 ORDER BY project_id LIMIT $2",
            self.events_of_projects_after,
            limit,
        )
        projects = [row["project_id"] for row in rows]
        self.events_left = self.events_left and self.events_of_projects_after != _NIL
        self.events_of_projects_after = projects[-1] if len(projects) == limit else _NIL
        count = 0
        for project in projects:
            count += await db.fetchval(_EVENTS, project, bound, limit - count)
            if count >= limit:
                self.events_of_projects_after, self.events_left = project, True
                break
        return count


async def _swept(
    db: Connection, statement: str, after: tuple[UUID, UUID], limit: int, *more: object
) -> tuple[tuple[UUID, UUID], int, int]:
    """Where to go on, how many rows went, and how many of those seen are alive."""
    row = await db.fetchrow(statement, *after, limit, *more)
    if row is None:
        return (_NIL, _NIL), 0, 0
    on = (row["project"], row["id"]) if row["seen"] == limit else (_NIL, _NIL)
    return on, row["gone"], row["alive"]
