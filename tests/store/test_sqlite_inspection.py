"""Looking at an SQLite file without changing it, and at a folder in which one may be."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract.inspection import DatabaseInspection
from satmint.store.sql.migrations import Migration
from satmint.store.sqlite import inspection
from satmint.store.sqlite.inspection import inspect_file, supports_log
from satmint.store.sqlite.migrations import known_migrations, pending_migrations

INSERT = "INSERT INTO projects (project_id, name, created_at) VALUES (x'01', 'a', 0)"


@pytest.mark.parametrize("name", ["plain.db", "100 % of #1?.db"])
def test_file_that_nobody_uses_is_read_and_nothing_is_left_beside_it(
    file: Path, tmp_path: Path, name: str
) -> None:
    file.rename(tmp_path / name)
    assert inspect_file(tmp_path / name) == DatabaseInspection(())
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_file_of_an_earlier_version_is_told_by_what_it_lacks(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("DELETE FROM schema_migrations WHERE version > 17")
        db.execute(INSERT)
        db.commit()
    lacking = tuple(migration.name for migration in known_migrations() if migration.version > 17)
    assert inspect_file(file) == DatabaseInspection(lacking)


def test_what_is_in_the_log_alone_is_read_and_stays_there(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        before = file.read_bytes()
        db.execute(INSERT)
        db.commit()
        assert inspect_file(file) == DatabaseInspection((), is_empty=False)
        assert file.read_bytes() == before


def test_all_that_is_read_is_of_one_moment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 1")  # so that there is a log

        def write_meanwhile(connection: sqlite3.Connection) -> tuple[Migration, ...]:
            pending = pending_migrations(connection)
            db.execute(INSERT)
            db.commit()
            return pending

        monkeypatch.setattr(inspection, "pending_migrations", write_meanwhile)
        assert inspect_file(file).is_empty
        monkeypatch.undo()
        assert not inspect_file(file).is_empty


def test_folder_in_which_a_database_has_a_log_is_told_by_one(tmp_path: Path) -> None:
    assert supports_log(tmp_path) is True
    with closing(sqlite3.connect(tmp_path / "log.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        # A log is needed by the first write alone.
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("one",)]


def test_folder_that_does_not_exist_has_room_for_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="sqlite_cantopen"):
        supports_log(tmp_path / "none")
