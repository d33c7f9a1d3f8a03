"""Session rows in PostgreSQL: reading and locking them.

A decision locks the session's row, and so does its revocation. A project is revoked in one small
step that touches no session: it raises the project's epoch. For that each project has an advisory
lock. Decisions take it in shared mode; the revocation of a project takes it in exclusive mode, and
so waits for the running decisions. Unlike a lock on the project's row, an advisory lock is fair:
later decisions cannot starve a revocation.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from satmint.model.records import StoredSession
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.routing import mark_correlated, one_shard, statement
from satmint.store.sql.port import read_uuid
from satmint.store.sql.session_columns import SESSION_COLUMNS, session_of

Key = tuple[UUID, UUID]
"""Project and session."""

# A statement sees what was committed when it began, and its project may have been revoked since.
# `FOR SHARE` reads the project again: the newest epoch, or a serialisation failure. `FOR KEY SHARE`
# would not do: it accepts an older version of the row.
# It never waits, neither for the advisory lock nor for a row. A project that is being revoked, or
# whose row somebody has locked, is skipped with its sessions, and the others go on. As the revoker
# waits in a queue, the attempt to take the lock in shared mode fails from then on.
PROJECT_LOCK: Final = """
project_lock AS MATERIALIZED (
    SELECT project_id FROM unnest($1::bigint[], $2::uuid[]) AS requested (key, project_id)
     WHERE pg_try_advisory_xact_lock_shared(key)
), project AS MATERIALIZED (
    SELECT projects.project_id, projects.epoch
      FROM project_lock JOIN projects ON projects.project_id = project_lock.project_id
     ORDER BY projects.project_id
       FOR SHARE OF projects SKIP LOCKED
)"""

# Always in the order of the keys, against deadlocks.
_LOCK: Final = statement(
    f"""
WITH {PROJECT_LOCK}, requested AS MATERIALIZED (
    SELECT requested.project_id, requested.session_id
      FROM unnest($3::uuid[], $4::uuid[]) AS requested (project_id, session_id)
      JOIN project ON project.project_id = requested.project_id
)
SELECT sessions.project_id, sessions.session_id
  FROM requested
  JOIN sessions ON sessions.project_id = requested.project_id
               AND sessions.session_id = requested.session_id{one_shard("sessions")}
 ORDER BY sessions.project_id, sessions.session_id
   FOR UPDATE OF sessions SKIP LOCKED
""",
    projects="$3",
)

# The same of one session, waiting for each lock as long as the transaction lets it.
_LOCK_ONE: Final = """
WITH project_lock AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared($3)::text
), project AS MATERIALIZED (
    SELECT project_id FROM projects
     WHERE project_id = $1 AND (SELECT count(*) FROM project_lock) >= 0
       FOR SHARE
)
SELECT 1
  FROM project JOIN sessions ON sessions.project_id = project.project_id
 WHERE sessions.project_id = $1 AND sessions.session_id = $2
   FOR UPDATE OF sessions
"""

# Locks on the node that has the project's sessions, whether there are any or not.
_LOCK_PROJECT_ON_NODE: Final = """
WITH project_lock AS MATERIALIZED (SELECT pg_advisory_xact_lock($1)::text)
SELECT (SELECT count(*) FROM project_lock),
       (SELECT 1 FROM sessions WHERE sessions.project_id = $2 LIMIT 1)
"""

_UNKNOWN: Final = statement(f"""
SELECT n
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS requested (project_id, session_id, n)
 WHERE NOT EXISTS (SELECT 1 FROM sessions
                    WHERE sessions.project_id = requested.project_id
                      AND sessions.session_id = requested.session_id{one_shard("sessions")})
    OR NOT EXISTS (SELECT 1 FROM projects WHERE projects.project_id = requested.project_id)
""")

NEW_SESSION_COLUMNS: Final = (
    "project_id, session_id, project_epoch, subscriber_id, subscriber_epoch, kind, generation,"
    " head_since,"
    " head_expires_at, seen_generation, created_at, deadline, lives_until, first_until, jkt,"
    " address, agent, c2c_token_id"
)
"""What an insert of a session writes."""

DATABASE_TIME: Final = "floor(extract(epoch FROM clock_timestamp()))::bigint"
"""Unix seconds by the database's clock, now, not at the beginning of the transaction."""

_SELECT: Final = statement(f"""
SELECT {mark_correlated(SESSION_COLUMNS, "inviter")}, {DATABASE_TIME} AS measured_at,
       sessions.project_epoch,
       (SELECT subscribers.epoch FROM subscribers
         WHERE subscribers.project_id = sessions.project_id{one_shard("subscribers")}
           AND subscribers.subscriber_id = sessions.subscriber_id) AS subscriber_epoch
  FROM unnest($1::uuid[], $2::uuid[]) AS requested (project_id, session_id)
  JOIN sessions USING (project_id, session_id)
 WHERE TRUE{one_shard("sessions")}
""")

