"""Lists of a project's sessions, and the revocation of many of them."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.events import Event
from satmint.model.listing import BoundedCount, Page, Window
from satmint.model.records import Session
from satmint.model.session_filter import SessionFilter, SessionStatus
from satmint.store.sql.port import Database, Dialect, Transaction
from satmint.store.sql.search import Condition, Search, count_search, read_search
from satmint.store.sql.session_columns import LISTED_COLUMNS, REVOKED_AT, listed_session_of

COUNT_LIMIT: Final = 10_000
"""Up to how many matching sessions are counted."""
COUNT_SCAN_LIMIT: Final = 20_000
"""How many sessions are examined for that."""


async def list_project(
    db: Database, project: UUID, wanted: SessionFilter, now: int, window: Window
) -> Page[Session]:
    """See `SessionStore.list_project`."""
    search = _search(db.dialect, project, wanted, now)
    return await read_search(db, [search], window, listed_session_of)


async def count_project(
    db: Database, project: UUID, wanted: SessionFilter, now: int
) -> BoundedCount:
    """See `SessionStore.count_project`."""
    search = _search(db.dialect, project, wanted, now)
    scan_limit = COUNT_SCAN_LIMIT if search.residual else COUNT_LIMIT + 1
    matching, examined = await count_search(db, search, scan_limit)
    is_exact = examined < scan_limit and matching <= COUNT_LIMIT
    return BoundedCount(min(matching, COUNT_LIMIT), is_exact)


async def revoke_each(db: Database, project: UUID, now: int, events: Mapping[UUID, Event]) -> int:
    """See `SessionStore.revoke_each`."""

    async def work(tx: Transaction) -> int:
        revoked = await tx.revoke_each(project, list(events), now)
        if revoked:
            replace = msgspec.structs.replace
            await tx.record(*(replace(events[one], subscriber=owner) for one, owner in revoked))
        return len(revoked)

    return await db.transaction(work, project=project, slow=True, read_committed=True)


def _search(dialect: Dialect, project: UUID, wanted: SessionFilter, now: int) -> Search:
    """The search for a filter, through the index that leaves the least to examine."""
    indexed: dict[str, list[Condition | str]] = {}
    if wanted.subscriber is not None:
        indexed["sessions_by_subscriber"] = [("subscriber_id = {}", wanted.subscriber)]
    if wanted.jkt is not None:
        indexed["sessions_by_key"] = [("jkt = {}", wanted.jkt)]
    if wanted.caller_address is not None:
        indexed["sessions_by_address"] = [("address = {}", wanted.caller_address)]
    # Only a query with this condition may use the index.
    indexed["sessions_by_age"] = ["created_at >= 0"]
    index, *others = indexed
    within: list[Condition | str] = [("project_id = {}", project), *indexed[index]]
    if wanted.since is not None:
        within.append(("created_at >= {}", wanted.since))
    residual = [condition for name in others[:-1] for condition in indexed[name]]
    if wanted.kind is not None:
        residual.append(("sessions.kind = {}", wanted.kind.value))
    if wanted.bound is not None:
        residual.append(f"sessions.jkt IS {'NOT ' if wanted.bound else ''}NULL")
    match wanted.state:
        case SessionStatus.REVOKED:
            residual.append(f"{REVOKED_AT} IS NOT NULL")
        case SessionStatus.ACTIVE:
            residual += [("lives_until > {}", now), f"{REVOKED_AT} IS NULL"]
        case SessionStatus.EXPIRED:
            residual += [("lives_until <= {}", now), f"{REVOKED_AT} IS NULL"]
    return Search(
        columns=LISTED_COLUMNS,
        table="sessions",
        index=dialect.index.format(index),
        within=within,
        residual=residual,
        sort_column="created_at",
        id_column="session_id",
    )
