"""`satmint db copy` moves a deployment between databases, with all sessions alive."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from satmint.model.incarnation import COPYING, Incarnation
from satmint.store.contract.copying import DatabaseBusy
from satmint.store.postgres.copying import open_source
from tests.kit.dev import clean_environment
from tests.kit.forked import start
from tests.kit.polling import wait_until
from tests.kit.postgres import execute, the_server
from tests.kit.restoring import Deployment

KINDS: Final = ("sqlite", "postgres")
TERMINATE: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'satmint' AND datname = current_database()"
)
IN_USE: Final = "is in use: stop its servers first"


def new_url(kind: str, folder: Path, name: str) -> str:
    """A database without tables, or a file that does not exist."""
    if kind == "postgres":
        return the_server().new_database(template="template0")
    return f"sqlite:///{folder}/{name}.db"


@pytest.mark.parametrize("kind", KINDS)
def test_copy_on_another_database_of_the_same_kind(kind: str, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, new_url(kind, tmp_path, "first"))
    deployment.run("token", "create", "ada")
    there = new_url(kind, tmp_path, "second")
    copied = json.loads(deployment.run("db", "copy", "--to", there, "--json"))
    assert copied["samples"]["subscriber_sessions"] == 1
    for command in (
        ("token", "create", "bob"),
        ("session", "list"),
        ("session", "revoke", "--all", "--yes"),
        ("api-token", "create", "more"),
    ):
        code, _, told = deployment.satmint(*command)
        assert (code, "the copy continues its sessions" in told) == (1, True), command
    deployment.database = there
    assert len(json.loads(deployment.run("session", "list", "--state", "active", "--json"))) == 1
    deployment.run("token", "create", "bob")
    assert len(json.loads(deployment.run("subscriber", "list", "--json"))) == 2


@pytest.mark.parametrize("source", KINDS)
def test_deployment_goes_on_in_the_copy(source: str, tmp_path: Path) -> None:
    target = "sqlite" if source == "postgres" else "postgres"
    deployment = Deployment(tmp_path, new_url(source, tmp_path, "first"))
    here, there = deployment.database, new_url(target, tmp_path, "second")
    with deployment.serve() as server:
        kept, spent, revoked = (deployment.sign_in(name) for name in ("kept", "spent", "revoked"))
        newest = deployment.rotate(deployment.rotate(spent))
        deployment.revoke(revoked)
        code, _, told = deployment.satmint("db", "copy", "--to", there)
        assert (code, IN_USE in told) == (1, True)
        assert server.stop() == 0
    copied = json.loads(deployment.run("db", "copy", "--to", there, "--json"))
    assert copied["rows"]["sessions"] == 3
    assert copied["samples"] == {"api_tokens": 1, "subscriber_sessions": 2}
    assert copied["incarnation"]["number"] == 2
    assert "the copy continues its sessions" in deployment.refused()
    deployment.database = there
    with deployment.serve() as server:
        assert deployment.accepts(kept)
        assert deployment.accepts(deployment.rotate(kept))
        assert deployment.accepts(newest)
        assert deployment.refresh(revoked).status_code == 422
        assert deployment.refresh(spent).status_code == 422  # a reuse, which ends the session
        assert not deployment.accepts(newest)
        code, _, told = deployment.satmint("db", "copy", "--to", here)
        assert (code, IN_USE in told) == (1, True)
        assert server.stop() == 0
    deployment.database = here
    again = json.loads(deployment.run("db", "copy", "--to", there, "--json"))
    assert (again["rows"], again["incarnation"]) == ({}, copied["incarnation"])
    other = new_url(target, tmp_path, "third")
    code, _, told = deployment.satmint("db", "copy", "--to", other)
    assert (code, "was copied already" in told) == (1, True)


@pytest.fixture
def stopped(tmp_path: Path) -> Deployment:
    """A file with many events, whose server was stopped."""
    deployment = Deployment(tmp_path, f"sqlite:///{tmp_path}/satmint.db")
    with deployment.serve() as server:
        deployment.sign_in("ada")
        assert server.stop() == 0
    return deployment


def test_copy_that_lost_its_target_and_was_killed_is_continued(
    stopped: Deployment, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "satmint.db")) as file, file:
        file.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)"
            " INSERT INTO events SELECT project_id, randomblob(16), 'refreshed', 1, NULL, NULL,"
            " NULL, 1, '', '', '', '', i, NULL FROM n, projects"
        )
    target = new_url("postgres", tmp_path, "")
    arguments = ["db", "copy", "--database", stopped.database, "--to", target, "--json"]
    counted = "SELECT count(*) FROM events"

    def has(rows: int) -> bool:
        exists = execute(target, "SELECT to_regclass('events') IS NOT NULL")
        return exists == [(True,)] and bool(execute(target, counted)[0][0] >= rows)

    options = {"cwd": tmp_path, "env": clean_environment(), "text": True}
    with start(arguments, **options, stderr=subprocess.PIPE) as process:
        wait_until(lambda: has(10_000))
        execute(target, TERMINATE)
        _, told = process.communicate(timeout=60)
    assert (process.returncode, "run the same command again to continue" in told) == (1, True)
    copied = execute(target, counted)[0][0]
    with start(arguments, **options) as process:
        wait_until(lambda: has(copied + 10_000))
        process.send_signal(signal.SIGKILL)
    assert execute(target, "SELECT number, location FROM incarnation") == [(2, COPYING)]
    stopped.run("token", "create", "bob")  # nothing of the source was changed
    here, stopped.database = stopped.database, target
    assert "it is a copy that is not complete" in stopped.refused()
    code, _, told = stopped.satmint("db", "adopt", "--yes")
    assert (code, "it is a copy that is not complete" in told) == (1, True)
    # The part that was copied is not what it was.
    stopped.database = here
    shown = stopped.run("db", "copy", "--to", target)
    assert "Copying: " in shown
    assert "Verified 1200" in shown
    stopped.database = target
    assert len(json.loads(stopped.run("subscriber", "list", "--json"))) == 2
    assert execute(target, counted) > [(120_000,)]


def located(url: str, location: str = "") -> str:
    """The location of the incarnation of a database, which becomes another one if it is given."""
    read = "SELECT location FROM incarnation"
    change = (f"UPDATE incarnation SET location = '{location}'",) if location else ()
    if url.startswith("postgresql"):
        return str(execute(url, *change, read)[0][0])
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
        for statement in change:
            file.execute(statement)
        return str(file.execute(read).fetchone()[0])


@pytest.mark.parametrize("kind", KINDS)
def test_source_has_one_copy_that_continues(kind: str, stopped: Deployment, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    here = stopped.database
    first, second, third = (new_url(kind, tmp_path / "there", name) for name in ("1", "2", "3"))
    marks = (tmp_path / "incarnation.json").read_text()
    stopped.run("db", "copy", "--to", first)
    # As if it had ended before the source was retired; the servers were started again.
    located(first, COPYING)
    with closing(sqlite3.connect(tmp_path / "satmint.db")) as file, file:
        file.execute("UPDATE incarnation SET location = ''")
    (tmp_path / "there" / "incarnation.json").unlink(missing_ok=True)
    (tmp_path / "incarnation.json").write_text(marks)
    stopped.run("db", "copy", "--to", second)
    for target in (first, third):
        code, _, told = stopped.satmint("db", "copy", "--to", target)
        assert (code, "is not the copy: use the copy" in told) == (1, True), told
    stopped.database = first
    assert "it is a copy that is not complete" in stopped.refused()
    # Interrupted between the retirement of the source and the end.
    located(second, located(here).replace("copied", COPYING))
    stopped.database = second
    assert "it is a copy that is not complete" in stopped.refused()
    stopped.database = here
    stopped.run("db", "copy", "--to", second)
    stopped.database = second
    stopped.run("token", "create", "bob")
    # A backup of the copy lacks what happened since.
    located(second, "backup")
    stopped.database = here
    code, _, told = stopped.satmint("db", "copy", "--to", second)
    assert (code, "it is a backup" in told) == (1, True), told


def test_server_whose_connections_have_another_name_is_noticed(tmp_path: Path) -> None:
    source = new_url("postgres", tmp_path, "")
    deployment = Deployment(tmp_path, f"{source}&application_name=node1")
    with deployment.serve():
        deployment.database = source
        code, _, told = deployment.satmint("db", "copy", "--to", f"sqlite:///{tmp_path}/copy.db")
        assert (code, IN_USE in told) == (1, True), told


async def test_server_that_comes_while_postgresql_is_copied_keeps_its_database() -> None:
    url = the_server().new_database()
    source = await open_source(url)
    retired = Incarnation(UUID(int=1), 1, 1, "copied")
    try:
        server = await asyncpg.connect(url)
        with pytest.raises(DatabaseBusy):
            await source.set_incarnation(retired)
        await server.close()
    finally:
        await source.close()
    assert execute(url, "SELECT * FROM incarnation") == []
    source = await open_source(url)
    try:
        await source.set_incarnation(retired)
    finally:
        await source.close()
    assert located(url) == "copied"


def test_target_that_is_not_empty_is_refused(stopped: Deployment, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Deployment(tmp_path / "other", new_url("postgres", tmp_path, ""))
    code, _, told = stopped.satmint("db", "copy", "--to", other.database)
    assert (code, "neither empty nor an unfinished copy" in told) == (1, True)
    code, _, told = stopped.satmint("db", "copy", "--to", stopped.database)
    assert (code, "cannot be copied to itself" in told) == (1, True)
    code, _, told = stopped.satmint("db", "copy", "--to", "mysql://localhost/satmint")
    assert (code, "--to must be of the form" in told) == (2, True)


def test_source_without_tables_is_refused_with_the_remedy(
    stopped: Deployment, tmp_path: Path
) -> None:
    stopped.database = new_url("postgres", tmp_path, "")
    code, _, told = stopped.satmint("db", "copy", "--to", new_url("sqlite", tmp_path, "copy"))
    assert (code, "the database lacks migrations: run `satmint db migrate`\n" in told) == (1, True)


def test_text_that_postgresql_refuses_is_named(stopped: Deployment, tmp_path: Path) -> None:
    target = new_url("postgres", tmp_path, "")
    for text in ("CAST(x'610062' AS TEXT)", "CAST(x'61ff62' AS TEXT)"):
        with closing(sqlite3.connect(tmp_path / "satmint.db")) as file, file:
            file.execute(f"UPDATE subscribers SET job_title = {text}")
        code, _, told = stopped.satmint("db", "copy", "--to", target)
        assert (code, "Traceback" in told) == (1, False)
        assert "correct job_title of the row " in told
        assert " of the table subscribers" in told
    with closing(sqlite3.connect(tmp_path / "satmint.db")) as file, file:
        file.execute("UPDATE subscribers SET job_title = 'Łódź 🎧'")
    stopped.run("db", "copy", "--to", target)
    assert execute(target, "SELECT job_title FROM subscribers") == [("Łódź 🎧",)]


def test_source_of_another_version_or_keyring_is_refused(
    stopped: Deployment, tmp_path: Path
) -> None:
    target = new_url("postgres", tmp_path, "")
    (tmp_path / "keyring.json").rename(tmp_path / "own.json")
    stopped.run("keys", "init")
    code, _, told = stopped.satmint("db", "copy", "--to", target)
    assert (code, "use the keyring of this database" in told) == (1, True)
    (tmp_path / "own.json").rename(tmp_path / "keyring.json")
    with closing(sqlite3.connect(tmp_path / "satmint.db")) as file, file:
        file.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later', '', 1)")
    code, _, told = stopped.satmint("db", "copy", "--to", target)
    assert (code, "schema version 9999 is newer than this satmint" in told) == (1, True)
    code, _, told = stopped.satmint("db", "copy", "--to", "sqlite:////nowhere/satmint.db")
    assert code == 1
    assert execute(target, "SELECT to_regclass('projects')") == [(None,)]
