"""What the shared store makes of a database that is slow, silent, contended, or gone."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import (
    Cause,
    Head,
    RefreshTokenRef,
    Refused,
    Replayed,
    Reused,
    Rotated,
    RotationResult,
)
from satmint.store.contract import NotUnique
from satmint.store.postgres import PostgresLimits, PostgresStore, open_postgres
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.session_rows import lock_project
from tests.kit.clock import NOW
from tests.kit.emptying import emptied
from tests.kit.polling import until
from tests.kit.postgres import ISOLATIONS, PostgresServer, execute, held, the_server
from tests.store.store_setup import ALL, Given, generation

HASTY = PostgresLimits(
    connections=2, connect_seconds=2, wait_seconds=0.3, lock_seconds=0.2, statement_seconds=0.6
)
"""For a test that waits until one of them is over."""
PATIENT = PostgresLimits(connections=2)
HEAD = Head(1, NOW, NOW + 7200)


@pytest.fixture(params=ISOLATIONS)
async def url(request: pytest.FixtureRequest) -> str:
    return await emptied(the_server().shared_database(request.param))


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    async with opened(url) as store:
        yield store


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


@asynccontextmanager
async def opened(url: str, limits: PostgresLimits = PATIENT) -> AsyncIterator[PostgresStore]:
    store = await open_postgres(url, NOW, limits=limits)
    try:
        yield store
    finally:
        await store.close()


async def cause_of(work: Awaitable[object]) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        await work
    return refused.value.cause


SESSION = "SELECT 1 FROM sessions WHERE session_id = $1 FOR UPDATE"


async def test_a_row_that_somebody_holds_keeps_nobody_else_waiting(url: str) -> None:
    async with (
        opened(url, replace(PATIENT, lock_seconds=1)) as store,
        AsyncExitStack() as holding,
    ):
        given = Given(store)
        project = await given.project()
        mine, others = (
            await given.session(project, "ann"),
            [await given.session(project, f"user-{number}") for number in range(5)],
        )
        await holding.enter_async_context(held(url, SESSION, mine.session))
        waiting = asyncio.ensure_future(given.rotate(mine))
        for _ in range(3):
            verdicts = await asyncio.gather(*(given.rotate(one) for one in others))
            assert all(isinstance(verdict, Rotated) for verdict in verdicts)
            others = [generation(one, one.generation + 1) for one in others]
        assert not waiting.done()
        assert await cause_of(waiting) == "postgres_55p03"
        await holding.aclose()
        assert await given.rotate(mine) == Rotated(HEAD)


async def test_a_row_that_is_let_go_in_time_is_decided_then(url: str, store: PostgresStore) -> None:
    given = Given(store)
    session = await given.session(await given.project(), "ann")
    async with held(url, SESSION, session.session):
        waiting = [asyncio.ensure_future(given.rotate(session)) for _ in range(2)]
        await store.sessions._rotations.drained()
    verdicts = await asyncio.gather(*waiting)
    assert sorted(type(verdict).__name__ for verdict in verdicts) == ["Replayed", "Rotated"]


async def test_a_rotation_that_began_before_its_project_was_revoked_does_not_succeed_after(
    url: str, store: PostgresStore
) -> None:
    """What it saw when it began is the old epoch, and it is let through after the new one."""
    given = Given(store)
    project = await given.project()
    session = await given.session(project, "ann")
    raise_epoch = "UPDATE projects SET epoch = epoch + 1, revoked_at = $1 RETURNING 1"
    async with held(url, raise_epoch, NOW) as revoking:
        await lock_project(revoking, project)
        rotating = asyncio.ensure_future(given.rotate(session))
        await until(lambda: store.backlog().lock_waits)
    assert await rotating == Refused(Cause.REVOKED)
    state = await store.sessions.get(project, session.session)
    assert state is not None
    assert state.session.head.generation == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (f"generation = 1, head_since = {NOW}, head_expires_at = {NOW + 7200}", Replayed(HEAD)),
        (f"revoked_at = {NOW}", Refused(Cause.REVOKED)),
        ("generation = 2", Reused(Head(2, NOW, NOW + 7200))),
        ("seen_generation = 0", Rotated(HEAD)),
    ],
)
async def test_a_row_that_changes_while_a_rotation_is_on_its_way_is_looked_at_again(
    url: str, store: PostgresStore, change: str, expected: RotationResult
) -> None:
    given = Given(store)
    project = await given.project()
    session = await given.session(project, "ann")
    async with held(url, f"UPDATE sessions SET {change} RETURNING 1") as faster:
        await lock_project(faster, project)
        rotating = asyncio.ensure_future(given.rotate(session))
        await until(lambda: store.backlog().lock_waits)
    assert await rotating == expected


async def test_a_session_that_is_opened_while_its_subscriber_is_revoked_is_of_one_side_of_it(
    url: str, store: PostgresStore
) -> None:
    given = Given(store)
    project = await given.project()
    ann = await given.subscriber(project, "ann")
    raise_epoch = "UPDATE subscribers SET epoch = epoch + 1 WHERE subscriber_id = $1 RETURNING 1"
    async with held(url, raise_epoch, ann) as revoking:
        opening = asyncio.ensure_future(given.session(project, "ann"))
        await waits(revoking, "transactionid")
    session = await opening
    assert session.epoch == 1
    assert await given.rotate(session) == Rotated(HEAD)


async def waits(connection: Connection, kind: str) -> None:
    """Return once somebody waits for a lock of that kind, which `connection` holds."""
    query = (
        "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = $1"
        " AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    while not await connection.fetchval(query, kind):
        pass


async def test_connections_that_are_all_busy_are_waited_for_so_long_and_no_longer(
    url: str, store: PostgresStore
) -> None:
    project = await Given(store).project()
    limits = PostgresLimits(connections=2, wait_seconds=0.2)
    async with opened(url, limits) as busy, held(url, "SELECT pg_advisory_lock(7)"):
        stuck = [
            asyncio.ensure_future(
                busy._connections.query(lambda db: db.execute("SELECT pg_advisory_lock(7)"))
            )
            for _ in range(2)
        ]
        await until(lambda: not busy._connections._idle and busy._connections._open == 2)
        assert await cause_of(busy.projects.list()) == "database_busy"
        assert await cause_of(Given(busy, "busy").guest(project)) == "database_busy"
        for one in stuck:
            one.cancel()
    assert [found.id for found in await store.projects.list()] == [project]


async def test_lists_that_take_their_time_keep_nobody_else_waiting(
    url: str, store: PostgresStore
) -> None:
    given = Given(store)
    session = await given.session(await given.project())
    limits = PostgresLimits(connections=4, wait_seconds=1, lock_seconds=4)
    locked = "LOCK TABLE addresses IN ACCESS EXCLUSIVE MODE"
    async with opened(url, limits) as busy:
        async with held(url, locked):
            lists = [
                asyncio.ensure_future(
                    cause_of(busy.addresses.list(session.project, AddressFilter(), ALL))
                )
                for _ in range(6)
            ]
            await until(lambda: busy._connections._open)
            assert await busy.sessions.get(session.project, session.session) is not None
            assert await Given(busy, "busy").rotate(session) == Rotated(HEAD)
            late = await asyncio.gather(*lists[1:])
        assert late == ["database_busy"] * 5
        lists[0].cancel()
        found = await busy.addresses.list(session.project, AddressFilter(), ALL)
        assert len(found.items) == 1


async def test_more_than_can_wait_are_turned_away_at_once(url: str) -> None:
    limits = PostgresLimits(connections=1, max_waiting=3)
    async with opened(url, limits) as store:
        outcomes = await asyncio.gather(
            *(store.projects.list() for _ in range(6)), return_exceptions=True
        )
    assert [str(one) for one in outcomes if isinstance(one, Exception)] == [
        "service_unavailable: database_queue_full"
    ] * 2
    assert outcomes[:4] == [()] * 4


async def test_a_caller_who_went_away_does_not_undo_its_step(store: PostgresStore) -> None:
    given = Given(store)
    creating = asyncio.ensure_future(given.project())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    creating.cancel()
    await asyncio.wait([creating])
    await store._connections.close()
    assert creating.cancelled()
    resent = await open_postgres(execute_url(store), NOW)
    assert len(await resent.projects.list()) == 1
    await resent.close()


def execute_url(store: PostgresStore) -> str:
    return store._connections._url.redacted


async def test_transactions_in_each_others_way_all_come_to_pass(url: str) -> None:
    """They read what the others write; on the stricter isolation most of them fail at first."""
    async with opened(url, PostgresLimits(connections=4)) as store:
        given = Given(store)
        project = await given.project()
        ann = await given.subscriber(project, "ann")

        async def raise_epoch() -> None:
            event = given.event(EventKind.SUBSCRIBER_REVOKED, project)
            assert await store.sessions.revoke_subscriber(project, ann, NOW, event) == 0

        await asyncio.gather(*(raise_epoch() for _ in range(12)))
        found = await store.subscribers.get(project, ann)
        assert found is not None
        assert found.epoch == 12
        assert (await given.kinds(project)).count(EventKind.SUBSCRIBER_REVOKED) == 12


async def test_a_deadlock_is_resolved_by_doing_it_again(store: PostgresStore) -> None:
    given = Given(store)
    projects = [await given.project() for _ in range(2)]
    both_began = asyncio.Barrier(2)
    attempts = 0

    async def rename(first: int, second: int) -> None:
        async def work(db: Connection) -> None:
            nonlocal attempts
            attempts += 1
            statement = "UPDATE projects SET name = name || '!' WHERE project_id = $1"
            await db.execute(statement, projects[first])
            if attempts <= 2:
                await both_began.wait()
            await db.execute(statement, projects[second])

        await store._connections.transaction(work)

    await asyncio.gather(rename(0, 1), rename(1, 0))
    assert attempts > 2
    assert [found.name for found in await store.projects.list()] == ["acme!!"] * 2


async def test_one_that_never_succeeds_is_given_up(store: PostgresStore) -> None:
    attempts = 0

    async def work(db: Connection) -> None:
        nonlocal attempts
        attempts += 1
        await db.execute("DO $$ BEGIN RAISE serialization_failure; END $$")

    assert await cause_of(store._connections.transaction(work)) == "postgres_40001"
    assert attempts == 12


async def test_a_commit_whose_answer_is_lost_is_not_guessed_at(store: PostgresStore) -> None:
    given = Given(store)
    project = await given.project()

    async def work(db: Connection) -> None:
        await db.execute("UPDATE projects SET name = 'other'")
        db.terminate()

    assert await cause_of(store._connections.transaction(work)) == "postgres_lost"
    assert [found.id for found in await store.projects.list()] == [project]


async def test_connections_that_the_database_ended_are_replaced(store: PostgresStore) -> None:
    given = Given(store)
    session = await given.session(await given.project(), "ann")
    for _ in range(3):
        await store._connections.query(
            lambda db: db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        await store.ready()
    assert await given.rotate(session) == Rotated(HEAD)


async def test_a_database_that_dies_and_comes_back_is_found_again(
    own_server: PostgresServer,
) -> None:
    async with opened(own_server.new_database()) as store:
        given = Given(store)
        session = await given.session(await given.project(), "ann")
        own_server.kill()
        for work in (given.rotate(session), store.ready(), store.projects.list()):
            assert await cause_of(work) == "postgres_lost"
        store.sessions.mark_seen(session, NOW)
        own_server.start()
        assert await given.rotate(session) == Rotated(HEAD)


async def test_a_database_that_falls_silent_is_not_waited_for_for_ever(
    own_server: PostgresServer,
) -> None:
    async with opened(own_server.new_database(), replace(HASTY, statement_seconds=2)) as store:
        given = Given(store)
        project = await given.project()
        session = await given.session(project, "ann")
        own_server.pause()
        try:
            assert await cause_of(given.rotate(session)) == "postgres_timeout"
            assert await cause_of(store.projects.list()) == "postgres_timeout"
        finally:
            own_server.resume()
        # Whether it was done is not known; to present it again is to learn it.
        verdict = await given.rotate(session)
        assert verdict in (Rotated(HEAD), Replayed(HEAD))


@pytest.mark.parametrize(
    ("setting", "cause"),
    [
        ("default_transaction_read_only = on", "postgres_read_only"),
        ("synchronous_commit = off", "postgres_commits_not_durable"),
        ("default_transaction_isolation = 'repeatable read'", "postgres_isolation_unsupported"),
    ],
)
async def test_a_database_that_cannot_be_relied_upon_is_refused(setting: str, cause: str) -> None:
    server = the_server()
    url = server.new_database()
    name = url.partition("@/")[2].partition("?")[0]
    execute(server.url("postgres"), f"ALTER DATABASE {name} SET {setting}")
    assert await cause_of(open_postgres(url, NOW, limits=HASTY)) == cause


async def test_a_password_opens_and_shows_itself_nowhere() -> None:
    server, password = the_server(), "p/w:@ zq7Hidden7qz%"
    url = server.new_database()
    execute(
        url,
        "DROP ROLE IF EXISTS sealed",
        f"CREATE ROLE sealed LOGIN PASSWORD '{password}'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO sealed",
    )
    spelled = "p%2Fw%3A%40%20zq7Hidden7qz%25"
    for right in (
        url.replace("satmint@", f"sealed:{spelled}@"),
        url.replace("satmint@", "sealed@") + f"&password={spelled}",
    ):
        async with opened(right) as store:
            given = Given(store, right)
            session = await given.session(await given.project())
            assert isinstance(await given.rotate(session), Rotated)
            for value in (store._connections._url, store, store._connections):
                assert "zq7Hidden7qz" not in repr(value)
        wrong = right.replace("zq7", "zq7zq7")
        with pytest.raises(StoreUnavailable) as refused:
            await open_postgres(wrong, NOW, limits=HASTY)
        assert refused.value.cause == "postgres_28p01"
        assert "Hidden7qz" not in "".join(traceback.format_exception(refused.value))
    execute(url, "DROP OWNED BY sealed", "DROP ROLE sealed")


@pytest.mark.parametrize("url", ["postgresql://[", "postgresql://h:port/x", "postgresql://h/x?a"])
async def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    cause = await cause_of(open_postgres(url, NOW, limits=HASTY))
    assert cause in {"postgres_url_not_understood", "postgres_lost"}


async def test_with_a_pooler_nothing_is_expected_of_a_connection(url: str) -> None:
    async with opened(url, PostgresLimits(connections=3, pooler=True)) as store:
        given = Given(store)
        project = await given.project()
        sessions = [await given.session(project, f"user-{number}") for number in range(4)]
        callers = [one for one in sessions for _ in range(3)]
        verdicts = await asyncio.gather(*(given.rotate(one) for one in callers))
        assert sum(isinstance(verdict, Rotated) for verdict in verdicts) == 4
        assert set(map(type, verdicts)) == {Rotated, Replayed}
        with pytest.raises(NotUnique):
            await given.subscriber(project, "user-1")
        assert len((await store.subscribers.list(project, ALL)).items) == 4
        store.on_revocation(lambda: None)
        assert store._listener._task is None


async def test_other_servers_hear_at_once_that_a_session_was_ended(
    url: str, store: PostgresStore
) -> None:
    given = Given(store)
    project = await given.project()
    sessions = [await given.session(project, f"user-{number}") for number in range(2)]
    heard: asyncio.Queue[None] = asyncio.Queue()

    async with opened(url) as other:
        other.on_revocation(lambda: heard.put_nowait(None))
        await heard.get()  # it says so once it listens
        await given.rotate(RefreshTokenRef(project, sessions[0].session, 0, 0))
        assert heard.empty()
        await given.revoke(sessions[0])
        await heard.get()
        await store._connections.query(
            lambda db: db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
        )
        await heard.get()  # and says so once it listens again
        await given.revoke(sessions[1])
        await heard.get()
