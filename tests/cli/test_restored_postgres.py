"""A PostgreSQL database that was restored is refused until it is adopted; a promoted one is not."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.failover import PRIMARY_SETTINGS, Couple, Standby
from tests.kit.postgres import PostgresServer, execute, the_server
from tests.kit.restoring import Deployment, History
from tests.kit.serving import running_serve

ADOPT = "satmint db adopt"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path, the_server().new_database(template="template0"))


def run(deployment: Deployment, tool: str, *arguments: str) -> None:
    """A program of PostgreSQL's own."""
    program = the_server().programs / tool
    subprocess.run([program, *arguments], check=True, cwd=deployment.folder, timeout=60)


def dump(deployment: Deployment) -> None:
    """As the command prints it."""
    _, _, told = deployment.satmint("db", "backup", "satmint.dump")
    tool, *arguments = shlex.split(told.rpartition(": ")[2])
    run(deployment, tool, *arguments)


def test_dump_that_is_restored_into_its_database(deployment: Deployment) -> None:
    with deployment.serve() as server:
        history = History(deployment)
        dump(deployment)
        history.go_on()
        assert server.stop() == 0
    code, _, told = deployment.satmint("db", "restore", "satmint.dump", "--yes")
    assert (code, "use the tool of PostgreSQL, then adopt: pg_restore" in told) == (1, True)
    line = told.partition("adopt: ")[2].partition(" && ")[0]
    tool, *arguments = shlex.split(line)
    run(deployment, tool, *arguments)
    assert "it is an older copy" in deployment.refused()
    # Also on a machine that has never used it.
    (deployment.folder / "incarnation.json").unlink()
    told = deployment.refused()
    assert "it is a copy of another database" in told
    assert ADOPT in told
    shown = json.loads(deployment.run("db", "adopt", "--yes", "--json"))
    assert shown["incarnation"]["number"] == 2
    assert [token["name"] for token in shown["api_tokens"]] == ["default"]
    with deployment.serve() as server:
        history.assert_ended()
        assert server.stop() == 0


def test_dump_that_is_restored_into_another_database_may_be_declared_as_moved(
    deployment: Deployment,
) -> None:
    with deployment.serve() as server:
        pair = deployment.sign_in("ada")
        assert server.stop() == 0
    dump(deployment)
    deployment.database = the_server().new_database(template="template0")
    run(deployment, "pg_restore", f"--dbname={deployment.database}", "satmint.dump")
    assert "adopt --moved" in deployment.refused()
    deployment.run("db", "adopt", "--moved", "--yes")
    with deployment.serve() as server:
        assert deployment.accepts(deployment.rotate(pair))
        assert server.stop() == 0


def test_running_server_stops_when_its_database_is_restored(deployment: Deployment) -> None:
    with deployment.serve() as server:
        deployment.sign_in("ada")
        dump(deployment)
        where = f"--dbname={deployment.database}"
        run(deployment, "pg_restore", "--clean", "--if-exists", where, "satmint.dump")
        assert ADOPT in server.wait_for("database_copied")["reason"]
        assert server.process.wait(30) == 1
    assert ADOPT in deployment.refused()


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    server = PostgresServer(configuration=PRIMARY_SETTINGS)
    yield server
    server.stop()


def test_base_backup_that_is_started(tmp_path: Path, primary: PostgresServer) -> None:
    deployment = Deployment(tmp_path, primary.new_database(template="template0"))
    with deployment.serve() as server:
        history = History(deployment)
        copy = Standby(primary, follows=False)
        try:
            history.go_on()
            assert server.stop() == 0
            copy.start()
            name = deployment.database.partition("@/")[2].partition("?")[0]
            deployment.database = copy.url(name)
            told = deployment.refused()
            assert "it is an older copy, and lacks changes" in told
            assert deployment.satmint("db", "adopt", "--moved", "--yes")[0] == 1
            deployment.run("db", "adopt", "--yes")
            with deployment.serve() as restored:
                history.assert_ended()
                assert restored.stop() == 0
        finally:
            copy.stop()


def test_promoted_standby_goes_on(tmp_path: Path) -> None:
    couple = Couple()
    try:
        deployment = Deployment(tmp_path, couple.new_database())
        with deployment.serve() as before:
            pair = deployment.rotate(deployment.sign_in("ada"))
            couple.primary.kill()
            couple.standby.promote()
            before.process.kill()
            before.process.wait()
            with deployment.serve() as server:
                pair = deployment.rotate(pair)
                assert server.stop() == 0
            (tmp_path / "incarnation.json").unlink()  # a new machine
            with deployment.serve() as server:
                assert deployment.accepts(deployment.rotate(pair))
                assert server.stop() == 0
    finally:
        couple.stop()


def test_user_without_privileges_learns_where_the_database_is(deployment: Deployment) -> None:
    """The role of the servers needs no more than access to the tables."""
    execute(
        deployment.database,
        "DROP ROLE IF EXISTS plain",
        "CREATE ROLE plain LOGIN",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain",
    )
    deployment.database = deployment.database.replace("satmint@", "plain@")
    with deployment.serve() as server:
        deployment.sign_in("ada")
        assert server.stop() == 0
    (owner,) = execute(deployment.database, "SELECT location FROM incarnation")
    assert str(owner[0]).count("/") == 2
    execute(deployment.database.replace("plain@", "satmint@"), "DROP OWNED BY plain")


def test_keyring_in_a_variable_leaves_the_marks_in_memory(deployment: Deployment) -> None:
    keyring = (deployment.folder / "keyring.json").read_text()
    (deployment.folder / "keyring.json").unlink()
    for _ in range(2):
        with running_serve(
            deployment.folder,
            *("--database", deployment.database, "--keyring", "env:THE_KEYRING"),
            env={"THE_KEYRING": keyring},
        ) as server:
            deployment.url = server.url
            deployment.sign_in("ada")
            assert server.stop() == 0
    assert not (deployment.folder / "incarnation.json").exists()
