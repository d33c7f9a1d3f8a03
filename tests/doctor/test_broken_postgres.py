"""PostgreSQL servers, roles and databases with settings that do not suit."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from satmint.doctor.finding import Level
from tests.kit.pgbouncer import pgbouncer_program, the_pgbouncer
from tests.kit.postgres import execute, the_server
from tests.kit.set_ups import Findings, SetUp, make_set_up

ERROR, WARNING = Level.ERROR, Level.WARNING
_SKEWED = (
    "CREATE SCHEMA skewed",
    (
        "CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
        " $$SELECT pg_catalog.clock_timestamp() + interval '{}'$$"
    ),
    # Otherwise, the functions of the system come first.
    "ALTER DATABASE {} SET search_path = skewed, public, pg_catalog",
)


@pytest.fixture
def database() -> str:
    """The URL of a database of its own, on a server with `fsync = off`."""
    return the_server().new_database()


@pytest.fixture
def set_up(tmp_path: Path, database: str) -> SetUp:
    """A deployment on it that accepts `fsync = off`; its server does not run."""
    made = make_set_up(tmp_path, database, database_without_fsync="true")
    return made.changed(port="1", admin_port="0")


def examined(set_up: SetUp) -> Findings:
    return asyncio.run(set_up.examine())


def name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def test_fsync_that_is_off(set_up: SetUp) -> None:
    found = examined(set_up)
    found.assert_found("database.durability", WARNING, "fsync is off", "fsync = on")
    assert found.bad == {"database.durability": WARNING}
    found = examined(set_up.changed(database_without_fsync="false"))
    found.assert_found("database.durability", ERROR, "fsync is off", "fsync = on")
    assert found.bad == {"database.durability": ERROR}


@pytest.mark.parametrize(
    ("setting", "said", "remedy"),
    [
        ("synchronous_commit = off", "synchronous_commit is off", "RESET synchronous_commit"),
        ("default_transaction_isolation = 'repeatable read'", "isolation", "read committed"),
    ],
)
def test_database_with_settings_under_which_nothing_is_written(
    set_up: SetUp, database: str, setting: str, said: str, remedy: str
) -> None:
    execute(the_server().url("postgres"), f"ALTER DATABASE {name_of(database)} SET {setting}")
    found = examined(set_up)
    found.assert_found("database.durability", ERROR, said, remedy)
    assert found.bad == {"database.durability": ERROR}


def test_database_that_is_read_only(set_up: SetUp, database: str) -> None:
    setting = "default_transaction_read_only = on"
    execute(the_server().url("postgres"), f"ALTER DATABASE {name_of(database)} SET {setting}")
    found = examined(set_up)
    found.assert_found("database.reachable", ERROR, "read-only", "name the primary")


@pytest.mark.parametrize(("interval", "level"), [("10 seconds", WARNING), ("-1 hour", ERROR)])
def test_clock_that_is_apart(set_up: SetUp, database: str, interval: str, level: Level) -> None:
    """For the sessions of this database, the server's clock is another one."""
    schema, function, path = _SKEWED
    execute(database, schema, function.format(interval), path.format(name_of(database)))
    found = examined(set_up)
    found.assert_found("postgres.clock", level, "this machine's clock is", "NTP")
    assert found.bad == {"database.durability": WARNING, "postgres.clock": level}


def test_more_connections_than_the_server_has(set_up: SetUp) -> None:
    found = examined(set_up.changed(workers="8", database_connections="50"))
    found.assert_found("postgres.connections", ERROR, "up to 424", "raise max_connections")


def test_autovacuum_that_is_off_for_a_table(set_up: SetUp, database: str) -> None:
    execute(database, "ALTER TABLE sessions SET (autovacuum_enabled = false)")
    found = examined(set_up)
    found.assert_found("postgres.autovacuum", WARNING, "sessions", "RESET (autovacuum_enabled)")


def test_connections_that_the_server_ends(set_up: SetUp, database: str) -> None:
    setting = "idle_session_timeout = '30s'"
    execute(the_server().url("postgres"), f"ALTER DATABASE {name_of(database)} SET {setting}")
    found = examined(set_up)
    found.assert_found("postgres.timeouts", WARNING, "after 30 s", "idle_session_timeout = 0")


def test_pooler_that_is_set_and_not_there(set_up: SetUp) -> None:
    found = examined(set_up.changed(database_pooler="true"))
    found.assert_found("postgres.pooler", WARNING, "no pooler", "unset database_pooler")


@pytest.mark.skipif(pgbouncer_program() is None, reason="there is no PgBouncer")
def test_pooler_that_is_there_and_set(set_up: SetUp, database: str) -> None:
    through = the_pgbouncer().url(database)
    found = examined(set_up.changed(database=through, database_pooler="true"))
    found.assert_found("postgres.pooler", Level.OK, "a pooler is in between", "")
    found = examined(set_up.changed(database=through))
    assert "database.reachable" in found.bad or "postgres.pooler" in found.bad


def test_server_that_is_down(set_up: SetUp, tmp_path: Path) -> None:
    found = examined(set_up.changed(database=f"postgresql://one:secret@/two?host={tmp_path}"))
    found.assert_found("database.reachable", ERROR, "unreachable", "start PostgreSQL")
    assert "secret" not in str(found)


def test_database_that_does_not_exist(set_up: SetUp) -> None:
    found = examined(set_up.changed(database=the_server().url("none")))
    found.assert_found("database.reachable", ERROR, "does not exist", "create the database")


def test_logical_copy_of_the_database(set_up: SetUp, database: str, tmp_path: Path) -> None:
    running = set_up.changed(port="0")
    with running.serving() as server:
        server.stop()
    (tmp_path / "copy").mkdir()
    server_of_all = the_server()
    copy = server_of_all.new_database(template=name_of(database))
    found = examined(set_up.changed(database=copy))
    found.assert_found("database.incarnation", ERROR, "copy of another", "satmint db adopt")
