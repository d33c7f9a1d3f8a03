"""The plans of lists and counts; on PostgreSQL, at a million sessions and events, with statistics.

Each statement that a list runs is explained as it is: none may read a whole table, or sort more
rows than a page examines.

SQLite has no statistics of these tables, so that its plans are the same for any number of rows.
For PostgreSQL, the rows are written by one statement for each table, into tables without indexes
and without a log; the indexes are made afterwards.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest

from satmint.model.claims import Kind
from satmint.model.event_filter import EventFilter
from satmint.model.events import EventKind
from satmint.model.listing import Anchor, Window
from satmint.model.session_filter import SessionFilter, SessionStatus
from satmint.store.contract import Store
from satmint.store.postgres import open_postgres
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.database import PostgresTransaction
from satmint.store.sqlite import open_sqlite
from satmint.store.sqlite.database import SqliteTransaction
from tests.kit.clock import NOW
from tests.kit.postgres import the_server

ROWS: Final = 1_000_000
SQLITE_ROWS: Final = 10_000
PROJECT: Final = UUID(int=7 << 64)
SUBSCRIBER, SESSION = UUID(int=50_000), UUID(int=50_001)
KEY: Final = "k" * 43
MIDDLE: Final = Anchor(NOW - ROWS // 2, UUID(int=ROWS // 2))
NEWEST: Final = Window(50, descending=True)

SESSIONS: Final = """
INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, subscriber_epoch, kind,
                      generation, head_since, head_expires_at, seen_generation, created_at,
                      deadline, lives_until, first_until, jkt, address, agent)
SELECT {project}, {id}, 0, {id}, 0, CASE WHEN i % 1000 = 0 THEN 'embed' ELSE 'subscriber' END,
       0, {now}, {now} + 7200, -1, {now} - i, 9007199254740992, {now} + 7500, {now} + 7500,
       CASE WHEN i % 2 = 0 THEN '{key}' || (i % 97) END, '192.0.2.' || (i % 250), 'suite/1'
  FROM {numbers}
"""
EVENTS: Final = """
INSERT INTO events (project_id, event_id, kind, at, subscriber_id, session_id, generation, cause,
                    request_id, address, agent, position)
SELECT {project}, {event_id},
       CASE WHEN i % 1000 = 0 THEN 'replayed' WHEN i % 12 = 0 THEN 'issued' ELSE 'refreshed' END,
       {now} - {rows} + i, {id}, {id}, 0, '', 'req-1', '192.0.2.7', 'suite/1', i
  FROM {numbers}
"""


POSTGRES_INDEXES: Final = """
SELECT format('DROP INDEX %I', index.relname), pg_get_indexdef(index.oid)
  FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
 WHERE indrelid IN ('sessions'::regclass, 'events'::regclass) AND NOT indisprimary
 UNION ALL
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
              pg_get_constraintdef(oid))
  FROM pg_constraint
 WHERE conrelid IN ('sessions'::regclass, 'events'::regclass) AND contype = 'p'
