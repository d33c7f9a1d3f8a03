"""Notifications that cannot be sent: what they would announce is done all the same."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from satmint.model.rotation import RefreshTokenRef, Refused, Reused
from satmint.store.postgres import PostgresStore, open_postgres
from satmint.store.postgres.events import CHANNEL
from tests.kit.clock import NOW
from tests.kit.polling import until
from tests.kit.postgres import PostgresServer, execute
from tests.store.store_setup import Given, generation

SMALL_QUEUE = """
listen_addresses = ''
fsync = off
max_notify_queue_pages = 64
"""
FILL = "SELECT pg_notify('other', repeat('x', 7900) || n) FROM generate_series(1, {}) AS n"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer(configuration=SMALL_QUEUE)
    except AssertionError as error:
        if "max_notify_queue_pages" not in str(error):
            raise
        pytest.skip("PostgreSQL before 17 cannot make its NOTIFY queue small")
    yield server
    server.stop()


async def fill(server: PostgresServer, count: int) -> None:
    """Notify, `count` at a time, until there is no room for as many."""
    with contextlib.suppress(asyncpg.ProgramLimitExceededError):
        while True:
            await asyncio.to_thread(execute, server.url("postgres"), FILL.format(count))


@asynccontextmanager
async def full_queue(server: PostgresServer) -> AsyncIterator[None]:
    """Somebody listens in another database, and is idle in a transaction."""
    listener = await asyncpg.connect(server.url("postgres"))
    try:
        await listener.add_listener("other", lambda *_: None)
        await listener.execute("BEGIN")
        await listener.fetch("SELECT 1")
        for count in (10, 1):
            await fill(server, count)
        yield
        await listener.execute("COMMIT")
    finally:
        await listener.close()


@pytest.fixture
async def store(server: PostgresServer) -> AsyncIterator[PostgresStore]:
    store = await open_postgres(server.new_database(), NOW)
    yield store
    await store.close()


async def test_full_queue_fails_neither_a_revocation_nor_a_detection_of_reuse(
    server: PostgresServer, store: PostgresStore
) -> None:
    given = Given(store)
    project = await given.project()
    sessions = [await given.session(project, f"user-{number}") for number in range(4)]
    await given.rotate(sessions[0])
    await given.rotate(generation(sessions[0], 1))
    async with full_queue(server):
        with pytest.raises(asyncpg.ProgramLimitExceededError):
            await store._connections.query(
                lambda db: db.execute("SELECT pg_notify($1, '')", CHANNEL)
            )
        assert isinstance(await given.rotate(sessions[0]), Reused)
        await given.revoke(sessions[1])
        await until(lambda: store._announcer._failed)
        await given.revoke(sessions[2])
    for session in (generation(sessions[0], 2), *sessions[1:3]):
        assert isinstance(await given.rotate(session), Refused)
    assert not isinstance(await given.rotate(sessions[3]), Refused)


async def test_notifications_resume_when_the_queue_is_read(
    server: PostgresServer, store: PostgresStore
) -> None:
    given = Given(store)
    project = await given.project()
    sessions = [await given.session(project, f"user-{number}") for number in range(3)]
    heard: asyncio.Queue[None] = asyncio.Queue()
    store.on_revocation(lambda: heard.put_nowait(None))
    await heard.get()  # it says so once it listens
    async with full_queue(server):
        await given.revoke(sessions[0])
        await until(lambda: store._announcer._failed)
        assert heard.empty()
    store._announcer._paused_until = 0
    await given.revoke(sessions[1])
    await until(lambda: not heard.empty())
    await until(lambda: not store._announcer._failed)


async def test_queue_that_is_half_full_does_not_make_a_revocation_fail(
    server: PostgresServer, store: PostgresStore
) -> None:
    """PostgreSQL warns who notifies then, in the way in which it warns of lost replication."""
    given = Given(store)
    project = await given.project()
    sessions: list[RefreshTokenRef] = [
        await given.session(project, f"user-{number}") for number in range(3)
    ]
    async with full_queue(server):
        for session in sessions:
            store._announcer._paused_until = 0
            await given.revoke(session)
