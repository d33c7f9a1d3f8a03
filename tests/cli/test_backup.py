"""A backup is one moment of the database, whatever is written meanwhile, and can be restored."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from satmint.cli.program import run
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import SchemaUnknown
from satmint.store.sqlite import maintenance
from satmint.store.sqlite.connection import connect
from satmint.store.sqlite.maintenance import backup, check, migrate_file
from tests.kit.clock import NOW


def silent(_done: int, _total: int) -> None:
    """Nobody looks at the progress."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Of some hundred pages."""
    path = tmp_path / "satmint.db"
    migrate_file(path, NOW)
    with closing(connect(path)) as db:
        rows = [(number.to_bytes(16, "big"), "x" * 3000, NOW) for number in range(200)]
        db.execute("BEGIN")
        db.executemany("INSERT INTO projects (project_id, name, created_at) VALUES (?, ?, ?)", rows)
        db.execute("COMMIT")
    return path


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return sorted(name for (name,) in db.execute("SELECT DISTINCT name FROM projects"))


def test_writes_between_two_steps_do_not_make_it_start_over(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_PAGES_PER_STEP", 16)
    steps: list[int] = []
    with closing(connect(database)) as writer:

        def write_meanwhile(done: int, total: int) -> None:
            steps.append(done)
            assert total > 100
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE projects SET name = ?", (f"written after {done} pages",))
            writer.execute("COMMIT")

        size = backup(database, tmp_path / "copy.db", write_meanwhile)
    assert steps == sorted(set(steps))
    assert len(steps) > 5
    assert names(tmp_path / "copy.db") == ["x" * 3000]
    assert names(database) == [f"written after {steps[-1]} pages"]
    assert size == (tmp_path / "copy.db").stat().st_size
    assert check(tmp_path / "copy.db").healthy


def test_copy_is_its_owners_alone_and_leaves_nothing_beside_it(
    database: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    backup(database, folder / "copy.db", silent)
    assert [file.name for file in folder.iterdir()] == ["copy.db"]
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600


def test_file_that_is_there_is_never_replaced(database: Path, tmp_path: Path) -> None:
    precious = tmp_path / "copy.db"
    precious.write_text("precious")
    with pytest.raises(FileExistsError):
        backup(database, precious, silent)
    assert precious.read_text() == "precious"


def test_file_that_appears_meanwhile_is_never_replaced(database: Path, tmp_path: Path) -> None:
    precious = tmp_path / "copy.db"
    with pytest.raises(FileExistsError):
        backup(database, precious, lambda _done, _total: precious.touch())
    assert precious.read_bytes() == b""
    assert not (tmp_path / ".copy.db.unfinished").exists()


@pytest.mark.parametrize("appears", [True, False])
def test_file_system_without_links_is_no_obstacle(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, appears: bool
) -> None:
    copy = tmp_path / "copy.db"

    def no_links(_source: Path, _target: Path) -> None:
        if appears:
            copy.touch()
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    if appears:
        with pytest.raises(FileExistsError):
            backup(database, copy, silent)
        assert copy.read_bytes() == b""
    else:
        backup(database, copy, silent)
        assert check(copy).healthy
    assert not (tmp_path / ".copy.db.unfinished").exists()


def test_copy_that_was_broken_off_is_begun_anew(database: Path, tmp_path: Path) -> None:
    (tmp_path / ".copy.db.unfinished").write_text("half a copy")
    backup(database, tmp_path / "copy.db", silent)
    assert check(tmp_path / "copy.db").healthy


def test_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as refusal:
        backup(tmp_path / "satmint.db", tmp_path / "copy.db", silent)
    assert refusal.value.cause == "no_such_file"
    with pytest.raises(StoreUnavailable):
        check(tmp_path / "satmint.db")
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_database_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "satmint.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable):
        backup(tmp_path / "satmint.db", tmp_path / "copy.db", silent)
    assert [file.name for file in tmp_path.iterdir()] == ["satmint.db"]


def test_damaged_index_is_found(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(database)) as db:
        # Forget an index without forgetting that it is there.
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_schema SET rootpage ="
            " (SELECT rootpage FROM sqlite_schema WHERE name = 'c2c_tokens_by_digest')"
            " WHERE name = 'addresses_by_name'"
        )
        db.commit()
    found = check(database)
    assert not found.healthy
    assert found.faults
    url = f"sqlite:///{database}"
    assert run(["db", "check", "--database", url, "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["sound"] is False
    assert json.loads(shown.err)["error"].startswith("the database is corrupt: ")


def test_schema_that_is_behind_or_ahead_is_told_apart(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{database}"
    with closing(sqlite3.connect(database)) as db:
        db.execute("UPDATE schema_migrations SET version = 9999 WHERE version = 1")
        db.commit()
    with pytest.raises(SchemaUnknown):
        check(database)
    assert run(["db", "check", "--database", url]) == 1
    assert capsys.readouterr().err == (
        f"satmint: cannot use {url}: schema version 9999 is newer than this satmint\n"
    )
    with closing(sqlite3.connect(database)) as db:
        db.execute("DELETE FROM schema_migrations")
        db.commit()
    pending = check(database).pending
    assert pending[0].startswith("0001_first")
    assert run(["db", "check", "--database", url]) == 1
    assert capsys.readouterr().err == (
        f"satmint: the database lacks {', '.join(pending)}: run `satmint db migrate`\n"
    )