"""


@dataclass(frozen=True)
class Explained:
    """A store, and the plans of the statements that it ran meanwhile."""

    store: Store
    plans: Callable[[Callable[[], Awaitable[object]]], Awaitable[list[str]]]


@contextmanager
def recorded(owner: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any]]]:
    """The statements that the port reads by, with their arguments."""
    seen: list[tuple[str, Any]] = []
    fetch = owner.fetch  # type: ignore[attr-defined]

    async def recording(tx: object, build: object, sql: str, *values: object) -> object:
        seen.append((sql, values))
        return await fetch(tx, build, sql, *values)

    with monkeypatch.context() as patch:
        patch.setattr(owner, "fetch", recording)
        yield seen


async def filled_sqlite(path: Path) -> Store:
    store = await open_sqlite(path, NOW)
    fill = {
        "project": f"x'{PROJECT.hex}'",
        "id": "unhex(printf('%032x', i))",
        "event_id": f"unhex(printf('%012x0000%016x', ({NOW} - {SQLITE_ROWS} + i) * 1000, i))",
        "now": NOW,
        "key": KEY[:40],
        "rows": SQLITE_ROWS,
        "numbers": f"(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
        f" WHERE i < {SQLITE_ROWS} - 1) SELECT i FROM n) AS numbers",
    }
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        db.create_function("unhex", 1, bytes.fromhex, deterministic=True)
        db.execute(
            "INSERT INTO projects (project_id, name, created_at) VALUES (?, 'plans', 0)",
            (PROJECT.bytes,),
        )
        db.execute(SESSIONS.format(**fill))
        db.execute(EVENTS.format(**fill))
        statistics = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'"
        assert db.execute(statistics).fetchone() == (0,)
    return store


async def filled_postgres() -> tuple[Store, str]:
    url = the_server().new_database()
    db = await asyncpg.connect(url)
    try:
        fill = {
            "project": f"'{PROJECT}'::uuid",
            "id": "lpad(to_hex(i), 32, '0')::uuid",
            "event_id": f"substr(int8send(({NOW}::bigint - {ROWS} + i) * 1000), 3)"
            " || int2send(0::int2) || int8send(i)",
            "now": f"{NOW}::bigint",
            "key": KEY[:40],
            "rows": ROWS,
            "numbers": f"(SELECT i::bigint FROM generate_series(0, {ROWS} - 1) AS i) AS numbers",
        }
        await db.execute(
            "INSERT INTO projects (project_id, name, created_at) VALUES ($1, 'plans', 0)", PROJECT
        )
        await db.execute("SET maintenance_work_mem = '256MB'")
        indexes = await db.fetch(POSTGRES_INDEXES)
        for drop, _ in indexes:
            await db.execute(drop)
        for table in TABLES:
            await db.execute(f"ALTER TABLE {table} SET UNLOGGED")
        await db.execute(SESSIONS.format(**fill))
        await db.execute(EVENTS.format(**fill))
        for _, create in indexes:
            await db.execute(create)
        await db.execute("VACUUM ANALYZE sessions")
        await db.execute("VACUUM ANALYZE events")
    finally:
        await db.close()
    return await open_postgres(url, NOW), url


@pytest.fixture(params=["sqlite", "postgres"])
async def explained(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Explained]:
    if request.param == "sqlite":
        store, url = await filled_sqlite(tmp_path / "satmint.db"), ""
    else:
        store, url = await filled_postgres()

    async def plans(run: Callable[[], Awaitable[object]]) -> list[str]:
        owner = PostgresTransaction if url else SqliteTransaction
        with recorded(owner, monkeypatch) as seen:
            await run()
        if url:
            return [await _postgres_plan(url, *one) for one in seen]
        return [_sqlite_plan(tmp_path / "satmint.db", *one) for one in seen]

    yield Explained(store, plans)
    await store.close()


def _sqlite_plan(path: Path, sql: str, values: Sequence[Any]) -> str:
    encoded = [value.bytes if isinstance(value, UUID) else value for value in values]
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(f"EXPLAIN QUERY PLAN {sql.replace('$', '?')}", encoded).fetchall()
    return "\n".join(row[3] for row in rows)


async def _postgres_plan(url: str, sql: str, values: Sequence[Any]) -> str:
    db: Connection = await asyncpg.connect(url)
    try:
        found = await db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *values)
    finally:
        await db.close()
    nodes, lines = [json.loads(found)[0]["Plan"]], list[str]()
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        names = (node.get(name) for name in ("Node Type", "Relation Name", "Index Name"))
        lines.append(" ".join(name for name in names if name is not None))
    return "\n".join(lines)


SESSION_LISTS: Final = {
    "all": (SessionFilter(), "sessions_by_age"),
    "state": (SessionFilter(state=SessionStatus.REVOKED), "sessions_by_age"),
    "kind": (SessionFilter(kind=Kind.EMBED), "sessions_by_age"),
    "bound": (SessionFilter(bound=True, since=NOW - 90_000), "sessions_by_age"),
    "subscriber": (SessionFilter(subscriber=SUBSCRIBER), "sessions_by_subscriber"),
    "key": (SessionFilter(jkt=KEY[:40] + "44"), "sessions_by_key"),
    "address": (SessionFilter(caller_address="192.0.2.9"), "sessions_by_address"),
}
EVENT_LISTS: Final = {
    "all": (EventFilter(), "events_by_position"),
    "kind": (EventFilter(kinds=frozenset({EventKind.REPLAYED})), "events_by_kind"),
    "hot kind": (EventFilter(kinds=frozenset({EventKind.ISSUED})), "events_by_position"),
    "times": (EventFilter(since=NOW - 50_000, until=NOW - 49_000), "events_by_position"),
    "session": (
        EventFilter(session=SESSION, kinds=frozenset({EventKind.ISSUED})),
        "events_by_session",
    ),
    "whole session": (EventFilter(session=SESSION), "events_by_position"),
    "subscriber": (
        EventFilter(subscriber=SUBSCRIBER, kinds=frozenset({EventKind.ISSUED})),
        "events_by_subscriber",
    ),
}
TABLES: Final = ("events", "sessions")
SORTED: Final = frozenset(
    {
        "Sort",
        "Bitmap Heap Scan events",
        "Bitmap Heap Scan sessions",
        "USE TEMP B-TREE FOR ORDER BY",
    }
)


def check(plans: list[str], index: str, name: str) -> None:
    assert any(index in plan for plan in plans), (name, plans)
    for plan in plans:
        lines = plan.splitlines()
        for table in TABLES:
            assert f"Seq Scan {table}" not in lines, (name, plan)
            # SQLite also scans the rows of a subquery.
            assert lines.count(f"SCAN {table}") == lines.count(f"CO-ROUTINE {table}"), (name, plan)
        # Few rows between two ends may be sorted, and so are a subscriber's sessions of one second.
        if name != "times" and index != "sessions_by_subscriber":
            assert not SORTED.intersection(lines), (name, plan)


async def test_every_list_is_read_through_its_index(explained: Explained) -> None:
    store = explained.store
    await check_statistics_and_ends(explained)
    for name, (wanted, index) in SESSION_LISTS.items():
        for window in (NEWEST, Window(50, MIDDLE, descending=True)):
            plans = await explained.plans(
                lambda wanted=wanted, window=window: store.sessions.list_project(  # type: ignore[misc]
                    PROJECT, wanted, NOW, window
                )
            )
            check(plans, index, name)
        plans = await explained.plans(
            lambda wanted=wanted: store.sessions.count_project(PROJECT, wanted, NOW)  # type: ignore[misc]
        )
        check(plans, index, name)
    for name, (chosen, index) in EVENT_LISTS.items():
        anchor = Anchor(ROWS // 2, UUID(int=0))
        for window in (NEWEST, Window(50, anchor, descending=True)):
            plans = await explained.plans(
                lambda chosen=chosen, window=window: store.events.list(PROJECT, window, chosen)  # type: ignore[misc]
            )
            check(plans, index, name)


async def check_statistics_and_ends(explained: Explained) -> None:
    store = explained.store
    plans = await explained.plans(lambda: store.stats.of_project(PROJECT, NOW))
    assert any("sessions_by_age" in plan for plan in plans)
    page = await store.sessions.list_project(PROJECT, SessionFilter(), NOW, NEWEST)
    assert len(page.items) == 50
    plans = await explained.plans(lambda: store.events.of_revocations(PROJECT, page.items))
    for index in ("events_by_session", "events_by_subscriber", "events_by_kind"):
        assert any(index in plan for plan in plans), (index, plans)
