"""The file that the embedded store lives in: its schema's history, and whatever else it can be."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import Head, RefreshTokenRef, Rotated
from satmint.store.contract import SchemaUnknown
from satmint.store.sql.migrations import Migration
from satmint.store.sqlite import migrations, open_sqlite
from satmint.store.sqlite.connection import connect
from satmint.store.sqlite.migrations import known_migrations, migrate
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

HISTORY = "SELECT version, name, digest, applied_at FROM schema_migrations ORDER BY version"
LATER = known_migrations()[-1].version + 1
PUBLISHED = {
    "0001_first": "e579243669acd279a3e36f92ab48873886e6edc4982ebea623bcff1fded95a5d",
    "0002_live": "ce1b0be97ba6f01c25d5031ab316adcddb09b9cd4431728f90a4de48f0e51885",
    "0003_webhook_endpoints": "fbc82d456e3cbc5bdf7e300b33a8d31d6d9bd1a7033901383a6461d2c94b794b",
    "0004_replay_window": "b1c8b241bc1bdb84ed9a429607955de391483a1a788a7530afe13b32ed7b494d",
    "0005_invites": "0e9ac47a557a514a4962f0308db0418d60a230edc9430ee1dd3af5d99db58dd1",
    "0006_reference_keys": "9d488742e0bad5be98af587c52fe131bebdf88d9a2f86216e13b859289935e84",
    "0007_incarnation": "9a45b2a523f73a68406874ff1c13f2da36056f9b4706a4e0d2370732ea8e2bda",
    "0008_event_positions": "68ed72f27087d3b4f964190151a6d3fea55ea86bf962bab397aa788d9d430df1",
    "0009_measured_generation": "4ab67281a2af7626158d7f2896811272307d553c2a25c1163aa2d34755bfa7bd",
    "0010_known_keys": "8cbbc9ff09aaed5ba6a9e904416fd58005331dc5e46fbce70524207851631e1f",
    "0011_rooms": "beafde59950b9309e68637fa51d229d87a2d44377abe556dfc41769652bd8fd0",
    "0012_registered_devices": "39e17f186caba7a9c84884f9552ec127cf9a84ee3d19f7b8a75b0e972eaa569d",
    "0013_api_token_use": "8a5e12a46f4f9cfd6c9ccb806c09cf42b458c9f81aa42b9ee81a235eee24128e",
    "0014_keyed_requests": "f82130cf645d84568f55be1851d1072b572eb069bb54a1809d3e02dbcf1886b9",
    "0015_lists": "41bc03a5c2e0b93e3a39bcc15788b62d7d7c9e82655553ac6e6b772bd96eadb0",
    "0016_delivery_history": "132d1fc9ae001b77bd9c7a129bbcd13642f950bd6acaccc87585989f5b97e7e3",
    "0017_deleted_projects": "f203bd51ef09dcda1efc9077a837c31e9516f891546c1503f07ce8dafc520ade",
    "0018_projects_index": "830c4cc5643a4d8c4dc02f0090125d063c1487318039a90c9e24a3e9ca62e0b5",
    "0019_event_indexes": "25f66ba1f3873cc372545922144d13a12594d25fd8dd2c6767a0480c81c1896e",
}
"""Migrations that somebody may have applied: SHA-256 of their texts."""

PROJECT, SESSION = UUID(int=1), UUID(int=2)
OF_0001 = (
    "INSERT INTO projects (project_id, name, created_at) VALUES (:project, 'acme', 1)",
    """
    INSERT INTO subscribers (project_id, subscriber_id, kind, reference, created_at, updated_at)
    VALUES (:project, :id, 'subscriber', 'alice', 1, 1)
    """,
    """
    INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, kind, generation,
                          head_since, head_expires_at, seen_generation, created_at, deadline,
                          lives_until, address, agent)
    VALUES (:project, :id, 0, :id, 'subscriber', 4, :now, :now + 7200, -1, :now, :now + 900000,
            :now + 7500, '', '')
    """,
)


OPEN_WITH_ROOM = """\
import asyncio, pathlib, resource, sys
from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite import open_sqlite

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    asyncio.run(open_sqlite(pathlib.Path(sys.argv[1]), 0))
except StoreUnavailable:
    sys.exit(9)
