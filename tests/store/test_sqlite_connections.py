"""Connections to an SQLite file: what they ask of it, and that none is left behind."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import SchemaUnknown
from satmint.store.sqlite import migrations, open_sqlite
from satmint.store.sqlite.connection import check_durable, connect
from satmint.store.sqlite.migrations import known_migrations, migrate
from tests.kit.clock import NOW
from tests.store.test_sqlite_locks import held

MEMORY = Path(":memory:")
"""Not a file, so that it has no log."""


def is_closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def setting(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


@pytest.mark.parametrize("version", [(3, 36, 0), (3, 9, 99)])
def test_sqlite_that_has_no_strict_tables_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    with pytest.raises(StoreUnavailable) as refused:
        connect(file)
    assert refused.value.cause == "sqlite_too_old"


def test_first_version_with_strict_tables_is_good_enough(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 0))
    with closing(connect(file)) as db:
        assert setting(db, "journal_mode") == "wal"


def test_file_without_a_log_is_refused_and_closed(opened: list[sqlite3.Connection]) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        connect(MEMORY)
    assert refused.value.cause == "sqlite_no_wal"
    assert [is_closed(connection) for connection in opened] == [True]


def test_what_is_no_database_is_closed_again(file: Path, opened: list[sqlite3.Connection]) -> None:
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreUnavailable) as refused:
        connect(file)
    assert refused.value.cause == "sqlite_notadb"
    assert [is_closed(connection) for connection in opened] == [True]


@pytest.mark.parametrize("mode", ["FULL", "EXTRA"])
def test_commits_that_are_synchronised_are_durable(file: Path, mode: str) -> None:
    with closing(connect(file)) as db:
        db.execute(f"PRAGMA synchronous = {mode}")
        check_durable(db)


@pytest.mark.parametrize("mode", ["NORMAL", "OFF"])
def test_commits_that_are_not_synchronised_are_not_durable(file: Path, mode: str) -> None:
    with closing(connect(file)) as db:
        db.execute(f"PRAGMA synchronous = {mode}")
        with pytest.raises(StoreUnavailable) as refused:
            check_durable(db)
    assert refused.value.cause == "sqlite_commits_not_durable"


async def test_each_connection_of_a_store_waits_writes_and_caches_as_its_work_asks(
    file: Path, opened: list[sqlite3.Connection]
) -> None:
    store = await open_sqlite(file, NOW, busy_seconds=7.0)
    try:
        writer, lookups, reader, lister = opened
        assert store._writer._connection is writer
        assert store._reader._lookup_connection is lookups
        names = ("busy_timeout", "query_only", "cache_size")
        found = {
            name: [setting(each, name) for each in (writer, lookups, reader, lister)]
            for name in names
        }
        assert found == {
            # Those of the event loop's thread never wait.
            "busy_timeout": [0, 0, 7000, 7000],
            "query_only": [0, 1, 1, 1],
            "cache_size": [-65536, -65536, -4096, -4096],
        }
    finally:
        await store.close()


async def test_closed_store_has_no_thread_and_no_file_beside_its_own(
    tmp_path: Path, opened: list[sqlite3.Connection]
) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    before = threading.enumerate()
    store = await open_sqlite(folder / "satmint.db", NOW)
    assert len([*folder.iterdir()]) > 1
    started = [thread for thread in threading.enumerate() if thread not in before]
    workers = [thread for thread in started if thread.name.startswith("satmint-")]
    # A process that ends without closing it does not wait for them.
    assert {worker.name: worker.daemon for worker in workers} == dict.fromkeys(
        ("satmint-writer", "satmint-reader", "satmint-lister"), True
    )
    await store.close()
    assert [path.name for path in folder.iterdir()] == ["satmint.db"]
    assert [is_closed(connection) for connection in opened] == [True] * 4
    assert not any(worker.is_alive() for worker in workers)


async def test_file_that_another_process_holds_is_not_opened(
    file: Path, opened: list[sqlite3.Connection]
) -> None:
    with held(file):
        opened.clear()
        with pytest.raises(StoreUnavailable) as refused:
            await open_sqlite(file, NOW, busy_seconds=0.01)
    assert refused.value.cause == "sqlite_busy"
    assert [is_closed(connection) for connection in opened] == [True]


async def test_file_of_a_later_version_is_closed_again(
    file: Path, opened: list[sqlite3.Connection]
) -> None:
    with closing(connect(file)) as db:
        db.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 0)")
    opened.clear()
    with pytest.raises(SchemaUnknown):
        await open_sqlite(file, NOW)
    assert [is_closed(connection) for connection in opened] == [True]


async def test_migrations_that_an_older_file_lacked_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = tmp_path / "old.db", list[tuple[str, ...]]()
    with monkeypatch.context() as patched, closing(connect(path)) as db:
        patched.setattr(migrations, "known_migrations", lambda: known_migrations()[:1])
        migrate(db, NOW)
    store = await open_sqlite(path, NOW, observe_migrations=told.append)
    await store.close()
    assert told == [tuple(migration.name for migration in known_migrations()[1:])]
