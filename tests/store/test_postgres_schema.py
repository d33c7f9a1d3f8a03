"""The schema of the shared store: its history, and servers of several releases on it at once."""

import asyncio

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import SchemaUnknown
from satmint.store.postgres import migrations, open_postgres
from satmint.store.postgres.maintenance import check, latest_expiry, migrate_database
from satmint.store.postgres.migrations import known_migrations
from satmint.store.sql.migrations import Migration
from tests.kit.clock import NOW
from tests.kit.postgres import ISOLATIONS, execute, the_server
from tests.store.store_setup import Given

HISTORY = "SELECT version, name, digest, applied_at FROM schema_migrations ORDER BY version"
NAMES = tuple(migration.name for migration in known_migrations())
LATEST = known_migrations()[-1].version
PUBLISHED = {
    "0001_first": "4ef206333420efd4b93eaabb5d0ec3beed3054e4ff1c87c16c75b028f0c2807b",
    "0003_webhook_endpoints": "abac8aeb418614e1f1c45c7eab81e3711df9f7ea9bb701109fc09bb06b5449ea",
    "0004_replay_window": "3b70e983e28e044a57ff5b6d45e2bb98b9f229a309b73e43ff7995beb319a5dd",
    "0005_invites": "c76ad90c81fe35bb5ebc296276aa84271a27441e48edcc9482455f31afa3b154",
    "0006_reference_keys": "8eb3cdd58938d5b1a4d9b269a60a97d956278c1fbb100fed7007ab8608d7ea9a",
    "0007_incarnation": "597744dcbdafe5a48a39c571e34d701349810cf2f9f609b176c733713d9cd859",
    "0008_event_positions": "e19ef0dd1f161fa09b748a8280b92060e2e1383ef241683e87e5c5da78e0a521",
    "0009_measured_generation": "b605536e6caeaadec3506416f89bd958b763393d772b02e684d878c845adbd80",
    "0010_known_keys": "9b46a9a96d8632bfe3659b16a652ff86c023f861a30d6cc14dcaff000ba4b31c",
    "0011_rooms": "490a187ac8f1e15fb1db6c346b55a0ead203444608b5bddaafea43f6352a89e4",
    "0012_registered_devices": "503822526e6cf61d19cb48d3bdec05fadd2164932076b5ace5edc53c848641e3",
    "0013_api_token_use": "ddf35cf03296b0bd595e4c518f0005a0733caebd21c12497f987819ea99b2332",
    "0014_keyed_requests": "37d915c08f9f7c33826cddd78c7fdc1d06d5237cacd0faf5267ae1e3e806caae",
    "0015_lists": "ad03470e54c5ada4bdd5736d2a476a5484ab186051d49defed669681d333ec1d",
    "0016_delivery_history": "505dcf7a8f906fc5e84aee4ea81ce27310003cf2d0e3edfbb8c3224b4496c5ee",
    "0017_deleted_projects": "6e3a06b378329cf496e49008bc7f234d1a7f0e43dccaae8d62a4916563117061",
    "0018_projects_index": "d99cb144c900fefbf7db6f11c0e3fdc86e7743023e93eca91bd4304e3d40b528",
}
"""Migrations that somebody may have applied: SHA-256 of their texts."""


@pytest.fixture
def empty() -> str:
    return the_server().new_database(template="template0")


@pytest.fixture
def current() -> str:
    return the_server().new_database()


async def refused(url: str, *, migrating: bool = False) -> str:
    with pytest.raises(SchemaUnknown) as unknown:
        await open_postgres(url, NOW, migrating=migrating)
    return str(unknown.value)


