"""Behind PgBouncer in transaction mode: limits travel with each transaction."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

import asyncpg
import pytest

from satmint.model.database_reasons import is_temporary
from satmint.model.events import EventKind
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import Cause, RefreshTokenRef, Refused
from satmint.store.postgres import PostgresLimits, PostgresStore, open_postgres
from satmint.store.postgres.connecting import Connection
from tests.kit.clock import NOW
from tests.kit.pgbouncer import PgBouncer, the_pgbouncer
from tests.kit.postgres import execute, the_server
from tests.store.store_setup import Given

LIMITS: Final = PostgresLimits(pooler=True, lock_seconds=0.3, statement_seconds=1.0)

FROZEN: Final = """\
import asyncio, os, signal, sys
from satmint.store.postgres import PostgresLimits, open_postgres
from tests.store.test_behind_pgbouncer import LIMITS

async def freeze(db):
    await db.execute("SELECT 1 FROM projects FOR UPDATE")
    await db.execute("SELECT 1 FROM sessions FOR UPDATE")
    print("holds", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)

async def main():
    store = await open_postgres(sys.argv[1], 0, limits=LIMITS)
    await store._connections.transaction(freeze)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def pgbouncer() -> PgBouncer:
    return the_pgbouncer()


@pytest.fixture
def direct() -> str:
    return the_server().new_database()


@pytest.fixture
def url(pgbouncer: PgBouncer, direct: str) -> str:
    return pgbouncer.url(direct)


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = await open_postgres(url, NOW, limits=LIMITS)
    yield store
    await store.close()


@contextlib.contextmanager
def frozen_node(url: str) -> Iterator[None]:
    """A process that was stopped (SIGSTOP) while it held every project and session."""
    with subprocess.Popen(
        [sys.executable, "-c", FROZEN, url], stdout=subprocess.PIPE, text=True
    ) as node:
        assert node.stdout is not None
        assert node.stdout.readline() == "holds\n"
        try:
            yield
        finally:
            node.send_signal(signal.SIGKILL)


async def revoke_project(given: Given, session: RefreshTokenRef) -> None:
    event = given.event(EventKind.PROJECT_REVOKED, session.project)
    await given.store.sessions.revoke_project(session.project, NOW, event)


async def test_node_that_froze_in_a_transaction_loses_its_locks(
    url: str, store: PostgresStore
) -> None:
    given = Given(store)
    session = await given.session(await given.project())
    with frozen_node(url):
        for _ in range(60):
            with contextlib.suppress(StoreUnavailable):
                await revoke_project(given, session)
                break
        assert await given.rotate(session) == Refused(Cause.REVOKED)


async def test_lock_of_somebody_else_is_waited_for_no_longer_than_the_limit(
    direct: str, store: PostgresStore
) -> None:
    given = Given(store)
    session = await given.session(await given.project())
    holder = await asyncpg.connect(direct)
    try:
        async with holder.transaction():
            await holder.fetch("SELECT 1 FROM projects FOR UPDATE")
            with pytest.raises(StoreUnavailable) as refused:
                await revoke_project(given, session)
            assert refused.value.cause == "postgres_55p03"
    finally:
        await holder.close()
    await revoke_project(given, session)


async def test_transaction_carries_its_settings_and_leaves_none_behind(
    store: PostgresStore,
) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit")
    query = f"SELECT {', '.join(f'current_setting({name!r})' for name in names)}"

    async def settings(db: Connection) -> tuple[str, ...]:
        return tuple(await db.fetchrow(query))

    assert await store._connections.transaction(settings) == ("1s", "300ms", "1s", "off")
    async with store._connections.acquire() as connection:
        assert (await connection.fetchval("SHOW jit"), await connection.fetchval(query)) == (
            "on",
            "0",
        )


async def test_commits_are_durable_before_a_setting_of_the_role_is_noticed(
    direct: str, store: PostgresStore
) -> None:
    name = direct.partition("@/")[2].partition("?")[0]
    execute(the_server().url("postgres"), f"ALTER DATABASE {name} SET synchronous_commit = off")
    found = await store._connections.transaction(
        lambda db: db.fetchval("SELECT current_setting('synchronous_commit')")
    )
    assert found == "on"
    with pytest.raises(StoreUnavailable) as refused:
        await store.ready()
    assert refused.value.cause == "postgres_commits_not_durable"
    with pytest.raises(StoreUnavailable) as refused:
        await Given(store).project()
    assert refused.value.cause == "postgres_commits_not_durable"


async def test_server_that_was_not_told_of_the_pooler_does_not_start(url: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        await open_postgres(url, NOW)
    assert refused.value.cause == "postgres_pooler"


async def test_pooler_that_has_no_connection_for_us_is_one_that_will_have_one(direct: str) -> None:
    full = PgBouncer(the_server(), "max_client_conn = 1\n")
    other = await asyncpg.connect(full.url(direct), statement_cache_size=0)
    with pytest.raises(StoreUnavailable) as refused:
        await open_postgres(full.url(direct), NOW, limits=LIMITS)
    assert refused.value.cause == "postgres_lost"
    assert is_temporary(refused.value.cause)
    await other.close()
    full.stop()
