"""What commands read of an SQLite file while servers use it: damage, sizes, expiries."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite import maintenance, open_sqlite
from satmint.store.sqlite.connection import connect
from satmint.store.sqlite.copying import _is_storable, _shown, open_file
from satmint.store.sqlite.maintenance import (
    DatabaseHealth,
    backup,
    check,
    latest_expiry,
    migrate_file,
    open_existing,
)
from satmint.store.sqlite.migrations import known_migrations
from satmint.store.sqlite.statistics import statistics
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

EVERY_MIGRATION = tuple(migration.name for migration in known_migrations())


def test_file_without_a_row_is_healthy_and_no_token_of_it_is_good(file: Path) -> None:
    health = check(file)
    assert (health.faults, health.pending) == ((), ())
    assert latest_expiry(file, NOW, NOW)[1] == 0
    assert latest_expiry(file, NOW, NOW)[0] <= NOW


@pytest.mark.parametrize(
    ("faults", "pending", "healthy"),
    [((), (), True), (("a",), (), False), ((), ("b",), False), (("a",), ("b",), False)],
)
def test_health_is_neither_damage_nor_a_migration_that_is_missing(
    faults: tuple[str, ...], pending: tuple[str, ...], healthy: bool
) -> None:
    assert DatabaseHealth(faults, pending).healthy is healthy


def test_file_without_a_table_lacks_every_migration(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert check(tmp_path / "empty.db") == DatabaseHealth((), EVERY_MIGRATION)


def test_migrations_that_are_applied_are_named_once(tmp_path: Path) -> None:
    assert migrate_file(tmp_path / "new.db", NOW) == EVERY_MIGRATION
    assert migrate_file(tmp_path / "new.db", NOW) == ()


def test_file_that_cannot_grow_is_not_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect_to_full_disk(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 2")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(maintenance, "connect", connect_to_full_disk)
        with pytest.raises(StoreUnavailable, match="sqlite_full"):
            migrate_file(tmp_path / "new.db", NOW)
    assert migrate_file(tmp_path / "new.db", NOW) == EVERY_MIGRATION


def test_name_that_is_taken_is_refused_before_anything_is_copied(
    file: Path, tmp_path: Path
) -> None:
    copied: list[int] = []
    (tmp_path / "copy.db").touch()
    with pytest.raises(FileExistsError):
        backup(file, tmp_path / "copy.db", lambda done, _total: copied.append(done))
    assert copied == []


def test_backup_to_a_link_is_made_where_the_link_leads(file: Path, tmp_path: Path) -> None:
    folder, link = tmp_path / "elsewhere", tmp_path / "copy.db"
    folder.mkdir()
    link.symlink_to(folder / "kept.db")
    size = backup(file, link, lambda _done, _total: None)
    assert link.is_symlink()
    assert [path.name for path in folder.iterdir()] == ["kept.db"]
    assert (folder / "kept.db").stat().st_size == size
    assert check(folder / "kept.db").healthy


SESSION = """
INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, kind, generation,
                      head_since, head_expires_at, seen_generation, deadline, address, agent,
                      created_at, lives_until, first_until, revoked_at)