async def test_a_server_does_not_start_on_a_schema_that_lacks_something(empty: str) -> None:
    assert await refused(empty) == "the database lacks migrations: run `satmint db migrate`"
    assert execute(empty, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_migration_that_somebody_may_have_applied_is_never_edited() -> None:
    known = {migration.name: migration.digest for migration in known_migrations()}
    assert known == PUBLISHED


async def test_migrating_leaves_the_schema_and_its_history(empty: str) -> None:
    assert await check(empty) == ((), NAMES)
    assert await migrate_database(empty, NOW + 5) == NAMES
    assert await migrate_database(empty, NOW + 6) == ()
    assert execute(empty, HISTORY) == [
        (migration.version, migration.name, migration.digest, NOW + 5)
        for migration in known_migrations()
    ]
    assert await check(empty) == ((), ())


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_nodes_that_migrate_at_once_make_one_schema(isolation: str) -> None:
    url = the_server().new_database(isolation, template="template0")
    stores = await asyncio.gather(*(open_postgres(url, NOW, migrating=True) for _ in range(5)))
    for store in stores:
        await store.ready()
        await store.close()
    assert len(execute(url, HISTORY)) == len(NAMES)


async def test_a_migration_that_fails_leaves_nothing_behind(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(LATEST + 1, "0099_broken", "CREATE TABLE half (id BIGINT); SELECT nonsense")
    everything = (*known_migrations(), broken)
    monkeypatch.setattr(migrations, "known_migrations", lambda: everything)
    with pytest.raises(Exception, match="nonsense"):
        await migrate_database(empty, NOW)
    assert execute(empty, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize(
    ("first_line", "lives"),
    [("", False), (f"-- works with {LATEST + 1:04}", False), (f"-- works with {LATEST:04}", True)],
)
async def test_an_old_server_lives_beside_a_new_one_where_the_migration_says_so(
    current: str, monkeypatch: pytest.MonkeyPatch, first_line: str, lives: bool
) -> None:
    old = await open_postgres(current, NOW)
    sql = f"{first_line}\nALTER TABLE sessions ADD COLUMN colour TEXT"
    newer = Migration(LATEST + 1, "0099_newer", sql)
    with monkeypatch.context() as released:
        everything = (*known_migrations(), newer)
        released.setattr(migrations, "known_migrations", lambda: everything)
        new = await open_postgres(current, NOW, migrating=True)
    given, beside = Given(old), Given(new, "new")
    session = await given.session(await given.project())
    assert await beside.rotate(session) is not None
    try:
        if lives:
            await old.ready()
            await (await open_postgres(current, NOW)).close()
        else:
            words = f"schema version {LATEST + 1} is newer than this satmint"
            assert await refused(current, migrating=True) == words
            with pytest.raises(SchemaUnknown):
                await old.ready()
    finally:
        await old.close()
        await new.close()


async def test_a_schema_that_reads_otherwise_is_refused(current: str) -> None:
    execute(current, "UPDATE schema_migrations SET digest = 'other'")
    words = "schema version 1 is not the one of this satmint"
    assert await refused(current) == words
    with pytest.raises(SchemaUnknown, match=words):
        await check(current)


async def test_ready_says_that_the_schema_was_taken_away(current: str) -> None:
    store = await open_postgres(current, NOW)
    execute(current, "DELETE FROM schema_migrations")
    with pytest.raises(SchemaUnknown):
        await store.ready()
    await store.close()


async def test_a_database_that_is_not_there_is_trouble() -> None:
    for work in (check, lambda url: migrate_database(url, NOW)):
        with pytest.raises(StoreUnavailable) as refused:
            await work(the_server().url("nowhere"))
        assert refused.value.cause == "postgres_3d000"


async def test_it_is_known_until_when_what_a_key_made_lives(current: str) -> None:
    store = await open_postgres(current, NOW)
    given = Given(store)
    project = await given.project()
    assert await latest_expiry(current, NOW, NOW) == (0, 0)
    await given.session(project, "ann")
    weeks = await given.session(project, "bob", expires_at=NOW + 1_000_000)
    assert await latest_expiry(current, NOW, NOW) == (NOW + 1_000_300, 2)
    assert await latest_expiry(current, NOW - 1, NOW) == (0, 0)
    await given.rotate(weeks, at=NOW + 10)
    assert await latest_expiry(current, NOW, NOW + 10) == (NOW + 1_000_300, 2)
    await given.revoke(weeks)
    assert await latest_expiry(current, NOW, NOW) == (NOW + 7500, 1)
    await store.close()