"""


def opened_with_room(path: Path, room: int) -> tuple[int, str]:
    """Open the file in a process whose files cannot grow past `room` bytes; 9: unavailable."""
    command = [sys.executable, "-c", OPEN_WITH_ROOM, str(path), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


async def made(path: Path, now: int = NOW) -> Path:
    store = await open_sqlite(path, now)
    await store.close()
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


async def test_a_new_file_gets_the_whole_schema_and_its_history(tmp_path: Path) -> None:
    path = await made(tmp_path / "new.db", NOW + 5)
    assert rows(path, HISTORY) == [
        (migration.version, migration.name, migration.digest, NOW + 5)
        for migration in known_migrations()
    ]
    assert [migration.version for migration in known_migrations()] == list(
        range(1, len(known_migrations()) + 1)
    )


async def test_a_current_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = await made(tmp_path / "current.db")
    before = rows(path, HISTORY), rows(path, "SELECT * FROM sqlite_schema")
    await made(path, NOW + 99)
    assert (rows(path, HISTORY), rows(path, "SELECT * FROM sqlite_schema")) == before
    with closing(connect(path)) as db:
        assert migrate(db, NOW) == ()


async def test_two_servers_that_make_a_file_at_once_make_one_schema(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    stores = await asyncio.gather(*(open_sqlite(path, NOW) for _ in range(5)))
    hands = [Given(store, str(number)) for number, store in enumerate(stores)]
    project = await hands[0].project()
    await asyncio.gather(*(hand.session(project, hand.word("user")) for hand in hands))
    assert len((await stores[3].subscribers.list(project, ALL)).items) == 1
    for store in stores:
        await store.close()
    assert len(rows(path, HISTORY)) == len(known_migrations())


@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        (
            "INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 0)",
            "schema version 9999 is newer than this satmint",
        ),
        (
            "UPDATE schema_migrations SET digest = 'edited' WHERE version = 1",
            "schema version 1 is not the one of this satmint",
        ),
    ],
)
async def test_a_schema_that_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, tampering: str, message: str
) -> None:
    path = await made(tmp_path / "foreign.db")
    change(path, tampering)
    before = rows(path, HISTORY)
    with pytest.raises(SchemaUnknown, match=f"^{message}$"):
        await open_sqlite(path, NOW)
    assert rows(path, HISTORY) == before


async def test_a_running_server_notices_that_the_schema_has_moved_on(tmp_path: Path) -> None:
    path = tmp_path / "moved.db"
    store = await open_sqlite(path, NOW)
    try:
        await store.ready()
        change(path, "INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 0)")
        with pytest.raises(
            SchemaUnknown, match=r"^schema version 9999 is newer than this satmint$"
        ):
            await store.ready()
        change(path, "DELETE FROM schema_migrations")
        with pytest.raises(SchemaUnknown, match="lacks migrations"):
            await store.ready()
    finally:
        await store.close()


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await made(tmp_path / "half.db")
    before = rows(path, "SELECT * FROM sqlite_schema"), rows(path, HISTORY)
    good = "CREATE TABLE more (a TEXT);\nCREATE INDEX more_by_a ON more (a);\n"
    with monkeypatch.context() as patched, closing(connect(path)) as db:
        known = (
            *known_migrations(),
            Migration(LATER, "later_half", good + "CREATE TABLE more (a);\n"),
        )
        patched.setattr(migrations, "known_migrations", lambda: known)
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(db, NOW)
        assert not db.in_transaction
    assert (rows(path, "SELECT * FROM sqlite_schema"), rows(path, HISTORY)) == before

    known = (*known_migrations(), Migration(LATER, "later_more", good))
    monkeypatch.setattr(migrations, "known_migrations", lambda: known)
    await made(path, NOW + 5)
    assert rows(path, HISTORY)[-1:] == [(LATER, "later_more", known[-1].digest, NOW + 5)]
    assert rows(path, "SELECT a FROM more") == []


@pytest.fixture
def first_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with a project, a subscriber and a session, each as 0001 has it."""
    path = tmp_path / "old.db"
    values = {"project": PROJECT.bytes, "id": SESSION.bytes, "now": NOW}
    with monkeypatch.context() as patched, closing(connect(path)) as db:
        first = known_migrations()[:1]
        patched.setattr(migrations, "known_migrations", lambda: first)
        migrate(db, NOW)
        for statement in OF_0001:
            db.execute(statement, values)
    return path


