"""The port that operations share, and the migrations that databases share."""

import asyncio
import inspect
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from satmint.model.listing import AddressFilter, Window
from satmint.store.sql.migrations import migrations_of
from satmint.store.sql.port import Transaction, UniqueViolation
from satmint.store.sqlite import open_sqlite
from satmint.store.sqlite.database import SqliteTransaction, run
from tests.kit.clock import NOW

DATABASES = ("sqlite", "postgres")


def test_a_number_stands_for_one_change_in_every_database() -> None:
    names: dict[int, set[str]] = {}
    for database in DATABASES:
        for migration in migrations_of(database):
            names.setdefault(migration.version, set()).add(migration.name)
    assert {version: len(known) for version, known in names.items()} == dict.fromkeys(names, 1)
    assert sorted(names) == list(range(1, len(names) + 1))


def test_a_transaction_of_sqlite_that_waits_for_anything_else_is_a_bug() -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute("SELECT 1")
        await asyncio.sleep(0)

    with closing(sqlite3.connect(":memory:")) as db:
        tx = SqliteTransaction(db)
        waiting = work(tx)
        with pytest.raises(RuntimeError, match="awaited something other than its own statements"):
            run(waiting)
        assert inspect.getcoroutinestate(waiting) == inspect.CORO_CLOSED
        assert run(tx.fetch_one(tuple, "SELECT $1, $2", 1, "two")) == (1, "two")
        assert run(tx.fetch_one(tuple, "SELECT 1 WHERE $1 = 2", 1)) is None


def test_only_a_second_value_in_a_unique_index_is_a_unique_violation() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID")
        db.execute("CREATE UNIQUE INDEX people_by_name ON people (name)")
        tx = SqliteTransaction(db)
        insert = "INSERT INTO people VALUES ($1, $2)"
        assert run(tx.execute(insert, "1", "ann")) == 1
        assert run(tx.execute(f"{insert} ON CONFLICT DO NOTHING", "2", "ann")) == 0
        with pytest.raises(UniqueViolation):
            run(tx.execute(insert, "2", "ann"))
        with pytest.raises(sqlite3.IntegrityError):
            run(tx.execute(insert, "1", "bob"))


async def test_what_a_holder_may_list_is_read_through_its_index(tmp_path: Path) -> None:
    """SQLite, without statistics, would read all of a project's rows."""
    store = await open_sqlite(tmp_path / "plans.db", NOW)
    pool, statements = store._reader, list[str]()
    for worker in (pool._lookup_worker, pool._list_worker):
        worker._connection.set_trace_callback(statements.append)
    project, id_ = UUID(int=1), UUID(int=2)
    await store.addresses.list(project, AddressFilter(name="lobby"), Window(10))
    await store.presence.list(project, id_, NOW, 60)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "plans.db")) as db:
        plans = [db.execute(f"EXPLAIN QUERY PLAN {query}").fetchone()[3] for query in statements]
    assert plans == [
        "SEARCH addresses USING INDEX addresses_by_bare_name (project_id=? AND name=?)",
        "SEARCH presence USING INDEX presence_by_subscriber (project_id=? AND subscriber_id=?)",
    ]


async def test_a_subscriber_is_found_by_name_through_indexes(tmp_path: Path) -> None:
    store, statements = await open_sqlite(tmp_path / "plans.db", NOW), list[str]()
    store._reader._lookup_worker._connection.set_trace_callback(statements.append)
    await store.subscribers.find(UUID(int=1), "alice")
    await store.close()
    with closing(sqlite3.connect(tmp_path / "plans.db")) as db:
        (plan,) = [db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall() for query in statements]
    by_key = "subscribers_by_reference_key"
    assert [step[3] for step in plan if "subscribers" in step[3]] == [
        "SEARCH subscribers USING INDEX subscribers_by_reference (project_id=? AND reference=?)",
        f"SEARCH subscribers USING INDEX {by_key} (project_id=? AND reference_key=?)",
        "SEARCH subscribers USING INDEX subscribers_by_email (project_id=? AND email=?)",
        "SEARCH subscribers USING INDEX subscribers_by_email_key (project_id=? AND email_key=?)",
    ]
