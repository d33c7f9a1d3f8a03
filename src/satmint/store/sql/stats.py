"""Counts the records of a project."""

from collections import Counter
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import EventKind, first_id_at
from satmint.model.listing import BoundedCount
from satmint.model.stats import ProjectStats
from satmint.store.sql.port import Database, Row
from satmint.store.sql.session_columns import REVOKED_AT

COUNT_LIMIT: Final = 10_000
"""Up to how many rows of each kind are counted; of the newest sessions, as many are examined."""
_HOUR: Final = 3600

_COUNTED: Final = {
    "subscribers": "subscribers WHERE project_id = $1 AND reference IS NOT NULL",
    "addresses": "addresses WHERE project_id = $1",
    "rooms": "rooms WHERE project_id = $1",
    "c2c_tokens": "c2c_tokens WHERE project_id = $1 AND disabled_at IS NULL",
    "api_tokens": "api_tokens WHERE project_id = $1",
    "webhooks": "webhooks WHERE project_id = $1",
    "pending_deliveries": "deliveries WHERE project_id = $1",
    "sessions": "sessions WHERE project_id = $1",
}
_SESSIONS: Final = f"""
SELECT kind, CASE WHEN jkt IS NULL THEN 0 ELSE 1 END AS bound, count(*) AS number
  FROM (SELECT * FROM sessions{{index}} WHERE project_id = $1 AND created_at >= 0
         ORDER BY created_at DESC, session_id DESC LIMIT {{limit}}) AS sessions
 WHERE lives_until > $2 AND {REVOKED_AT} IS NULL
 GROUP BY kind, CASE WHEN jkt IS NULL THEN 0 ELSE 1 END
"""
_EVENTS: Final = """
SELECT kind, count(*) AS number
  FROM (SELECT kind FROM events WHERE project_id = $1 AND event_id >= $2
         ORDER BY event_id DESC LIMIT {limit}) AS latest
 GROUP BY kind
"""
_ONLINE: Final = """
SELECT count(*) AS number
  FROM (SELECT lease_until FROM presence WHERE project_id = $1 LIMIT {limit}) AS connections
 WHERE lease_until > $2
"""


@dataclass(frozen=True, slots=True)
class SqlStats:
    """See `StatsStore`."""

    db: Database

    async def of_project(self, project: UUID, now: int) -> ProjectStats:
        """See `StatsStore.of_project`."""
        limit = COUNT_LIMIT + 1
        counts = ", ".join(
            f"(SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {limit}) AS counted) AS {name}"
            for name, rows in _COUNTED.items()
        )
        (found,) = await self.db.fetch_list(dict, f"SELECT {counts}", project)
        index = self.db.dialect.index.format("sessions_by_age")
        sessions = await self.db.fetch_list(
            dict, _SESSIONS.format(index=index, limit=COUNT_LIMIT), project, now
        )
        events = await self.db.fetch_list(
            dict, _EVENTS.format(limit=COUNT_LIMIT), project, first_id_at(now - _HOUR)
        )
        leases_at = await self.db.time(now)
        (online,) = await self.db.fetch_list(dict, _ONLINE.format(limit=limit), project, leases_at)
        by_kind: Counter[Kind] = Counter()
        for row in sessions:
            by_kind[Kind(row["kind"])] += row["number"]
        bound = sum(row["number"] for row in sessions if row["bound"])
        all_examined = found["sessions"] <= COUNT_LIMIT
        events_by_kind = {EventKind(row["kind"]): int(row["number"]) for row in events}
        counted = sum(events_by_kind.values())
        return ProjectStats(
            **{name: _bounded(found, name) for name in _COUNTED},
            active_sessions={kind: BoundedCount(by_kind[kind], all_examined) for kind in Kind},
            bound_sessions=BoundedCount(bound, all_examined),
            online_connections=_bounded(online, "number"),
            events=BoundedCount(counted, counted < COUNT_LIMIT),
            events_by_kind=events_by_kind,
        )


def _bounded(row: Row, name: str) -> BoundedCount:
    value = int(row[name])
    return BoundedCount(min(value, COUNT_LIMIT), value <= COUNT_LIMIT)
