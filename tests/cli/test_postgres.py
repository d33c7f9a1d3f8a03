"""The commands on a PostgreSQL database, whose password nobody gets to see."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from satmint.store.postgres.migrations import known_migrations
from tests.kit import forked
from tests.kit.dev import clean_environment
from tests.kit.postgres import execute, the_server

HIDDEN = "zq7Hidden7qz"


def satmint(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    done = forked.run(arguments, text=True, cwd=cwd, env=clean_environment())
    assert HIDDEN not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def run(tool: str, *arguments: str, cwd: Path) -> None:
    """A program of PostgreSQL's own."""
    subprocess.run([the_server().programs / tool, *arguments], check=True, cwd=cwd, timeout=60)


@pytest.fixture
def database() -> str:
    """A database without a schema, and a password in its URL that it does not ask for."""
    return the_server().new_database(template="template0").replace("satmint@", f"satmint:{HIDDEN}@")


def test_a_database_is_migrated_when_that_is_asked_for_and_only_then(
    tmp_path: Path, database: str
) -> None:
    where, shown = ("--database", database), database.replace(f":{HIDDEN}", "")
    lacks = (
        f"satmint: cannot use {shown}: the database lacks migrations: run `satmint db migrate`\n"
    )
    assert satmint("project", "list", *where, cwd=tmp_path) == (1, "", lacks)
    assert satmint("keys", "init", cwd=tmp_path)[0] == 0
    assert satmint("serve", "--port", "0", *where, cwd=tmp_path)[0] == 1
    names = ", ".join(migration.name for migration in known_migrations())
    pending = f"satmint: the database lacks {names}: run `satmint db migrate`\n"
    assert satmint("db", "check", *where, cwd=tmp_path) == (1, "", pending)
    assert execute(database, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []

    applied = f"{shown}: applied {names}.\n"
    assert satmint("db", "migrate", *where, cwd=tmp_path) == (0, applied, "")
    assert satmint("db", "migrate", *where, cwd=tmp_path) == (0, f"{shown}: up to date.\n", "")
    sound = f"{shown}: OK, schema is up to date.\n"
    assert satmint("db", "check", *where, cwd=tmp_path) == (0, sound, "")
    code, made, _ = satmint("project", "create", "acme", *where, "--json", cwd=tmp_path)
    assert (code, json.loads(made)["name"]) == (0, "acme")
    code, listed, _ = satmint("project", "list", *where, "--json", cwd=tmp_path)
    assert (code, "acme" in listed) == (0, True)


def test_size_is_what_the_server_says(tmp_path: Path, database: str) -> None:
    where = ("--database", database)
    assert satmint("keys", "init", cwd=tmp_path)[0] == 0
    assert satmint("project", "create", "acme", *where, cwd=tmp_path)[0] == 0
    assert satmint("token", "create", "alice", *where, cwd=tmp_path)[0] == 0
    execute(database, "ANALYZE")
    code, shown, _ = satmint("db", "stats", *where, "--json", cwd=tmp_path)
    assert code == 0
    stats = json.loads(shown)
    tables = {table["table"]: table for table in stats["tables"]}
    assert (tables["sessions"]["rows"], tables["projects"]["rows"]) == (1, 1)
    assert tables["sessions"]["bytes"] > 0
    assert stats["bytes"] > sum(table["bytes"] for table in stats["tables"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stats["oldest_event_at"])
    _, shown, _ = satmint("db", "stats", *where, cwd=tmp_path)
    assert re.search(r"^sessions +about 1 +\d+ +\d+$", shown, re.MULTILINE)


def test_backing_up_is_left_to_the_tool_that_does_it(tmp_path: Path, database: str) -> None:
    shown = database.replace(f":{HIDDEN}", "")
    line = f"pg_dump --format=custom --no-owner --file=copy.dump '{shown}'"
    told = f"satmint: use the tool of PostgreSQL: {line}\n"
    backup = satmint("db", "backup", "copy.dump", "--database", database, cwd=tmp_path)
    assert backup == (1, "", told)
    assert not (tmp_path / "copy.dump").exists()


def test_backup_by_the_printed_command_is_restored_by_the_documented_one(
    tmp_path: Path, database: str
) -> None:
    where = ("--database", database)
    assert satmint("db", "migrate", *where, cwd=tmp_path)[0] == 0
    assert satmint("project", "create", "before", *where, cwd=tmp_path)[0] == 0
    _, _, told = satmint("db", "backup", "satmint.dump", *where, cwd=tmp_path)
    tool, *arguments = shlex.split(told.rpartition(": ")[2])
    run(tool, *arguments, cwd=tmp_path)
    assert satmint("project", "create", "after", *where, cwd=tmp_path)[0] == 0
    shown = database.replace(f":{HIDDEN}", "")
    run("pg_restore", "--clean", "--if-exists", f"--dbname={shown}", "satmint.dump", cwd=tmp_path)
    sound = f"{shown}: OK, schema is up to date.\n"
    assert satmint("db", "check", *where, cwd=tmp_path) == (0, sound, "")
    _, listed, _ = satmint("project", "list", *where, "--json", cwd=tmp_path)
    assert ("before" in listed, "after" in listed) == (True, False)


def test_a_key_is_kept_as_long_as_a_token_of_it_lives(tmp_path: Path, database: str) -> None:
    where = ("--database", database)
    for command in (("keys", "init"), ("db", "migrate", *where), ("keys", "rotate", *where)):
        code, _, told = satmint(*command, cwd=tmp_path)
        assert (code, told) == (0, "")
    _, listed, _ = satmint("keys", "list", "--json", cwd=tmp_path)
    (old,) = [key["id"] for key in json.loads(listed) if key["state"] == "retired"]
    code, _, told = satmint("keys", "retire", old, *where, cwd=tmp_path)
    assert code == 0, told


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://satmint:{}@127.0.0.1:1/x", "the server is unreachable"),
        ("postgresql://satmint:{}@127.0.0.1:1/x?sslmode=require", "the server is unreachable"),
    ],
)
def test_error_names_the_database_without_its_password(
    tmp_path: Path, url: str, reason: str
) -> None:
    code, out, told = satmint("db", "check", "--database", url.format(HIDDEN), cwd=tmp_path)
    assert (code, out) == (1, "")
    assert told.endswith(f": {reason}\n")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://satmint:{}@[/x", "is not a valid PostgreSQL URL: percent-encode special"),
        ("postgresql://satmint:{}@h/x?channel_binding=require", "has the parameter channel_bind"),
        ("postgresql://satmint:{}@h/x?sslrootcert=/nowhere", "has the parameter sslrootcert, a"),
    ],
)
def test_url_that_is_not_understood_is_refused_in_one_line(
    tmp_path: Path, url: str, reason: str
) -> None:
    code, out, told = satmint("db", "check", "--database", url.format(HIDDEN), cwd=tmp_path)
    assert (code, out) == (2, "")
    assert told.startswith(f"satmint: --database {reason}")
    assert told.count("\n") == 1
    assert HIDDEN not in told