async def test_a_database_of_the_first_schema_goes_on(first_schema: Path) -> None:
    store = await open_sqlite(first_schema, NOW)
    try:
        given, ref = Given(store), RefreshTokenRef(PROJECT, SESSION, 4, 0)
        assert await given.rotate(ref) == Rotated(Head(5, NOW, NOW + 7200))
        (kept,) = (await store.sessions.list(PROJECT, SESSION, ALL)).items
        assert (kept.head.generation, kept.device_token_at) == (5, None)
    finally:
        await store.close()


async def test_a_subscriber_of_the_first_schema_is_known_by_every_form_of_an_email_address(
    first_schema: Path,
) -> None:
    change(first_schema, "UPDATE subscribers SET reference = 'Alice@Example.com'")
    store = await open_sqlite(first_schema, NOW)
    try:
        found = await store.subscribers.find(PROJECT, "alice@EXAMPLE.com")
        assert found is not None
        assert (found.id, found.reference) == (SESSION, "Alice@Example.com")
    finally:
        await store.close()


def test_a_migration_that_somebody_may_have_applied_is_never_edited() -> None:
    known = {migration.name: migration.digest for migration in known_migrations()}
    assert known == PUBLISHED


@pytest.mark.parametrize("room", [0, 1000, 40_000])
async def test_a_disk_that_fills_up_while_the_schema_is_made_is_called_so(
    tmp_path: Path, room: int
) -> None:
    path = tmp_path / "full.db"
    assert opened_with_room(path, room) == (9, "")
    await made(path)
    assert len(rows(path, HISTORY)) == len(known_migrations())


async def test_an_older_server_refuses_what_a_newer_one_has_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "newer.db"
    with monkeypatch.context() as patched:
        more = Migration(LATER, "later_more", "CREATE TABLE more (a TEXT);\n")
        known = (*known_migrations(), more)
        patched.setattr(migrations, "known_migrations", lambda: known)
        await made(path)
    with pytest.raises(
        SchemaUnknown, match=rf"^schema version {LATER} is newer than this satmint$"
    ):
        await open_sqlite(path, NOW)


@pytest.mark.parametrize("content", [b"not a database, but long enough " * 400, b"short"])
async def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "novel.txt"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"^service_unavailable: sqlite_notadb$"):
        await open_sqlite(path, NOW)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["", "no/such/folder.db"])
async def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"^service_unavailable: sqlite_cantopen"):
        await open_sqlite(tmp_path / name, NOW)


async def test_pages_that_were_scribbled_over_are_trouble_and_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "scribbled.db"
    store = await open_sqlite(path, NOW)
    given = Given(store)
    project = await given.project()
    for number in range(200):
        await given.subscriber(project, f"user{number}")
    await store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size * 3 // 4)  # behind all that is read to open it
        file.write(b"\xa5" * (size - size * 3 // 4))
    scribbled = await open_sqlite(path, NOW)
    try:
        with pytest.raises(StoreUnavailable, match=r"^service_unavailable: sqlite_corrupt"):
            await scribbled.subscribers.list(project, ALL)
    finally:
        await scribbled.close()


async def test_commits_are_synchronous_and_readers_do_not_block_them(tmp_path: Path) -> None:
    """2 is FULL: a commit returns once it is on disk."""
    store = await open_sqlite(tmp_path / "durable.db", NOW)
    for worker in (store._writer, store._reader):
        assert await worker.submit(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (2,)
        assert await worker.submit(lambda db: db.execute("PRAGMA journal_mode").fetchone()) == (
            "wal",
        )
    await store.close()


async def test_migrations_of_a_new_file_are_not_told_as_ones_that_it_lacked(tmp_path: Path) -> None:
    told: list[tuple[str, ...]] = []
    path = tmp_path / "new.db"
    for _ in range(2):
        store = await open_sqlite(path, NOW, observe_migrations=told.append)
        await store.close()
    assert told == []
