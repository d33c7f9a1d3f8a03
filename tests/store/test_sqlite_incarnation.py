"""What tells an SQLite file from its log: the version in its header, and what was checkpointed."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from satmint.model.incarnation import Incarnation, LogState, Mark
from satmint.store.sqlite import SqliteStore, open_sqlite
from satmint.store.sqlite.log_file import salt_of_log
from tests.kit.clock import NOW
from tests.store.store_setup import Given

FIRST = Incarnation(UUID(int=1), 1, NOW, "here")
MARK = Mark(UUID(int=2), FIRST.id, b"first", NOW)
NEXT = Mark(MARK.id, FIRST.id, b"next", NOW + 1)


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(file, NOW)
    yield opened
    await opened.close()


async def test_version_in_the_header_changes_with_the_mark(store: SqliteStore) -> None:
    found = store.incarnation
    await found.begin(FIRST, MARK)
    assert await found.user_version() == 0
    assert await found.replace_mark(MARK, NEXT)
    assert await found.user_version() == MARK.next_user_version > 0


async def test_version_in_the_header_stays_where_the_mark_is_not_replaced(
    store: SqliteStore,
) -> None:
    found = store.incarnation
    await found.begin(FIRST, MARK)
    assert not await found.replace_mark(NEXT, MARK)
    assert await found.user_version() == 0


async def test_log_in_which_there_is_nothing_is_applied(store: SqliteStore) -> None:
    assert await store.incarnation.checkpoint() == LogState(is_applied=True, salt=None)


async def test_log_is_applied_unless_somebody_reads_the_time_before(
    store: SqliteStore, file: Path
) -> None:
    given = Given(store)
    await given.project()
    salt = salt_of_log(file)
    assert salt is not None
    assert await store.incarnation.checkpoint() == LogState(is_applied=True, salt=salt)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM projects").fetchone()
        await given.project()
        await given.project()
        assert await store.incarnation.checkpoint() == LogState(
            is_applied=False, salt=salt_of_log(file)
        )
    assert await store.incarnation.checkpoint() == LogState(is_applied=True, salt=salt_of_log(file))
