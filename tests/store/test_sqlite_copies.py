"""A database file of which a copying command is the only user."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from satmint.model.incarnation import Incarnation
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import SchemaUnknown
from satmint.store.contract.copying import CopiedTable, DatabaseBusy, TextNotStorable
from satmint.store.sql.migrations import migrations_of
from satmint.store.sqlite.copying import SqliteEndpoint, open_file
from tests.kit.clock import NOW

FIRST, SECOND, THIRD = (UUID(int=number).bytes for number in (1, 2, 3))


@pytest.fixture
async def endpoint(file: Path) -> AsyncIterator[SqliteEndpoint]:
    opened = open_file(file)
    yield opened
    await opened.close()


async def table_of(endpoint: SqliteEndpoint, name: str = "projects") -> CopiedTable:
    return next(table for table in await endpoint.tables() if table.name == name)


def project(table: CopiedTable, project_id: bytes, name: str = "a") -> tuple[object, ...]:
    """A row of the table of projects, in the order of its columns."""
    values = {"project_id": project_id, "name": name, "created_at": NOW, "epoch": 0}
    return tuple(values.get(column) for column in table.columns)


async def written(endpoint: SqliteEndpoint, *ids: bytes, name: str = "a") -> CopiedTable:
    table = await table_of(endpoint)
    await endpoint.write(table, [project(table, one, name) for one in ids])  # type: ignore[misc]
    return table


def execute(file: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as db:
        found = db.execute(statement, values).fetchall()
        db.commit()
        return found


def test_a_source_that_does_not_exist_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no_such_file"):
        open_file(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


async def test_a_target_is_created_for_its_owner_alone_with_the_whole_schema(
    tmp_path: Path,
) -> None:
    target = tmp_path / "new.db"
    endpoint = open_file(target, now=NOW)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (await endpoint.inspect()).pending == ()
    await endpoint.close()
    again = open_file(target, now=NOW)
    assert (await again.inspect()).pending == ()
    await again.close()


@pytest.mark.parametrize("now", [None, NOW])
async def test_an_older_file_is_left_as_it_is_and_says_what_it_lacks(
    file: Path, now: int | None
) -> None:
    last = migrations_of("sqlite")[-1]
    execute(file, "DELETE FROM schema_migrations WHERE version = ?", last.version)
    endpoint = open_file(file, now=now)
    assert (await endpoint.inspect()).pending == (last.name,)
    await endpoint.close()


async def test_an_empty_file_is_given_a_schema_only_as_a_target(tmp_path: Path) -> None:
    empty, other = tmp_path / "empty.db", tmp_path / "other.db"
    empty.touch()
    other.touch()
    source = open_file(other)
    assert len((await source.inspect()).pending) == len(migrations_of("sqlite"))
    await source.close()
    target = open_file(empty, now=NOW)
    assert (await target.inspect()).pending == ()
    await target.close()


def test_a_file_of_another_version_is_refused_and_closed(
    file: Path, opened: list[sqlite3.Connection]
) -> None:
    execute(file, "UPDATE schema_migrations SET digest = 'of somebody else' WHERE version = 2")
    with pytest.raises(SchemaUnknown):
        open_file(file)
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        opened[-1].execute("SELECT 1")


async def test_a_file_is_opened_on_a_thread_and_used_on_another(file: Path) -> None:
    endpoint = await asyncio.to_thread(open_file, file)
    assert await endpoint.count(await table_of(endpoint)) == 0
    await endpoint.close()


async def test_commits_are_synchronous_whatever_the_default_of_sqlite_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def with_other_defaults(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", with_other_defaults)
    endpoint = open_file(file)
    names = ("synchronous", "cache_size")
    found = [endpoint._connection.execute(f"PRAGMA {name}").fetchone() for name in names]
    assert found == [(2,), (-65536,)]  # 2 is FULL; 64 MiB of pages
    await endpoint.close()


async def test_no_process_uses_the_file_meanwhile(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.store.sqlite.copying._BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(file)) as db:
        db.execute("SELECT count(*) FROM projects").fetchone()
        with pytest.raises(DatabaseBusy):
            open_file(file)
    endpoint = open_file(file)
    with closing(sqlite3.connect(file, timeout=0)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("SELECT count(*) FROM projects")
    await endpoint.close()
    assert execute(file, "SELECT count(*) FROM projects") == [(0,)]


async def test_what_was_written_is_there_for_the_next_one(file: Path) -> None:
    endpoint = open_file(file)
    table = await written(endpoint, FIRST, SECOND)
    assert await endpoint.count(table) == 2
    await endpoint.close()
    assert execute(file, "SELECT project_id FROM projects") == [(FIRST,), (SECOND,)]


async def test_rows_that_cannot_be_written_are_written_by_none(endpoint: SqliteEndpoint) -> None:
    table = await written(endpoint, FIRST)
    with pytest.raises(sqlite3.IntegrityError):
        await written(endpoint, SECOND, FIRST)
    assert await endpoint.count(table) == 1
    await written(endpoint, SECOND)
    assert await endpoint.count(table) == 2


async def test_a_file_that_cannot_grow_is_unavailable_and_keeps_what_it_has(
    endpoint: SqliteEndpoint,
) -> None:
    table = await written(endpoint, FIRST)
    (pages,) = endpoint._connection.execute("PRAGMA page_count").fetchone()
    endpoint._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="sqlite_full"):
        await written(endpoint, SECOND, name="x" * 1_000_000)
    assert await endpoint.count(table) == 1


async def test_rows_are_read_by_their_key_from_where_a_copy_stopped(
    endpoint: SqliteEndpoint,
) -> None:
    table = await table_of(endpoint)
    assert await endpoint.last_key(table) is None
    assert [batch async for batch in endpoint.rows(table)] == []
    await written(endpoint, THIRD, FIRST, SECOND)
    assert await endpoint.last_key(table) == (THIRD,)
    [batch] = [batch async for batch in endpoint.rows(table)]
    assert [table.key_of(row) for row in batch] == [(FIRST,), (SECOND,), (THIRD,)]
    [rest] = [batch async for batch in endpoint.rows(table, (FIRST,))]
    assert [table.key_of(row) for row in rest] == [(SECOND,), (THIRD,)]
    await endpoint.clear(table)
    assert await endpoint.count(table) == 0


async def test_the_key_of_a_table_has_its_columns_in_the_order_of_the_schema(
    endpoint: SqliteEndpoint,
) -> None:
    table = await table_of(endpoint, "deliveries")
    assert table.key == ("project_id", "webhook_id", "event_id")
    assert list(table.columns) == sorted(table.columns)
    types = dict(zip(table.columns, table.types, strict=True))
    assert (types["event_id"], types["attempts"]) == ("BLOB", "INTEGER")


@pytest.mark.parametrize("name", ["a\0b", "no utf-8"])
async def test_a_text_that_the_other_database_does_not_store_is_named(
    endpoint: SqliteEndpoint, name: str
) -> None:
    table = await written(endpoint, FIRST)
    await written(endpoint, SECOND, name=name)
    if name == "no utf-8":
        broken = "UPDATE projects SET name = CAST(x'ff' AS TEXT) WHERE project_id = ?"
        endpoint._connection.execute(broken, (SECOND,))
    with pytest.raises(TextNotStorable) as refusal:
        _ = [batch async for batch in endpoint.rows(table)]
    expected = f"name of the row {UUID(bytes=SECOND)} of the table projects"
    assert str(refusal.value) == expected


async def test_the_incarnation_is_replaced(endpoint: SqliteEndpoint) -> None:
    for number in (1, 2):
        await endpoint.set_incarnation(Incarnation(UUID(int=number), number, NOW, "here"))
    query = "SELECT incarnation_id, number, began_at, location FROM incarnation"
    assert endpoint._connection.execute(query).fetchall() == [(SECOND, 2, NOW, "here")]
    assert not endpoint._connection.in_transaction
