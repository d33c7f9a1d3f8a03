"""Deletes expired rows in small steps, so that no request waits for it.

Rows that another transaction has locked are skipped until the next pass. Several servers may purge
at once; each makes its own passes over the tables.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

from satmint.store.contract import PurgeResult
from satmint.store.sql.delivery_purge import purge_deliveries
from satmint.store.sql.port import Database, Row, Transaction, read_uuid
from satmint.store.sql.session_columns import INVITER_REVOKED_AT

_KEPT_AFTER_EXPIRY_SECONDS: Final = 86_400
"""Expired sessions stay listed for a day, so that operators can see how they ended."""

_Key = tuple[UUID, UUID]
"""A project, and an id in it."""
_NIL: Final = UUID(int=0)
_START: Final = (_NIL, _NIL)
_LAST: Final = UUID(int=(1 << 128) - 1)

# Not as NOT EXISTS, for which PostgreSQL may load all sessions into a hash table.
_UNUSED: Final = (
    "(SELECT 1 FROM sessions WHERE sessions.project_id = subscribers.project_id"
    " AND sessions.subscriber_id = subscribers.subscriber_id LIMIT 1) IS NULL"
)
_COUNT: Final = """
WITH part AS MATERIALIZED ({part} ORDER BY project_id, id LIMIT $3)
SELECT project_id, id, (SELECT count(*) FROM part) AS seen,
       (SELECT count(*) FROM part WHERE expired) AS expired,
       (SELECT count(*) FROM part WHERE active) AS active
  FROM part ORDER BY project_id DESC, id DESC LIMIT 1
"""
_SESSIONS: Final = _COUNT.format(
    part="SELECT project_id, session_id AS id, lives_until <= $4 AS expired,"
    " lives_until > $5 AND revoked_at IS NULL AND project_epoch = (SELECT projects.epoch"
    " FROM projects WHERE projects.project_id = sessions.project_id)"
    f" AND ({INVITER_REVOKED_AT}) IS NULL AS active"
    " FROM sessions WHERE (project_id, session_id) > ($1, $2)"
)
_DEVICES_WITHOUT_SESSION: Final = (
    "DELETE FROM registered_devices WHERE (project_id, session_id) > ($1, $2)"
    " AND (project_id, session_id) <= ($3, $4)"
    " AND (SELECT 1 FROM sessions WHERE sessions.project_id = registered_devices.project_id"
    " AND sessions.session_id = registered_devices.session_id) IS NULL"
)
# Permanent subscribers are examined too: looking for the next temporary one has no bound.
_SUBSCRIBERS: Final = _COUNT.format(
    part="SELECT project_id, subscriber_id AS id,"
    f" reference IS NULL AND {_UNUSED} AS expired, FALSE AS active"
    " FROM subscribers WHERE (project_id, subscriber_id) > ($1, $2)"
)
_WITH_END: Final = (
    ("proofs", "proof", "forget_at"),
    ("presence", "connection_id", "lease_until"),
    ("keyed_requests", "key_digest", "forget_at"),
)
"""Tables whose rows have a time of their end: the table, its key after the project, its time."""
_OLD_EVENTS: Final = "project_id = $1 AND event_id < $2 ORDER BY event_id LIMIT $3"
_DELIVERIES_OF_NOBODY: Final = (
    "DELETE FROM deliveries WHERE project_id = $1 AND webhook_id NOT IN"
    " (SELECT webhook_id FROM webhooks WHERE project_id = $1)"
)
_PROJECTS_IN_STEP: Final = 50
"""How many projects a step examines at most, where one transaction is for one project."""
_PROJECTS: Final = (
    "SELECT project_id FROM projects WHERE project_id > $1 ORDER BY project_id LIMIT $2"
)


@dataclass(frozen=True, slots=True)
class _Position:
    """Where the next step continues: after these keys."""

    session: _Key = _START
    subscriber: _Key = _START
    events_of: UUID = _NIL
    """The last project whose events were examined."""
    events_left: bool = False
    """Whether an earlier project of this pass has more events to delete."""
    active: int = 0
    """Active sessions seen in this pass."""
    webhook: _Key = _START
    """The last webhook whose deliveries were examined."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The rows of a table that one step examines: the last key, and counts."""

    last: _Key = _START
    seen: int = 0
    expired: int = 0
    active: int = 0

    def next_start(self, limit: int) -> _Key:
        """The key after which the next chunk begins; the start, if this one was the last."""
        return self.last if self.seen == limit else _START


