"""A backup in the place of a database file; what is on the disk once that is reported."""

import os
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from satmint.model.incarnation import BACKUP
from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite.log_file import (
    log_of,
    salt_of_log,
    user_version_in_file,
    user_versions_in_log,
)
from satmint.store.sqlite.maintenance import backup, sync
from satmint.store.sqlite.restoring import DatabaseInUse, place_backup
from tests.kit.databases import fresh_file

STAMP = "20261203"


def database(path: Path, name: str) -> Path:
    """A database with one project."""
    fresh_file(path)
    with closing(sqlite3.connect(path)) as db:
        insert = "INSERT INTO projects (project_id, name, created_at) VALUES (x'01', ?, 0)"
        db.execute(insert, (name,))
        here = (
            "INSERT OR REPLACE INTO incarnation (singleton, incarnation_id, number, began_at,"
            " location) VALUES (1, x'01', 1, 0, 'here')"
        )
        db.execute(here)
        db.commit()
    return path


def name_in(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        [(name,)] = db.execute("SELECT name FROM projects").fetchall()
        return str(name)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return database(tmp_path / "kept.db", "kept")


@pytest.fixture
def current(tmp_path: Path) -> Path:
    return database(tmp_path / "satmint.db", "current")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was written to the disk, by its path at that time."""
    found: list[Path] = []
    fsync = os.fsync

    def note(handle: int) -> None:
        found.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    return found


def test_the_previous_file_is_kept_under_another_name(kept: Path, current: Path) -> None:
    previous = place_backup(kept, current, STAMP)
    assert previous == current.with_name(f"satmint.db.{STAMP}")
    assert (name_in(current), name_in(previous), name_in(kept)) == ("kept", "current", "kept")
    assert sorted(path.name for path in current.parent.iterdir()) == [
        *("kept.db", "satmint.db", f"satmint.db.{STAMP}")
    ]


def test_the_copy_is_its_owners_alone_and_marked_as_a_backup(kept: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.db"
    assert place_backup(kept, target, STAMP) is None
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("SELECT location FROM incarnation").fetchall() == [(BACKUP,)]


def test_a_link_stays_and_the_file_behind_it_is_replaced(kept: Path, current: Path) -> None:
    link = current.parent / "link.db"
    link.symlink_to(current)
    assert place_backup(kept, link, STAMP) == current.with_name(f"satmint.db.{STAMP}")
    assert link.is_symlink()
    assert name_in(link) == name_in(current) == "kept"


def test_what_an_earlier_attempt_left_is_in_nobodys_way(kept: Path, current: Path) -> None:
    for name in (".satmint.db.restoring", ".satmint.db.restoring-wal", ".satmint.db.restoring-shm"):
        (current.parent / name).write_bytes(b"left over")
    place_backup(kept, current, STAMP)
    assert name_in(current) == "kept"
    assert not list(current.parent.glob(".*"))


def test_a_database_that_somebody_uses_is_not_replaced(kept: Path, current: Path) -> None:
    with closing(sqlite3.connect(current)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseInUse):
            place_backup(kept, current, STAMP)
    with closing(sqlite3.connect(current)) as db:
        db.execute("SELECT count(*) FROM projects").fetchone()
        with pytest.raises(DatabaseInUse):
            place_backup(kept, current, STAMP)
    assert name_in(current) == "current"
    assert not list(current.parent.glob(".*"))
    assert not list(current.parent.glob(f"*{STAMP}*"))


def test_a_damaged_database_is_kept_as_it_is(kept: Path, current: Path) -> None:
    damaged = b"no database at all" * 1000
    current.write_bytes(damaged)
    previous = place_backup(kept, current, STAMP)
    assert previous is not None
    assert previous.read_bytes() == damaged
    assert name_in(current) == "kept"


def test_a_log_that_stays_is_kept_with_its_database(
    kept: Path, current: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a damaged database may."""
    monkeypatch.setattr("satmint.store.sqlite.restoring._close_log", lambda _database: None)
    for suffix in ("-wal", "-shm"):
        Path(f"{current}{suffix}").write_text(suffix)
    previous = place_backup(kept, current, STAMP)
    assert {path.name for path in current.parent.iterdir()} == {
        *("kept.db", "satmint.db"),
        *(f"satmint.db.{STAMP}{suffix}" for suffix in ("", "-wal", "-shm")),
    }
    for suffix in ("-wal", "-shm"):
        assert Path(f"{previous}{suffix}").read_text() == suffix


def test_what_is_no_file_is_not_replaced(kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder.db"
    folder.mkdir()
    with pytest.raises(StoreUnavailable) as refused:
        place_backup(kept, folder, STAMP)
    assert refused.value.cause.startswith("sqlite_cantopen")
    assert folder.is_dir()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("mode", [("wal",), None])
def test_a_database_whose_log_stays_is_in_use(
    kept: Path, current: Path, monkeypatch: pytest.MonkeyPatch, mode: tuple[str] | None
) -> None:
    """SQLite may answer with the mode as it is, and not with an error."""

    class Unchanged(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401
            if sql == "PRAGMA journal_mode = DELETE":
                sql = "SELECT 'wal'" if mode else "SELECT 'wal' WHERE FALSE"
            return super().execute(sql, *values)

    connect = partial(sqlite3.connect, factory=Unchanged)
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(DatabaseInUse):
        place_backup(kept, current, STAMP)
    assert name_in(current) == "current"
    assert not list(current.parent.glob(f"*{STAMP}*"))


@pytest.fixture
def given_away(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int, int]]:
    """Which files were given to which user and group, without doing so."""
    found: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda *gift: found.append(gift))
    return found


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_that_root_restores_is_the_owners_of_the_database_or_of_its_folder(
    kept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given_away: list[tuple[Path, int, int]],
    exists: bool,
) -> None:
    target = tmp_path / "satmint.db"
    if exists:
        database(target, "current")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    owner = (target if exists else tmp_path).stat()
    place_backup(kept, target, STAMP)
    copy = tmp_path / ".satmint.db.restoring"
    assert given_away == [(copy, owner.st_uid, owner.st_gid)]


def test_a_file_that_somebody_else_restores_is_given_to_nobody(
    kept: Path,
    current: Path,
    monkeypatch: pytest.MonkeyPatch,
    given_away: list[tuple[Path, int, int]],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    place_backup(kept, current, STAMP)
    assert given_away == []


def test_a_backup_that_is_none_leaves_the_database_alone(current: Path, tmp_path: Path) -> None:
    for path, damage in ((tmp_path / "none.db", None), (tmp_path / "damaged.db", b"none" * 1000)):
        if damage:
            path.write_bytes(damage)
        with pytest.raises(StoreUnavailable):
            place_backup(path, current, STAMP)
    assert name_in(current) == "current"
    assert not list(current.parent.glob(".*"))


def test_a_restored_file_and_its_name_are_on_the_disk(
    kept: Path, current: Path, synced: list[Path]
) -> None:
    place_backup(kept, current, STAMP)
    assert synced == [current.with_name(".satmint.db.restoring"), current.parent]


def test_a_backup_and_its_name_are_on_the_disk(
    current: Path, tmp_path: Path, synced: list[Path]
) -> None:
    backup(current, tmp_path / "backup.db", lambda _done, _total: None)
    assert synced == [tmp_path / ".backup.db.unfinished", tmp_path]


def test_handle_of_what_was_written_to_the_disk_is_closed(
    current: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles: list[int] = []
    monkeypatch.setattr(os, "fsync", handles.append)
    sync(current)
    [handle] = handles
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_page_that_ends_before_its_time_is_not_read(current: Path, tmp_path: Path) -> None:
    """A crash may leave a part of the last page in the log."""
    with closing(sqlite3.connect(current, isolation_level=None)) as db:
        for version in (7, 9):
            db.execute(f"PRAGMA user_version = {version}")
        log = log_of(current).read_bytes()
        (page_size,) = db.execute("PRAGMA page_size").fetchone()
    other = tmp_path / "other.db"
    for missing in (page_size // 2, page_size):
        log_of(other).write_bytes(log[:-missing])
        assert user_versions_in_log(other) == {7}


def test_versions_of_a_file_and_its_log_are_told_apart(current: Path) -> None:
    log = log_of(current)
    assert (salt_of_log(current), user_version_in_file(current)) == (None, 0)
    with pytest.raises(OSError, match="-wal"):
        user_versions_in_log(current)
    with closing(sqlite3.connect(current, isolation_level=None)) as db:
        for version in (7, 9):
            db.execute(f"PRAGMA user_version = {version}")
        assert user_version_in_file(current) == 0
        assert user_versions_in_log(current) == {7, 9}
        salt = salt_of_log(current)
        assert salt == int.from_bytes(log.read_bytes()[16:20], "big")
        db.execute("PRAGMA wal_checkpoint(RESTART)")
        db.execute("PRAGMA user_version = 11")
        # The frame behind it is of the earlier log, and has another salt.
        assert user_versions_in_log(current) == {11}
        assert salt_of_log(current) == salt + 1
        assert user_version_in_file(current) == 9
    assert user_version_in_file(current) == 11
    log.write_bytes(b"short")
    assert salt_of_log(current) is None
    assert user_version_in_file(current.with_name("none.db")) is None