VALUES (x'01', x'02', 0, x'03', 'subscriber', 0, 0, 0, -1, 0, '', '', ?, ?, ?, ?)
"""


@pytest.mark.parametrize(
    ("created", "lives_until", "first_until", "revoked_at", "expected"),
    [
        # A token of a pair that was refreshed lives for two hours and five minutes at most.
        (NOW, NOW + 10**6, NOW + 10, None, (NOW + 7500, 1)),
        (NOW, NOW + 600, NOW + 10, None, (NOW + 600, 1)),
        # The first pair may have been asked for with a longer life.
        (NOW, NOW + 10**6, NOW + 9000, None, (NOW + 9000, 1)),
        (NOW, NOW + 10**6, None, None, (NOW + 10**6, 1)),
        (NOW, NOW + 1, NOW + 1, None, (NOW + 1, 1)),
        (NOW, NOW, NOW, None, (0, 0)),
        (NOW + 1, NOW + 600, NOW + 600, None, (0, 0)),
        (NOW, NOW + 600, NOW + 600, NOW, (0, 0)),
    ],
)
def test_latest_expiry_is_that_of_the_last_token_issued_by_then(
    file: Path,
    created: int,
    lives_until: int,
    first_until: int | None,
    revoked_at: int | None,
    expected: tuple[int, int],
) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute(SESSION, (created, lives_until, first_until, revoked_at))
        db.commit()
    assert latest_expiry(file, NOW, NOW) == expected


def test_what_is_opened_for_reading_writes_nothing(file: Path) -> None:
    with closing(open_existing(file)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM projects")


def test_sizes_are_those_of_the_file_and_its_log(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO projects (project_id, name, created_at) VALUES (x'01', 'a', 0)")
        db.commit()
        found = statistics(file)
        assert found.wal_bytes == file.with_name("satmint.db-wal").stat().st_size > 0
    assert found.size_bytes == file.stat().st_size
    assert (found.unused_bytes, found.oldest_event) == (0, None)
    rows = {table.name: (table.rows, table.is_exact) for table in found.tables}
    assert rows["projects"] == (1, True)
    assert rows["sessions"] == (0, True)
    assert statistics(file).wal_bytes == 0


def test_pages_that_a_deletion_left_are_unused(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        insert = "INSERT INTO projects (project_id, name, created_at) VALUES (x'01', ?, 0)"
        db.execute(insert, ("x" * 40_960,))
        db.commit()
        db.execute("DELETE FROM projects")
        db.commit()
        (page_size,) = db.execute("PRAGMA page_size").fetchone()
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
    assert statistics(file).unused_bytes == free * page_size > 0


async def test_oldest_event_is_that_of_all_projects(file: Path) -> None:
    store = await open_sqlite(file, NOW)
    given = Given(store)
    projects = [await given.project() for _ in range(3)]
    await given.session(projects[1], at=NOW + 5)
    await given.session(projects[2], at=NOW)
    await given.session(projects[2], at=NOW + 9)
    oldest = (await store.events.list(projects[2], ALL)).items[0]
    await store.close()
    assert statistics(file).oldest_event == oldest.id


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, True)), (2, (2, True)), (3, (2, False)), (9, (2, False))]
)
def test_rows_of_a_table_are_counted_up_to_a_limit(
    file: Path, monkeypatch: pytest.MonkeyPatch, count: int, expected: tuple[int, bool]
) -> None:
    monkeypatch.setattr("satmint.store.sqlite.statistics._COUNT_LIMIT", 2)
    with closing(sqlite3.connect(file)) as db:
        for number in range(count):
            insert = "INSERT INTO projects (project_id, name, created_at) VALUES (?, 'a', 0)"
            db.execute(insert, (b"%d" % number,))
        db.commit()
    rows = {table.name: (table.rows, table.is_exact) for table in statistics(file).tables}
    assert rows["projects"] == expected


@pytest.mark.parametrize("read", [check, statistics, lambda path: latest_expiry(path, NOW, NOW)])
def test_what_is_no_database_is_unavailable(file: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(StoreUnavailable, match="no_such_file"):
        read(file.with_name("missing.db"))
    assert not file.with_name("missing.db").exists()
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreUnavailable):
        read(file)


def test_what_is_no_database_is_not_copied(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreUnavailable):
        open_file(file)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (UUID(int=7).bytes, str(UUID(int=7))),
        (b"\x01\xff", "01ff"),
        (7, "7"),
        ("é\n", r"'\xe9\n'"),
        (None, "None"),
    ],
)
def test_key_of_a_row_is_shown_in_ascii(value: bytes | int | str | None, shown: str) -> None:
    assert _shown(value) == shown


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("", True), ("a", True), ("é", True), ("a\0", False), ("é\0", False), ("é\udcff", False)],
)
def test_text_that_the_other_database_stores_has_no_zero_byte_and_is_utf_8(
    text: str, verdict: bool
) -> None:
    assert _is_storable(text) is verdict