class Purge:
    """Passes over the tables in key order, `limit` rows a step, and starts again at the end."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._position = _Position()

    async def step(self, now: int, events_before: int, limit: int) -> PurgeResult:
        """See `Store.purge`."""
        ahead = await self._db.time(now) - now
        now, events_before = now + ahead, events_before + ahead
        by_project = await self._db.is_by_project()
        purged, examined = 0, 0
        while True:
            previous = self._position
            step = _project_step if by_project else _step
            done, self._position = await self._db.transaction(
                partial(
                    step,
                    at=previous,
                    now=now,
                    events_before=events_before,
                    limit=limit - purged,
                ),
                slow=True,
            )
            purged, examined = purged + done.removed, examined + 1
            if not by_project or not done.more or purged >= limit or examined >= _PROJECTS_IN_STEP:
                return PurgeResult(purged, done.more, done.active)


async def _step(
    tx: Transaction, at: _Position, now: int, events_before: int, limit: int
) -> tuple[PurgeResult, _Position]:
    expired_by = now - _KEPT_AFTER_EXPIRY_SECONDS
    removed = []
    sessions = (
        await tx.fetch_one(_chunk_of, _SESSIONS, *at.session, limit, expired_by, now) or _Chunk()
    )
    if sessions.expired:
        expired = f"{_between('session_id')} AND lives_until <= $5"
        keys = *at.session, *sessions.last
        removed.append(await _delete(tx, "sessions", "session_id", expired, *keys, expired_by))
        # A device is registered while its session's row is locked, so none is left behind.
        await tx.execute(_DEVICES_WITHOUT_SESSION, *keys)
    subscribers = await tx.fetch_one(_chunk_of, _SUBSCRIBERS, *at.subscriber, limit) or _Chunk()
    if subscribers.expired:
        expired = f"{_between('subscriber_id')} AND reference IS NULL AND {_UNUSED}"
        keys = *at.subscriber, *subscribers.last
        removed.append(await _delete(tx, "subscribers", "subscriber_id", expired, *keys))
    # Proofs too old to be accepted again, expired leases, and requests that are forgotten.
    for table, column, end in _WITH_END:
        expired = f"{end} <= $1 ORDER BY {end} LIMIT $2"
        removed.append(await _delete(tx, table, column, expired, now, limit))
    count, events_of, events_left = await _delete_events(tx, at, events_before, limit)
    removed.append(count)
    count, webhook = await purge_deliveries(tx, at.webhook, now, limit)
    removed.append(count)
    active = at.active + sessions.active
    session, subscriber = sessions.next_start(limit), subscribers.next_start(limit)
    counted = session == _START
    more = not counted or subscriber != _START or events_of != _NIL or events_left
    more = more or webhook is not None
    return (
        PurgeResult(sum(removed), more or max(removed) == limit, active if counted else None),
        _Position(
            *(session, subscriber, events_of, events_left, 0 if counted else active),
            webhook or _START,
        ),
    )


async def _project_step(
    tx: Transaction, at: _Position, now: int, events_before: int, limit: int
) -> tuple[PurgeResult, _Position]:
    """As `_step`, for rows of one project: a cluster locks no rows of several in one statement.

    The keys of the position are of a project that is not done. `events_of` is the last one that is.
    """
    if at.session == _START:
        following = await tx.fetch(_project, _PROJECTS, at.events_of, 1)
        if not following:
            return PurgeResult(0, more=False, active=at.active), _Position()
        start = following[0], _NIL
        at = replace(at, session=start, subscriber=start)
    project = at.session[0]
    expired_by, end = now - _KEPT_AFTER_EXPIRY_SECONDS, (project, _LAST)
    removed = []
    found = await tx.fetch_one(
        _chunk_of, _of_project(_SESSIONS), *at.session, limit, expired_by, now
    )
    sessions = found or _Chunk()
    one = "project_id = $1"
    if sessions.expired:
        expired = f"{_between('session_id')} AND {one} AND lives_until <= $5"
        keys = *at.session, *sessions.last
        removed.append(
            await _delete(tx, "sessions", "session_id", expired, *keys, expired_by, within=one)
        )
        await tx.execute(_of_project(_DEVICES_WITHOUT_SESSION), *keys)
    found = await tx.fetch_one(_chunk_of, _of_project(_SUBSCRIBERS), *at.subscriber, limit)
    subscribers = found or _Chunk()
    if subscribers.expired:
        expired = f"{_between('subscriber_id')} AND {one} AND reference IS NULL AND {_UNUSED}"
        keys = *at.subscriber, *subscribers.last
        removed.append(
            await _delete(tx, "subscribers", "subscriber_id", expired, *keys, within=one)
        )
    for table, column, until in _WITH_END:
        expired = f"{one} AND {until} <= $2 ORDER BY {until} LIMIT $3"
        removed.append(await _delete(tx, table, column, expired, project, now, limit, within=one))
    bound = (max(events_before, 0) * 1000).to_bytes(6, "big")
    removed.append(
        await _delete(tx, "events", "event_id", _OLD_EVENTS, project, bound, limit, within=one)
    )
    await tx.execute(_DELIVERIES_OF_NOBODY, project)
    count, _ = await purge_deliveries(tx, (project, _NIL), now, limit, of_project=True)
    removed.append(count)
    active = at.active + sessions.active
    chunks = sessions.next_start(limit), subscribers.next_start(limit)
    if chunks == (_START, _START) and max(removed) < limit:
        position = _Position(events_of=project, active=active)
    else:
        session, subscriber = (end if chunk == _START else chunk for chunk in chunks)
        position = _Position(session, subscriber, at.events_of, active=active)
    return PurgeResult(sum(removed), more=True, active=None), position


async def _delete_events(
    tx: Transaction, at: _Position, before: int, limit: int
) -> tuple[int, UUID, bool]:
    """Delete old events. Returns their number, and the new `events_of` and `events_left`."""
    # A version 7 UUID begins with its time in milliseconds, so a time is a bound on the key.
    bound = (max(before, 0) * 1000).to_bytes(6, "big")
    projects = await tx.fetch(_project, _PROJECTS, at.events_of, limit)
    count = 0
    for project in projects:
        count += await _delete(tx, "events", "event_id", _OLD_EVENTS, project, bound, limit - count)
        if count >= limit:
            return count, project, True
    has_more = len(projects) == limit
    return count, projects[-1] if has_more else _NIL, at.events_left and at.events_of != _NIL


def _of_project(sql: str) -> str:
    """The statement for rows of the project of the first key alone."""
    return sql.replace("> ($1, $2)", "> ($1, $2) AND project_id = $1")


async def _delete(
    tx: Transaction, table: str, column: str, expired: str, *values: object, within: str = "TRUE"
) -> int:
    """Delete the rows that are `expired`, except locked ones. Returns their number.

    Args:
        tx: The transaction.
        table: The table.
        column: What follows the project in its primary key.
        expired: The condition, and what follows it.
        values: Its arguments.
        within: A condition that all of these rows meet, where they are of one project.
    """
    key = f"project_id, {column}"
    # Materialized, so that PostgreSQL finds and locks them once.
    return await tx.execute(
        f"DELETE FROM {table} WHERE {within} AND ({key}) IN (WITH expired AS MATERIALIZED"
        f" (SELECT {key} FROM {table} WHERE {expired}{tx.dialect.skip_locked})"
        f" SELECT {key} FROM expired)",
        *values,
    )


def _between(column: str) -> str:
    return f"(project_id, {column}) > ($1, $2) AND (project_id, {column}) <= ($3, $4)"


def _chunk_of(row: Row) -> _Chunk:
    last = read_uuid(row["project_id"]), read_uuid(row["id"])
    return _Chunk(last, row["seen"], row["expired"], row["active"])


def _project(row: Row) -> UUID:
    return read_uuid(row["project_id"])
