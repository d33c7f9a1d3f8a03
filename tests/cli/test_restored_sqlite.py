"""An SQLite database that was restored is refused until it is adopted; one that goes on is not."""

import json
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.kit.restoring import Deployment, History
from tests.kit.serving import ServeProcess, running_serve

FILE = "satmint.db"
ADOPT = "satmint db adopt"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path, f"sqlite:///{FILE}")


@contextmanager
def load(deployment: Deployment) -> Iterator[None]:
    """Sign-ins without a pause."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            deployment.sign_in("busy")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_file_of_a_stopped_server_that_is_copied_back(deployment: Deployment) -> None:
    database = deployment.folder / FILE
    with deployment.serve() as server:
        history = History(deployment)
        assert server.stop() == 0
    shutil.copy(database, deployment.folder / "copy.db")
    with deployment.serve() as server:
        history.go_on()
        assert server.stop() == 0
    shutil.copy(deployment.folder / "copy.db", database)
    told = deployment.refused()
    assert told.startswith(
        f"satmint: cannot use sqlite:///{database}: it is an older copy, and lacks changes"
    )
    assert ADOPT in told
    code, _, told = deployment.satmint("db", "adopt", "--moved", "--yes")
    assert (code, "older copy" in told) == (1, True)
    shown = json.loads(deployment.run("db", "adopt", "--yes", "--json"))
    assert shown["incarnation"]["number"] == 2
    assert [token["project"] for token in shown["api_tokens"]] == ["acme"]
    assert shown["click_to_call_tokens"] == []
    with deployment.serve() as server:
        history.assert_ended()
        assert server.stop() == 0


def test_file_that_is_copied_back_beside_the_log_of_a_killed_server(
    deployment: Deployment,
) -> None:
    database = deployment.folder / FILE
    logs = [deployment.folder / f"{FILE}{suffix}" for suffix in ("-wal", "-shm")]
    with deployment.serve() as server:
        history = History(deployment)
        assert server.stop() == 0
    shutil.copy(database, deployment.folder / "copy.db")
    with deployment.serve() as server:
        history.go_on()
        kill(server)
    assert logs[0].stat().st_size > 0
    shutil.copy(deployment.folder / "copy.db", database)
    copied = database.read_bytes()
    told = deployment.refused()
    assert f"{FILE}-wal is the log of the file that it has replaced" in told
    for command in (
        ("db", "adopt", "--yes"),
        ("db", "backup", "backup.db"),
        ("db", "check"),
        ("db", "migrate"),
        ("db", "restore", "copy.db", "--yes"),
    ):
        assert deployment.satmint(*command) == (1, "", told.replace(f"/{database}", f"/{FILE}"))
    assert database.read_bytes() == copied
    for log in logs:
        log.unlink()
    assert "it is an older copy" in deployment.refused()
    deployment.run("db", "adopt", "--yes")
    with deployment.serve() as server:
        history.assert_ended()
        kill(server)
    with deployment.serve() as server:  # the log is that of the adopted file
        assert server.stop() == 0


def test_folder_of_a_killed_server_that_is_copied_back_with_its_log(
    deployment: Deployment,
) -> None:
    names = [FILE, f"{FILE}-wal", f"{FILE}-shm"]
    copy = deployment.folder / "copy"
    copy.mkdir()
    with deployment.serve() as server:
        history = History(deployment)
        kill(server)
        for name in names:
            shutil.copy(deployment.folder / name, copy)
    with deployment.serve() as server:
        history.go_on()
        kill(server)
    for name in names:
        shutil.copy(copy / name, deployment.folder)
    assert deployment.refused().startswith(
        f"satmint: cannot use sqlite:///{deployment.folder / FILE}:"
        " it is an older copy, and lacks changes"
    )
    deployment.run("db", "adopt", "--yes")
    deployment.run("db", "check")
    with deployment.serve() as server:
        history.assert_ended()
        assert server.stop() == 0


def test_backup_under_load_is_restored_by_the_command(deployment: Deployment) -> None:
    backup, database = deployment.folder / "backup.db", deployment.folder / FILE
    deployment.run("address", "create", "support", "--type", "room")
    deployment.run("click-to-call", "create", "support", "--name", "page")
    with deployment.serve() as server:
        history = History(deployment)
        with load(deployment):
            deployment.run("db", "backup", str(backup))
        history.go_on()
        # No restore while a server uses the database.
        code, _, told = deployment.satmint("db", "restore", str(backup), "--yes")
        assert (code, told) == (
            1,
            f"satmint: sqlite:///{FILE} is in use: stop its servers first\n",
        )
        assert deployment.accepts(history.newest)
        assert server.stop() == 0
    kept = database.read_bytes()
    # Put in place by hand, it is refused just as well.
    shutil.copy(backup, database)
    assert "it is a backup: restore it with `satmint db restore`" in deployment.refused()
    assert deployment.satmint("db", "adopt", "--moved", "--yes")[0] == 1
    database.write_bytes(kept)

    code, _, told = deployment.satmint("db", "restore", str(backup))
    assert (code, "Confirm with --yes" in told) == (2, True)
    shown = json.loads(deployment.run("db", "restore", str(backup), "--yes", "--json"))
    assert shown["incarnation"]["number"] == 2
    assert [token["name"] for token in shown["click_to_call_tokens"]] == ["page"]
    assert (deployment.folder / shown["previous"]).stat().st_size == len(kept)
    with deployment.serve() as server:
        history.assert_ended()
        assert server.stop() == 0
    # The file of before is a copy as well.
    shutil.copy(deployment.folder / shown["previous"], database)
    assert ADOPT in deployment.refused()


def test_database_that_was_revoked_in_by_a_command_alone(deployment: Deployment) -> None:
    database = deployment.folder / FILE
    with deployment.serve() as server:
        pair = deployment.sign_in("ada")
        assert server.stop() == 0
    shutil.copy(database, deployment.folder / "copy.db")
    deployment.run("session", "revoke", "--subscriber", "ada")
    shutil.copy(deployment.folder / "copy.db", database)
    assert ADOPT in deployment.refused()
    deployment.run("db", "adopt", "--yes")
    with deployment.serve() as server:
        assert not deployment.accepts(pair)
        assert server.stop() == 0


def test_database_on_a_new_machine_is_adopted_or_declared_as_moved(deployment: Deployment) -> None:
    with deployment.serve() as server:
        pair = deployment.sign_in("ada")
        assert server.stop() == 0
    marks = deployment.folder / "incarnation.json"
    text = marks.read_text()
    assert marks.stat().st_mode & 0o077 == 0
    marks.unlink()
    told = deployment.refused()
    assert "incarnation.json has no mark of it" in told
    assert ADOPT in told
    marks.write_text("{")
    assert "incarnation.json is damaged: delete it" in deployment.refused()
    marks.write_text(text)
    with deployment.serve() as server:
        assert deployment.accepts(pair)
        assert server.stop() == 0
    marks.unlink()
    shown = json.loads(deployment.run("db", "adopt", "--moved", "--yes", "--json"))
    assert shown["incarnation"]["number"] == 1
    with deployment.serve() as server:
        assert deployment.accepts(deployment.rotate(pair))
        assert server.stop() == 0


def test_damaged_database_is_replaced_and_kept(deployment: Deployment) -> None:
    database = deployment.folder / FILE
    deployment.run("db", "backup", "backup.db")
    database.write_bytes(b"not a database, only some text that is long enough" * 100)
    shown = json.loads(deployment.run("db", "restore", "backup.db", "--yes", "--json"))
    assert (deployment.folder / shown["previous"]).read_bytes().startswith(b"not a database")
    with deployment.serve() as server:
        deployment.sign_in("ada")
        assert server.stop() == 0
    (deployment.folder / "bad.db").write_bytes(b"no database either, and long enough" * 100)
    code, _, told = deployment.satmint("db", "restore", "bad.db", "--yes")
    assert (code, "not a database" in told) == (1, True)
    code, _, told = deployment.satmint("db", "restore", "missing.db", "--yes")
    assert (code, "there is no file missing.db" in told) == (1, True)


def kill(server: ServeProcess) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def crash(deployment: Deployment) -> None:
    with deployment.serve() as server:
        kill(server)


def rotate_keys(deployment: Deployment) -> None:
    deployment.run("keys", "rotate")


def stop(deployment: Deployment) -> None:
    with deployment.serve() as server:
        assert server.stop() == 0


def move(deployment: Deployment) -> None:
    """The whole folder goes elsewhere, as that of a development server may."""
    target = deployment.folder / "elsewhere"
    target.mkdir()
    for path in (*deployment.folder.glob("satmint.db*"), *deployment.folder.glob("*.json")):
        path.rename(target / path.name)
    deployment.folder = target


@pytest.mark.parametrize("happening", [stop, crash, rotate_keys, move])
def test_database_that_goes_on_is_never_refused(
    deployment: Deployment, happening: Callable[[Deployment], None]
) -> None:
    with deployment.serve() as server:
        pair = deployment.sign_in("ada")
        kill(server)
    happening(deployment)
    with deployment.serve() as server:
        assert deployment.accepts(deployment.rotate(pair))
        assert server.stop() == 0


def take_back_the_migration(database: Path) -> None:
    """As a version without incarnations has left it."""
    with closing(sqlite3.connect(database)) as db:
        for statement in (
            "DROP TABLE incarnation",
            "DROP TABLE marks",
            "DELETE FROM schema_migrations WHERE name LIKE '%incarnation'",
        ):
            db.execute(statement)
        db.commit()


def test_upgraded_database_goes_on_and_a_copy_from_before_the_upgrade_is_refused(
    deployment: Deployment,
) -> None:
    database = deployment.folder / FILE
    with deployment.serve() as server:
        pair = deployment.sign_in("ada")
        assert server.stop() == 0
    take_back_the_migration(database)
    (deployment.folder / "incarnation.json").unlink()
    shutil.copy(database, deployment.folder / "copy.db")
    with deployment.serve() as server:
        pair = deployment.rotate(pair)
        assert server.stop() == 0
    shutil.copy(deployment.folder / "copy.db", database)
    assert "it is an older copy" in deployment.refused()
    deployment.run("db", "adopt", "--yes")
    with deployment.serve() as server:
        assert not deployment.accepts(pair)
        assert server.stop() == 0


def test_workers_start_again_when_their_database_is_adopted(deployment: Deployment) -> None:
    workers = ("--database", deployment.database, "--workers", "2")
    with running_serve(deployment.folder, *workers) as server:
        deployment.url = server.url
        pair = deployment.sign_in("ada")
        deployment.run("db", "adopt", "--yes")
        server.wait_for("database_copied")
        server.wait_for("worker_exited")
        assert not deployment.accepts(pair)
        assert deployment.accepts(deployment.sign_in("ada"))
        assert server.stop() == 0


def test_running_server_stops_when_its_database_is_adopted_or_replaced(
    deployment: Deployment,
) -> None:
    with deployment.serve() as server:
        pair = deployment.sign_in("ada")
        deployment.run("db", "adopt", "--yes")
        assert not deployment.accepts(pair)  # at once: the epoch is in the database
        reason = server.wait_for("database_copied")["reason"]
        assert reason == "a new incarnation has begun on it: start again"
        assert server.process.wait(30) == 1
    with deployment.serve() as server:
        deployment.sign_in("ada")
        shutil.copy(deployment.folder / FILE, deployment.folder / "copy.db")
        (deployment.folder / "copy.db").rename(deployment.folder / FILE)
        assert "was replaced while it was in use" in server.wait_for("database_copied")["reason"]
        assert server.process.wait(30) == 1
