"""Sessions as rows: how they are read, and how they are held while somebody decides about them.

Whoever decides holds the session's row, and so does whoever revokes it. A whole project is revoked
in one small step that touches no session: it raises the project's epoch. For that there is a gate
to each project, an advisory lock. Whoever decides passes it together with all others who do;
whoever revokes the project closes it first, and so waits until nobody is deciding any more. Unlike
a lock on the project's row, the gate is fair: a revocation is never kept waiting by newcomers.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.records import Session, SessionStanding
from satmint.model.rotation import Head
from satmint.store.postgres.connections import Connection
from satmint.store.postgres.listing import Row, plain

Key = tuple[UUID, UUID]
"""Project and session."""

COLUMNS: Final = (
    "sessions.project_id, session_id, subscriber_id, kind, generation, head_since,"
    " head_expires_at, seen_generation, created_at, deadline, lives_until,"
    # Its own revocation, or that of all sessions that its project had until then.
    " coalesce(revoked_at, (SELECT projects.revoked_at FROM projects"
    " WHERE projects.project_id = sessions.project_id"
    " AND projects.epoch <> sessions.project_epoch)) AS revoked_at, jkt, address, agent,"
    " device_token_at"
)

# A statement sees what was committed when it began, and may then wait at the gate. `FOR SHARE`
# looks at the project again after that: the newest epoch, or a serialisation failure. `FOR KEY
# SHARE` would not do: it is content with an older version of the row.
THROUGH_THE_GATE: Final = """
gate AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(key) FROM unnest($1::bigint[]) AS key
), project AS MATERIALIZED (
    SELECT project_id, epoch FROM projects
     WHERE project_id = ANY($2::uuid[]) AND (SELECT count(*) FROM gate) >= 0
     ORDER BY project_id
       FOR SHARE
)"""

# Always in the order of the keys, so that nobody waits in a circle.
_HOLD: Final = f"""
WITH {THROUGH_THE_GATE}, wanted AS MATERIALIZED (
    SELECT wanted.project_id, wanted.session_id
      FROM unnest($3::uuid[], $4::uuid[]) AS wanted (project_id, session_id)
      JOIN project ON project.project_id = wanted.project_id
)
SELECT sessions.project_id, sessions.session_id
  FROM wanted
  JOIN sessions ON sessions.project_id = wanted.project_id
               AND sessions.session_id = wanted.session_id
 ORDER BY sessions.project_id, sessions.session_id
   FOR UPDATE OF sessions
"""

_STANDING: Final = f"""
SELECT {COLUMNS},
       (SELECT subscribers.epoch FROM subscribers
         WHERE subscribers.project_id = sessions.project_id
           AND subscribers.subscriber_id = sessions.subscriber_id) AS subscriber_epoch
  FROM unnest($1::uuid[], $2::uuid[]) AS wanted (project_id, session_id)
  JOIN sessions USING (project_id, session_id)
"""


def gates_of(projects: Collection[UUID]) -> list[int]:
    """The gates of projects, in the one order in which they are ever passed."""
    return sorted({(project.int >> 64) - (1 << 63) for project in projects})


async def close_gate(db: Connection, project: UUID) -> None:
    """Wait until nobody decides about a session of `project`; nobody does until the end of this."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", *gates_of([project]))


async def hold(db: Connection, keys: Collection[Key], *, patiently: bool) -> set[Key]:
    """Hold the rows of sessions until the end of the transaction.

    Args:
        db: The transaction.
        keys: Which sessions.
        patiently: Whether to wait for those that somebody else holds, or to pass them over.

    Returns:
        Those that are held: known, and passed over by nobody.
    """
    wanted = sorted(set(keys))
    projects = {project for project, _ in wanted}
    rows = await db.fetch(
        _HOLD if patiently else f"{_HOLD} SKIP LOCKED",
        gates_of(projects),
        list(projects),
        [project for project, _ in wanted],
        [session for _, session in wanted],
    )
    return {(row["project_id"], row["session_id"]) for row in rows}


async def read_standings(db: Connection, keys: Sequence[Key]) -> dict[Key, SessionStanding]:
    """Those of the sessions that there are, with their subscribers' epochs."""
    projects, sessions = [project for project, _ in keys], [session for _, session in keys]
    found = {}
    for row in await db.fetch(_STANDING, projects, sessions):
        session = session_of(row)
        found[session.project, session.id] = SessionStanding(session, row["subscriber_epoch"])
    return found


def session_of(row: Row) -> Session:
    """The session in a row of `COLUMNS`."""
    return Session(
        id=plain(row["session_id"]),
        project=plain(row["project_id"]),
        subscriber=plain(row["subscriber_id"]),
        kind=Kind(row["kind"]),
        head=Head(row["generation"], row["head_since"], row["head_expires_at"], row["jkt"]),
        seen_generation=row["seen_generation"],
        created_at=row["created_at"],
        deadline=row["deadline"],
        lives_until=row["lives_until"],
        revoked_at=row["revoked_at"],
        address=row["address"],
        agent=row["agent"],
        device_token_at=row["device_token_at"],
    )
