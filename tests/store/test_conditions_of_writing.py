"""Writes are refused while the database would not keep them, and only then."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import RefreshTokenRef, Rotated
from satmint.store.contract import SchemaUnknown
from satmint.store.postgres import PostgresLimits, PostgresStore, open_postgres
from satmint.store.sqlite import open_sqlite
from tests.kit.clock import NOW
from tests.kit.polling import wait_until
from tests.kit.postgres import DURABLE, PostgresServer, execute
from tests.store.store_setup import Given, generation

STRICT: Final = PostgresLimits(connections=3, allow_no_fsync=False)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer(configuration=DURABLE)
    yield server
    server.stop()


@pytest.fixture
def url(server: PostgresServer) -> str:
    url = server.new_database()
    execute(server.url("postgres"), f"ALTER DATABASE {database_of(url)} RESET ALL")
    return url


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = await open_postgres(url, NOW, limits=STRICT)
    yield store
    await store.close()


def database_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


async def cause_of(work: Awaitable[object]) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        await work
    return refused.value.cause


def administer(server: PostgresServer, *statements: str) -> None:
    """Run statements even if the default is to write nothing."""
    execute(server.url("postgres"), "SET default_transaction_read_only TO off", *statements)


def reload(server: PostgresServer, setting: str, value: str) -> None:
    """`ALTER SYSTEM` of a setting, or its reset; seen by new connections when it returns."""
    url = server.url("postgres")
    before = execute(url, f"SHOW {setting}")
    change = f"SET {setting} = '{value}'" if value else f"RESET {setting}"
    administer(server, f"ALTER SYSTEM {change}", "SELECT pg_reload_conf()")
    wait_until(lambda: execute(url, f"SHOW {setting}") != before)


SETTINGS: Final = [
    ("synchronous_commit", "off", "postgres_commits_not_durable"),
    ("default_transaction_isolation", "repeatable read", "postgres_isolation_unsupported"),
    ("default_transaction_read_only", "on", "postgres_read_only"),
    ("fsync", "off", "postgres_fsync_off"),
]


@pytest.mark.parametrize(("setting", "value", "cause"), SETTINGS)
async def test_reload_that_undoes_a_condition_stops_writes_until_it_is_undone(
    server: PostgresServer, store: PostgresStore, setting: str, value: str, cause: str
) -> None:
    given = Given(store)
    session = await given.session(await given.project(), "ann")
    reload(server, setting, value)
    try:
        assert await cause_of(store.ready()) == cause
        await refuses(given, session, cause)
        if cause != "postgres_read_only":
            assert await store.sessions.recheck(session.project, session.session) is not None
            assert len(await store.projects.list()) == 1
    finally:
        reload(server, setting, "")
    await ready(store)
    assert isinstance(await given.rotate(session), Rotated)


async def ready(store: PostgresStore) -> None:
    """Look again, until no connection is one of the time before."""
    for _ in range(3):
        try:
            await store.ready()
        except StoreUnavailable:
            continue
    await store.ready()


async def refuses(given: Given, session: RefreshTokenRef, cause: str) -> None:
    """Every kind of write is refused."""
    for work in (
        given.rotate(session),
        given.revoke(session),
        given.session(session.project, "ann"),
        given.session(session.project, "bob"),
        given.guest(session.project),
        given.project(),
    ):
        assert await cause_of(work) == cause


@pytest.mark.parametrize("subject", ["ROLE satmint", "DATABASE {}", "ROLE satmint IN DATABASE {}"])
@pytest.mark.parametrize(("setting", "value", "cause"), SETTINGS[:3])
async def test_setting_of_the_role_is_seen_without_a_new_connection(
    server: PostgresServer,
    url: str,
    store: PostgresStore,
    subject: str,
    setting: str,
    value: str,
    cause: str,
) -> None:
    change = f"ALTER {subject.format(database_of(url))}"
    given = Given(store)
    session = await given.session(await given.project())
    administer(server, f"{change} SET {setting} = '{value}'")
    try:
        assert await cause_of(store.ready()) == cause
        assert await cause_of(given.rotate(session)) == cause
    finally:
        administer(server, f"{change} RESET {setting}")
    await ready(store)
    assert isinstance(await given.rotate(session), Rotated)


@pytest.mark.parametrize("pooler", [False, True])
@pytest.mark.parametrize(("setting", "value", "cause"), SETTINGS[:3])
async def test_role_without_its_setting_may_write_again_however_long_it_had_it(
    server: PostgresServer, url: str, setting: str, value: str, cause: str, pooler: bool
) -> None:
    limits = PostgresLimits(connections=3, allow_no_fsync=False, pooler=pooler)
    store = await open_postgres(url, NOW, limits=limits)
    administer(server, f"ALTER ROLE satmint SET {setting} = '{value}'")
    try:
        for _ in range(4):  # the connections of the time before are replaced meanwhile
            assert await cause_of(store.ready()) == cause
    finally:
        administer(server, f"ALTER ROLE satmint RESET {setting}")
    await ready(store)
    await Given(store).project()
    await store.close()


async def test_settings_in_the_url_come_before_those_of_the_database(
    server: PostgresServer, url: str
) -> None:
    administer(
        server,
        f"ALTER DATABASE {database_of(url)} SET synchronous_commit = 'off'",
        f"ALTER DATABASE {database_of(url)} SET default_transaction_isolation = 'repeatable read'",
    )
    options = "-c synchronous_commit=on -c default_transaction_isolation=serializable"
    store = await open_postgres(f"{url}&options={quote(options)}", NOW, limits=STRICT)
    await store.ready()
    await Given(store).project()
    await store.close()


async def test_boolean_of_a_database_may_be_abbreviated(server: PostgresServer, url: str) -> None:
    administer(server, f"ALTER DATABASE {database_of(url)} SET default_transaction_read_only = 'f'")
    store = await open_postgres(url, NOW, limits=STRICT)
    await store.ready()
    await store.close()


@pytest.mark.parametrize("pooler", [False, True])
async def test_role_that_may_not_read_the_catalog_of_settings_is_checked_by_new_connections(
    server: PostgresServer, url: str, pooler: bool
) -> None:
    database, role = database_of(url), f"reader_{database_of(url)}"
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    catalog = "SELECT ON pg_catalog.pg_db_role_setting"
    execute(url, f"CREATE ROLE {role} LOGIN", grant, f"REVOKE {catalog} FROM PUBLIC")
    try:
        limits = PostgresLimits(connections=3, allow_no_fsync=False, pooler=pooler)
        store = await open_postgres(server.url(database, role), NOW, limits=limits)
        given = Given(store)
        await given.project()
        administer(server, f"ALTER ROLE {role} SET synchronous_commit = 'off'")
        assert await cause_of(store.ready()) == "postgres_commits_not_durable"
        administer(server, f"ALTER ROLE {role} RESET synchronous_commit")
        await store.ready()
        await given.project()
        await store.close()
    finally:
        execute(url, f"GRANT {catalog} TO PUBLIC")


async def test_commit_before_a_reload_is_noticed_is_durable_all_the_same(
    server: PostgresServer, store: PostgresStore
) -> None:
    given = Given(store)
    session = await given.session(await given.project())
    reload(server, "synchronous_commit", "off")
    try:
        for number in range(4):
            assert isinstance(await given.rotate(generation(session, number)), Rotated)
        server.kill()
    finally:
        server.start()
        reload(server, "synchronous_commit", "")
    found = None
    while found is None:
        try:
            found = await store.sessions.get(session.project, session.session)
        except StoreUnavailable:
            continue
    assert found.session.head.generation == 4


async def test_operator_who_stops_waiting_for_the_standby_is_heeded(
    server: PostgresServer, store: PostgresStore
) -> None:
    """`local` is durable on this machine: connections of the time before do not keep the former."""
    await Given(store).project()

    async def level() -> str:
        return str(
            await store._connections.query(
                lambda db: db.fetchval("SELECT current_setting('synchronous_commit')")
            )
        )

    reload(server, "synchronous_commit", "local")
    try:
        await ready(store)
        assert await level() == "local"
    finally:
        reload(server, "synchronous_commit", "")
    await ready(store)
    assert await level() == "on"


async def test_schema_that_another_version_made_stops_writes(
    url: str, store: PostgresStore
) -> None:
    execute(
        url,
        "INSERT INTO schema_migrations (version, name, digest, works_with, applied_at)"
        " VALUES (99, 'later', 'x', 99, 0)",
    )
    with pytest.raises(SchemaUnknown):
        await store.ready()
    assert await cause_of(Given(store).project()) == "schema_unknown"
    execute(url, "DELETE FROM schema_migrations WHERE version = 99")
    await store.ready()
    await Given(store).project()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_database_of_another_encoding_is_refused(
    server: PostgresServer, encoding: str
) -> None:
    name = f"encoded_{encoding.lower()}"
    execute(
        server.url("postgres"),
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'",
    )
    opening = open_postgres(server.url(name), NOW, migrating=True)
    assert await cause_of(opening) == "postgres_encoding_unsupported"
    assert execute(server.url(name), "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


async def test_server_without_fsync_is_refused_at_the_start(server: PostgresServer) -> None:
    url = server.new_database()
    reload(server, "fsync", "off")
    try:
        assert await cause_of(open_postgres(url, NOW, limits=STRICT)) == "postgres_fsync_off"
        await (await open_postgres(url, NOW)).close()
    finally:
        reload(server, "fsync", "")


Replace = Callable[[Path], object]
REPLACEMENTS: Final[dict[str, Replace]] = {
    "another file": lambda path: path.with_name("copy").replace(path),
    "deleted": lambda path: path.unlink(),
    "renamed": lambda path: path.rename(path.with_name("elsewhere")),
}


@pytest.mark.parametrize("replace", REPLACEMENTS)
async def test_file_that_is_replaced_while_it_is_open_is_written_no_more(
    tmp_path: Path, replace: str
) -> None:
    path = tmp_path / "satmint.db"
    store = await open_sqlite(path, NOW)
    given = Given(store)
    session = await given.session(await given.project())
    with (
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(tmp_path / "copy")) as target,
    ):
        source.backup(target)
    REPLACEMENTS[replace](path)
    for _ in range(2):
        assert await cause_of(given.rotate(session)) == "sqlite_replaced"
    assert await cause_of(store.ready()) == "sqlite_replaced"
    await store.close()


async def test_file_system_without_shared_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "satmint.db"
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("CREATE TABLE x (y)")
        holder.execute("BEGIN")
        holder.execute("SELECT * FROM x").fetchall()
        # While somebody reads without a log, the file cannot be given one.
        cause = await cause_of(open_sqlite(path, NOW, busy_seconds=0.05))
        assert cause in ("sqlite_busy", "sqlite_no_wal")


async def test_file_whose_commits_are_not_durable_is_written_no_more_until_they_are(
    file: Path,
) -> None:
    store = await open_sqlite(file, NOW)
    given = Given(store)
    connection = store._reader._lookup_worker._connection
    connection.execute("PRAGMA synchronous = NORMAL")
    assert await cause_of(store.ready()) == "sqlite_commits_not_durable"
    assert await cause_of(given.project()) == "sqlite_commits_not_durable"
    connection.execute("PRAGMA synchronous = FULL")
    await store.ready()
    await given.project()
    await store.close()


async def test_failure_to_look_says_nothing_of_writes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise StoreUnavailable("sqlite_ioerr")

    store = await open_sqlite(file, NOW)
    monkeypatch.setattr("satmint.store.sqlite.store.check_durable", fail)
    assert await cause_of(store.ready()) == "sqlite_ioerr"
    await Given(store).project()
    await store.close()


async def test_every_write_to_a_file_that_was_replaced_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "satmint.db"
    store = await open_sqlite(path, NOW)
    given = Given(store)
    path.rename(tmp_path / "elsewhere")
    causes = await asyncio.gather(*(cause_of(given.project()) for _ in range(3)))
    assert causes == ["sqlite_replaced"] * 3
    await store.close()
