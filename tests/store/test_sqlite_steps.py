"""Steps of one SQLite batch: what one of them may undo, and what of a failing database is told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from satmint.model.incarnation import LogState
from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite import SqliteStore, open_sqlite
from satmint.store.sqlite.inspection import inspect_file
from tests.kit.clock import NOW

INSERT = "INSERT INTO projects (project_id, name, created_at) VALUES (?, 'a', 0)"


class Refusal(Exception):
    """Belongs to the caller of a step."""


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(file, NOW)
    yield opened
    await opened.close()


async def test_a_step_that_refuses_undoes_its_own_writes_alone(
    store: SqliteStore, file: Path
) -> None:
    def write(project: bytes) -> None:
        store._writer._connection.execute(INSERT, (project,))

    def write_and_refuse(project: bytes) -> None:
        write(project)
        raise Refusal

    outcomes = await asyncio.gather(
        store._writer.submit(lambda _: write(b"1")),
        store._writer.submit(lambda _: write_and_refuse(b"2"), may_raise=True),
        store._writer.submit(lambda _: write(b"3"), may_raise=True),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Refusal, type(None)]
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT project_id FROM projects ORDER BY 1").fetchall() == [
            *((b"1",), (b"3",))
        ]


async def test_a_log_that_cannot_be_applied_stays(store: SqliteStore) -> None:
    assert await store.incarnation.checkpoint() != LogState(is_applied=False, salt=None)
    await store._reader.close()
    assert await store.incarnation.checkpoint() == LogState(is_applied=False, salt=None)


def test_a_file_that_is_no_database_is_not_inspected(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreUnavailable):
        inspect_file(file)
    with pytest.raises(StoreUnavailable, match="no_such_file"):
        inspect_file(file.with_name("none.db"))


async def test_a_lookup_of_a_database_that_fails_says_why(store: SqliteStore, file: Path) -> None:
    await asyncio.to_thread(file.write_bytes, b"no database at all" * 1000)
    with pytest.raises(StoreUnavailable, match="sqlite_"):
        await store._reader.lookup(lambda db: db.execute("SELECT name FROM projects").fetchall())