_REVOKE: Final = """
WITH live AS MATERIALIZED (
    SELECT sessions.project_id, sessions.session_id FROM sessions
     WHERE project_id = $1 AND subscriber_id = $2 AND revoked_at IS NULL
       AND ($4::text IS NULL OR jkt = $4)
       AND project_epoch = (SELECT projects.epoch FROM projects WHERE projects.project_id = $1)
     ORDER BY project_id, session_id
       FOR UPDATE
), revoked AS (
    UPDATE sessions SET revoked_at = $3
      FROM live
     WHERE sessions.project_id = live.project_id AND sessions.session_id = live.session_id
       AND sessions.project_id = $1
    RETURNING 1
)
SELECT count(*) FROM revoked
"""

_REVOKE_EACH: Final = """
WITH live AS MATERIALIZED (
    SELECT sessions.project_id, sessions.session_id FROM sessions
     WHERE project_id = $1 AND session_id = ANY($2::uuid[]) AND revoked_at IS NULL
       AND project_epoch = (SELECT projects.epoch FROM projects WHERE projects.project_id = $1)
     ORDER BY project_id, session_id
       FOR UPDATE
)
UPDATE sessions SET revoked_at = $3
  FROM live
 WHERE sessions.project_id = live.project_id AND sessions.session_id = live.session_id
   AND sessions.project_id = $1
RETURNING sessions.session_id, sessions.subscriber_id
"""


def project_locks(projects: Collection[UUID]) -> tuple[list[int], list[UUID]]:
    """The arguments of `PROJECT_LOCK`: keys of advisory locks, and their projects."""
    ordered = sorted(projects)
    return [_lock_key(project) for project in ordered], ordered


def _lock_key(project: UUID) -> int:
    return (project.int >> 64) - (1 << 63)


async def lock_project(db: Connection, project: UUID) -> None:
    """Lock a project exclusively: no session of it is decided about until the transaction ends."""
    if db.is_distributed:  # decisions take it on the node of the project
        await db.execute(_LOCK_PROJECT_ON_NODE, _lock_key(project), project)
    else:
        await db.execute("SELECT pg_advisory_xact_lock($1)", _lock_key(project))


async def lock_sessions(db: Connection, keys: Collection[Key]) -> set[Key]:
    """Lock session rows until the end of the transaction, except those that are locked already.

    Returns:
        The keys of the locked rows.
    """
    requested = sorted(set(keys))
    rows = await db.fetch(
        _LOCK.form_for(db),
        *project_locks({project for project, _ in requested}),
        [project for project, _ in requested],
        [session for _, session in requested],
    )
    return {(row["project_id"], row["session_id"]) for row in rows}


async def lock_session(db: Connection, project: UUID, session: UUID) -> None:
    """Lock the row of a session, if there is one, within a transaction that is not a batch.

    Raises:
        asyncpg.LockNotAvailableError: another transaction holds it, or its project.
    """
    await db.execute(_LOCK_ONE, project, session, _lock_key(project))


async def unknown_sessions(db: Connection, keys: Collection[Key]) -> set[Key]:
    """Those of `keys` that are not sessions of a project."""
    if not keys:
        return set()
    requested = list(set(keys))
    rows = await db.fetch(
        _UNKNOWN.form_for(db),
        [project for project, _ in requested],
        [session for _, session in requested],
    )
    return {requested[row["n"] - 1] for row in rows}


async def read_sessions(db: Connection, keys: Sequence[Key]) -> dict[Key, StoredSession]:
    """The sessions that exist, with their subscribers' epochs."""
    if not keys:
        return {}
    projects, sessions = [project for project, _ in keys], [session for _, session in keys]
    found = {}
    for row in await db.fetch(_SELECT.form_for(db), projects, sessions):
        session = session_of(row)
        found[session.project, session.id] = StoredSession(
            session, row["subscriber_epoch"], row["measured_at"], row["project_epoch"]
        )
    return found


async def revoke_sessions(
    db: Connection, project: UUID, subscriber: UUID, now: int, *, jkt: str | None = None
) -> int:
    """Revoke a subscriber's active sessions, all or those of a key. Returns their number.

    They are locked in the order of their ids, as everywhere, against deadlocks.
    """
    count: int = await db.fetchval(_REVOKE, project, subscriber, now, jkt)
    return count


async def revoke_each(
    db: Connection, project: UUID, sessions: Sequence[UUID], now: int
) -> list[tuple[UUID, UUID]]:
    """Revoke some sessions. Returns those that were not yet revoked, with their subscribers."""
    rows = await db.fetch(_REVOKE_EACH, project, sessions, now)
    return [(read_uuid(row["session_id"]), read_uuid(row["subscriber_id"])) for row in rows]
