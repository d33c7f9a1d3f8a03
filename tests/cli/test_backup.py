"""A backup is one moment of the database, whatever is written meanwhile, and can be restored."""

import json
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from satmint.cli.program import run
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import SchemaUnknown
from satmint.store.sqlite import upkeep
from satmint.store.sqlite.connection import connect
from satmint.store.sqlite.upkeep import backup, check, migrate_file
from tests.kit.clock import NOW
from tests.kit.dev import DevServer, running_dev


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
    monkeypatch.setattr(upkeep, "_PAGES_A_STEP", 16)
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
    assert check(tmp_path / "copy.db").sound


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
        assert check(copy).sound
    assert not (tmp_path / ".copy.db.unfinished").exists()


def test_copy_that_was_broken_off_is_begun_anew(database: Path, tmp_path: Path) -> None:
    (tmp_path / ".copy.db.unfinished").write_text("half a copy")
    backup(database, tmp_path / "copy.db", silent)
    assert check(tmp_path / "copy.db").sound


def test_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as refusal:
        backup(tmp_path / "satmint.db", tmp_path / "copy.db", silent)
    assert refusal.value.cause == "no_such_file"
    with pytest.raises(StoreUnavailable):
        check(tmp_path / "satmint.db")
    assert list(tmp_path.iterdir()) == []


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
    assert not found.sound
    assert found.faults
    url = f"sqlite:///{database}"
    assert run(["db", "check", "--database", url, "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["sound"] is False
    assert json.loads(shown.err)["error"].startswith("the database is damaged: ")


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


def test_backup_of_a_busy_server_is_restored_and_fails_closed(tmp_path: Path) -> None:
    with running_dev(tmp_path / "first") as dev:
        kept = sign_in(dev, "kept@example.com")
        spent = sign_in(dev, "spent@example.com")
        with busy(dev):
            data = ["--data", str(tmp_path / "first")]
            assert run(["db", "backup", str(tmp_path / "copy.db"), *data]) == 0
        rotated = refresh(dev, spent["refresh_token"]).json()
        later = sign_in(dev, "later@example.com")
    assert check(tmp_path / "copy.db").sound
    # Restored as the help says: in the database's place, without what was beside it.
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    for name in ("satmint.db-wal", "satmint.db-shm"):
        (tmp_path / "second" / name).unlink(missing_ok=True)
    (tmp_path / "copy.db").replace(tmp_path / "second" / "satmint.db")
    demo = json.loads((tmp_path / "second" / "demo.json").read_text())
    demo["database"] = f"sqlite:///{tmp_path / 'second' / 'satmint.db'}"
    (tmp_path / "second" / "demo.json").write_text(json.dumps(demo))
    with running_dev(tmp_path / "second") as restored:
        assert restored["api_token"] == dev["api_token"]
        assert refresh(restored, kept["refresh_token"]).status_code == 201
        # What came after the backup is refused, whether it was rotated or new.
        for token in (rotated["refresh_token"], later["refresh_token"]):
            answer = refresh(restored, token)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["code"] == "token_invalid"


class busy:  # noqa: N801 - reads as one
    """Sign-ins without a pause, for as long as the block lasts."""

    def __init__(self, dev: DevServer) -> None:
        self._dev = dev
        self._done = threading.Event()
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> None:
        self._thread.start()
        self._began.wait()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _work(self) -> None:
        number = 0
        while not self._done.is_set():
            sign_in(self._dev, f"{number}@busy.example")
            number += 1
            self._began.set()


def sign_in(dev: DevServer, reference: str) -> dict[str, Any]:
    answer = httpx.post(
        f"{dev['http']}/api/fabric/subscribers/tokens",
        auth=dev.auth,
        json={"reference": reference},
    )
    assert answer.status_code == 200
    made: dict[str, Any] = answer.json()
    return made


def refresh(dev: DevServer, token: str) -> httpx.Response:
    return httpx.post(
        f"{dev['http']}/api/fabric/subscribers/tokens/refresh",
        auth=dev.auth,
        json={"refresh_token": token},
    )
