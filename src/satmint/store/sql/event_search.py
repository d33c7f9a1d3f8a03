"""The searches that find the events of a filter, each through the index that fits it.

Events of refreshes are most of the audit trail, and every refresh writes one. Only the index by
position contains them: one by session or subscriber would cost each refresh more than all others
do. So a filter that may match them examines events by position, and one that cannot uses the index
of its session, its subscriber or its kinds.
"""

from typing import Final
from uuid import UUID

from satmint.model.event_filter import EventFilter
from satmint.model.events import FREQUENT_EVENTS, REFRESH_EVENTS, first_id_at
from satmint.store.contract.events import TRUSTED_SKEW_SECONDS
from satmint.store.sql.event_columns import READ_COLUMNS, kinds_in
from satmint.store.sql.port import Database, Row, Transaction
from satmint.store.sql.search import Condition, Search

# Must be the literal conditions of SQLite's indexes, or these are not used.
NO_REFRESH: Final = "kind <> 'refreshed' AND kind <> 'device_token_issued'"
NOT_FREQUENT: Final = f"{NO_REFRESH} AND kind <> 'issued'"

_SAMPLE: Final = 100
_POSITIONS: Final = (
    "SELECT {extreme}(position) AS position FROM (SELECT position FROM events"
    " WHERE project_id = $1 AND event_id {beyond} $2 ORDER BY event_id {way}"
    f" LIMIT {_SAMPLE}) AS near"
)
_LAST_BEFORE: Final = _POSITIONS.format(extreme="min", beyond="<", way="DESC")
_FIRST_AFTER: Final = _POSITIONS.format(extreme="max", beyond=">=", way="ASC")


async def event_searches(
    db: Database, project: UUID, wanted: EventFilter, *, settled: bool
) -> list[Search]:
    """The searches whose rows, together, are the events of a filter."""
    common: list[Condition | str] = [("project_id = {}", project)]
    if settled:
        common.append(("position < {}", await db.read(_settled)))
    common += await _position_bounds(db, project, wanted)
    times = [*_equal("at >= {}", wanted.since), *_equal("at < {}", wanted.until)]
    subscriber = _equal("subscriber_id = {}", wanted.subscriber)
    session = _equal("session_id = {}", wanted.session)
    kinds = [] if not wanted.kinds else [f"kind IN ({kinds_in(wanted.kinds)})"]
    if wanted.kinds and not wanted.kinds & REFRESH_EVENTS:
        if session:
            within = [*common, *session, NO_REFRESH]
            return [_search(db, "events_by_session", within, [*subscriber, *kinds, *times])]
        if subscriber:
            within = [*common, *subscriber, NO_REFRESH]
            return [_search(db, "events_by_subscriber", within, [*kinds, *times])]
        if not wanted.kinds & FREQUENT_EVENTS:
            return [
                _search(db, "events_by_kind", [*common, f"kind = '{kind}'", NOT_FREQUENT], times)
                for kind in sorted(wanted.kinds)
            ]
    residual = [*session, *subscriber, *kinds, *times]
    return [_search(db, "events_by_position", common, residual)]


async def _settled(tx: Transaction) -> int:
    """`EventBatch.settled`, of before the rows are read."""
    (settled,) = await tx.fetch(_position, f"SELECT {tx.dialect.settled} AS position")
    return settled or 0


def filter_conditions(wanted: EventFilter, number: int) -> tuple[str, list[object]]:
    """Each condition of a filter after ` AND `, and the arguments, numbered from `number`."""
    text, arguments = "", list[object]()
    if wanted.kinds:
        text += f" AND kind IN ({kinds_in(wanted.kinds)})"
    for condition, value in (
        ("subscriber_id =", wanted.subscriber),
        ("session_id =", wanted.session),
        ("at >=", wanted.since),
        ("at <", wanted.until),
    ):
        if value is not None:
            text += f" AND {condition} ${number + len(arguments)}"
            arguments.append(value)
    return text, arguments


async def _position_bounds(
    db: Database, project: UUID, wanted: EventFilter
) -> list[Condition | str]:
    """Positions beyond which no event of the requested times is.

    Ids contain times, and positions follow the order of transactions. The two orders differ by the
    skew of the servers' clocks; so the bounds are taken from events well beyond the times.
    """
    bounds: list[Condition | str] = []
    for text, query, at in (
        ("position >= {}", _LAST_BEFORE, _shifted(wanted.since, -TRUSTED_SKEW_SECONDS)),
        ("position <= {}", _FIRST_AFTER, _shifted(wanted.until, TRUSTED_SKEW_SECONDS)),
    ):
        if at is not None:
            found = await db.fetch_list(_position, query, project, first_id_at(at))
            bounds += [(text, position) for position in found if position is not None]
    return bounds


def _search(
    db: Database, index: str, within: list[Condition | str], residual: list[Condition | str]
) -> Search:
    return Search(
        columns=f"{READ_COLUMNS}, position",
        table="events",
        index=db.dialect.index.format(index),
        within=within,
        residual=residual,
        sort_column="position",
        id_column="event_id",
        id_is_bytes=True,
    )


def _equal(text: str, value: object) -> list[Condition | str]:
    return [] if value is None else [(text, value)]


def _shifted(at: int | None, seconds: int) -> int | None:
    return None if at is None else at + seconds


def _position(row: Row) -> int | None:
    position: int | None = row["position"]
    return position
