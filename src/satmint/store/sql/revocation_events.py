"""Finds the events that revoked sessions."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.model.events import Event, EventKind
from satmint.model.records import Session
from satmint.store.sql.event_columns import READ_COLUMNS, event_of, kinds_in
from satmint.store.sql.event_search import NO_REFRESH, NOT_FREQUENT
from satmint.store.sql.port import Database

_CHUNK: Final = 100
"""How many sessions a statement is for; SQLite has a limit for its parts."""
_EXAMINED: Final = 100
"""How many of a subscriber's events are examined at most, the newest ones."""
_OF_SESSIONS: Final = 10_000
"""How many events of the sessions are examined at most. Also keeps planners from using another
index because of their kinds."""
_PROJECT_KINDS: Final = (EventKind.DATABASE_ADOPTED, EventKind.PROJECT_REVOKED)
_PROJECT_EVENTS: Final = 10
"""How many revocations of the project are examined at most, the newest ones of each kind."""

_OF_SESSION: Final = (
    f"SELECT {READ_COLUMNS} FROM (SELECT * FROM events{{index}}"
    f" WHERE project_id = $1 AND session_id IN ({{keys}}) AND {NO_REFRESH}"
    f" LIMIT {_OF_SESSIONS}) AS events"
    f" WHERE kind IN ({kinds_in((EventKind.REUSE_DETECTED, EventKind.SESSION_REVOKED))})"
)
_SUBSCRIBER_KINDS: Final = kinds_in(
    (EventKind.SESSION_REVOKED, EventKind.SUBSCRIBER_DELETED, EventKind.SUBSCRIBER_REVOKED)
)
_OF_SUBSCRIBER: Final = (
    f"SELECT {READ_COLUMNS} FROM (SELECT * FROM events{{index}}"
    f" WHERE project_id = $1 AND subscriber_id = {{key}} AND {NO_REFRESH}"
    f" ORDER BY position DESC, event_id DESC LIMIT {_EXAMINED}) AS events"
    f" WHERE session_id IS NULL AND kind IN ({_SUBSCRIBER_KINDS})"
)
_OF_PROJECT: Final = (
    f"SELECT {READ_COLUMNS} FROM events{{index}} WHERE project_id = $1 AND kind = '{{kind}}'"
    f" AND {NOT_FREQUENT} ORDER BY position DESC, event_id DESC LIMIT {_PROJECT_EVENTS}"
)


async def read_revocations(
    db: Database, project: UUID, sessions: Sequence[Session]
) -> Sequence[Event]:
    """See `EventStore.of_revocations`."""
    found: dict[bytes, Event] = {}
    for start in range(0, len(sessions), _CHUNK):
        query, keys = _query(db, sessions[start : start + _CHUNK])
        for event in await db.fetch_list(event_of, query, project, *keys):
            found[event.id] = event
    return list(found.values())


def _query(db: Database, sessions: Sequence[Session]) -> tuple[str, list[UUID]]:
    """The statement for some sessions, and its arguments after the project."""
    inviters = [one.inviter for one in sessions if one.inviter is not None]
    own = list(dict.fromkeys([*(one.id for one in sessions), *(one.session for one in inviters)]))
    owners = list(
        dict.fromkeys(
            [*(one.subscriber for one in sessions), *(one.subscriber for one in inviters)]
        )
    )
    index = db.dialect.index.format
    marks = [f"${number}" for number in range(2, 2 + len(own) + len(owners))]
    keys = ", ".join(marks[: len(own)])
    parts = [_OF_SESSION.format(index=index("events_by_session"), keys=keys)]
    parts += [
        _OF_SUBSCRIBER.format(index=index("events_by_subscriber"), key=mark)
        for mark in marks[len(own) :]
    ]
    parts += [
        _OF_PROJECT.format(index=index("events_by_kind"), kind=kind.value)
        for kind in _PROJECT_KINDS
    ]
    named = (f"SELECT * FROM ({part}) AS part{number}" for number, part in enumerate(parts))
    return " UNION ALL ".join(named), [*own, *owners]
