"""Rows that another client of the database has locked: nobody waits for them but who needs them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from satmint.model.event_filter import EventFilter
from satmint.model.events import EventCursor, EventKind
from satmint.model.records import Presence
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import (
    Cause,
    RefreshTokenRef,
    Refused,
    Replayed,
    Reused,
    Rotated,
    RotationResult,
)
from satmint.store.postgres import PostgresLimits, PostgresStore, open_postgres
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.transactions import transaction_of
from tests.kit.clock import NOW
from tests.kit.emptying import emptied
from tests.kit.polling import until
from tests.kit.postgres import ISOLATIONS, held, the_server
from tests.store.key_holders import KEY, Holder
from tests.store.store_setup import Given, generation

LIMITS = PostgresLimits(connections=4, wait_seconds=1, lock_seconds=0.5, short_lock_seconds=0.05)
SESSION = "SELECT 1 FROM sessions WHERE session_id = $1 FOR UPDATE"
PROJECT = "UPDATE projects SET name = name || '' WHERE project_id = $1 RETURNING 1"
LOCKED = "postgres_55p03"
CROWD = 12


@pytest.fixture(params=ISOLATIONS)
async def url(request: pytest.FixtureRequest) -> str:
    return await emptied(the_server().shared_database(request.param))


@asynccontextmanager
async def opened(url: str, limits: PostgresLimits = LIMITS) -> AsyncIterator[PostgresStore]:
    store = await open_postgres(url, NOW, limits=limits)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    async with opened(url) as store:
        yield store


@pytest.fixture
def given(store: PostgresStore) -> Given:
    return Given(store)


def outcomes(results: Sequence[object]) -> set[str]:
    """Verdicts by the names of their classes, refusals by their causes."""
    return {
        one.cause if isinstance(one, StoreUnavailable) else type(one).__name__ for one in results
    }


async def seen(store: PostgresStore, ref: RefreshTokenRef) -> int:
    found = await store.sessions.get(ref.project, ref.session)
    assert found is not None
    return found.session.seen_generation


async def spent_and_seen(given: Given, count: int = 1) -> list[RefreshTokenRef]:
    """Tokens that were rotated long ago; their heads are in use, which nobody has marked yet."""
    project = await given.project()
    tokens = [await given.session(project, f"user-{number}") for number in range(count)]
    await asyncio.gather(*(given.rotate(token) for token in tokens))
    return tokens


async def test_a_crowd_at_a_locked_session_occupies_no_connection(
    url: str, store: PostgresStore, given: Given
) -> None:
    mine = await given.session(await given.project())
    others = [await given.session(await given.project()) for _ in range(8)]
    async with held(url, SESSION, mine.session) as stranger:
        waiting = [asyncio.ensure_future(given.rotate(mine)) for _ in range(CROWD)]
        await until(lambda: store.backlog().lock_waits == CROWD)
        verdicts = await asyncio.gather(*(given.rotate(other) for other in others))
        assert outcomes(verdicts) == {"Rotated"}
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        assert await stranger.fetchval(blocked) == 0
        assert not any(one.done() for one in waiting)
        refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert outcomes(refused) == {LOCKED}
    assert store.backlog().lock_waits == 0
    verdicts = await asyncio.gather(*(given.rotate(mine) for _ in range(CROWD)))
    assert [isinstance(one, Rotated) for one in verdicts].count(True) == 1


async def test_waiting_callers_are_answered_when_the_row_is_released(
    url: str, store: PostgresStore, given: Given
) -> None:
    mine = await given.session(await given.project())
    async with held(url, SESSION, mine.session):
        waiting = [asyncio.ensure_future(given.rotate(mine)) for _ in range(CROWD)]
        await until(lambda: store.backlog().lock_waits == CROWD)
    verdicts = await asyncio.gather(*waiting)
    assert [isinstance(one, Rotated) for one in verdicts].count(True) == 1
    assert outcomes(verdicts) == {"Rotated", "Replayed"}


async def test_a_caller_that_went_away_waits_no_longer_and_changes_nothing(
    url: str, store: PostgresStore, given: Given
) -> None:
    mine = await given.session(await given.project())
    async with held(url, SESSION, mine.session):
        waiting = asyncio.ensure_future(given.rotate(mine))
        await until(lambda: store.backlog().lock_waits)
        waiting.cancel()
        await until(lambda: not store.backlog().lock_waits)
    found = await store.sessions.get(mine.project, mine.session)
    assert found is not None
    assert found.session.head.generation == 0


async def test_waits_are_bounded_for_a_session(
    url: str, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.store.postgres.lock_waits.MAX_FOR_SESSION", 3)
    mine = await given.session(await given.project())
    async with held(url, SESSION, mine.session):
        refused = await asyncio.gather(
            *(given.rotate(mine) for _ in range(CROWD)), return_exceptions=True
        )
    causes = [one.cause for one in refused if isinstance(one, StoreUnavailable)]
    assert (causes.count(LOCKED), causes.count("too_many_lock_waits")) == (3, CROWD - 3)


async def test_a_locked_project_is_passed_over_in_every_batch(url: str, given: Given) -> None:
    mine = await given.session(await given.project(), jkt=KEY)
    others = [await given.session(await given.project(), jkt=KEY) for _ in range(4)]
    holders = [Holder(given, token) for token in (mine, *others)]
    async with held(url, PROJECT, mine.project):
        # All of them leave in the same batches.
        results = await asyncio.gather(
            *(given.rotate(token) for token in (mine, *others)),
            *(holder.prove(holder.shown()) for holder in holders),
            return_exceptions=True,
        )
        rotations, proofs = results[:5], results[5:]
        assert outcomes([rotations[0], proofs[0]]) == {LOCKED}
        assert outcomes(rotations[1:]) == {"Rotated"}
        assert outcomes(proofs[1:]) == {"Accepted"}
    assert isinstance(await given.rotate(mine), Rotated)


async def test_an_unknown_session_is_refused_without_a_wait_while_others_are_locked(
    url: str, given: Given
) -> None:
    mine = await given.session(await given.project())
    unknown = RefreshTokenRef(mine.project, given.id(), 0, 0)
    async with held(url, SESSION, mine.session):
        results = await asyncio.gather(
            given.rotate(mine), given.rotate(unknown), return_exceptions=True
        )
    assert outcomes(results[:1]) == {LOCKED}
    assert results[1] == Refused(Cause.UNKNOWN_SESSION)


async def test_a_locked_proof_is_passed_over(url: str, given: Given) -> None:
    project = await given.project()
    mine, other = [
        Holder(given, await given.session(project, f"user-{n}", jkt=KEY)) for n in range(2)
    ]
    shown = mine.shown()
    await mine.prove(shown)
    async with held(url, "SELECT 1 FROM proofs FOR UPDATE"):
        results = await asyncio.gather(
            mine.prove(shown), other.prove(other.shown()), return_exceptions=True
        )
        assert outcomes(results[:1]) == {LOCKED}
        assert outcomes(results[1:]) == {"Accepted"}
    assert outcomes([await mine.prove(shown)]) == {"Accepted"}


async def test_a_flood_of_revocations_of_a_locked_session_leaves_connections_to_others(
    url: str, store: PostgresStore, given: Given
) -> None:
    mine = await given.session(await given.project())
    other = await given.session(await given.project())
    async with held(url, SESSION, mine.session):
        flood = [asyncio.ensure_future(given.revoke(mine)) for _ in range(4 * CROWD)]
        await until(lambda: store.backlog().lock_waits)
        assert isinstance(await given.rotate(other), Rotated)
        assert await given.revoke(other)
        assert sum(one.done() for one in flood) < CROWD
        assert outcomes(await asyncio.gather(*flood, return_exceptions=True)) <= {
            LOCKED,
            "database_busy",
        }
    assert await given.revoke(mine)


@pytest.mark.parametrize("read_committed", [False, True])
async def test_limits_travel_with_the_transaction_behind_a_pooler(
    url: str, read_committed: bool
) -> None:
    limits = replace(LIMITS, pooler=True)
    names = ("lock_timeout", "statement_timeout", "transaction_isolation", "enable_seqscan")

    async def settings(db: Connection) -> list[str]:
        return [await db.fetchval("SELECT current_setting($1)", name) for name in names]

    async with opened(url, limits) as store:
        begin = transaction_of(limits, read_committed=read_committed, lock_seconds=0.05)
        outside = await store._connections.query(settings)
        inside = await store._connections.run(settings, begin)
    isolation = "read committed" if read_committed else outside[2]
    assert outside == ["500ms", "10s", outside[2], "off"]
    assert inside == ["50ms", "10s", isolation, "off"]


async def test_revocation_watch_and_presence_have_connections_of_their_own(
    url: str,
) -> None:
    limits = replace(LIMITS, wait_seconds=0.2, lock_seconds=5)
    async with opened(url, limits) as store, held(url, "SELECT pg_advisory_lock(7)"):
        given = Given(store)
        token = await given.session(await given.project())
        await given.revoke(token)
        busy = [
            asyncio.ensure_future(
                store._connections.query(lambda db: db.execute("SELECT pg_advisory_lock(7)"))
            )
            for _ in range(LIMITS.connections)
        ]
        await until(lambda: store._connections._open == LIMITS.connections)
        with pytest.raises(StoreUnavailable, match="database_busy"):
            await store.sessions.get(token.project, token.session)
        ((_, event),) = (await store.events.revocations(EventCursor(0), 10)).events
        assert event.kind is EventKind.SESSION_REVOKED
        found = await store.sessions.recheck(token.project, token.session)
        assert found is not None
        assert found.state.revoked
        connection = given.id()
        lease = Presence(token.project, connection, given.id(), token.session, NOW, NOW + 60)
        await store.presence.set_online([lease], NOW)
        await store.presence.set_offline(token.project, [connection])
        for one in busy:
            one.cancel()


async def test_evidence_of_use_outlives_a_lock_and_is_written_after_it(
    url: str, store: PostgresStore, given: Given
) -> None:
    tokens = await spent_and_seen(given, 20)
    async with opened(url) as other:
        every = "SELECT 1 FROM sessions FOR UPDATE"
        async with held(url, every):
            for token in tokens:
                store.sessions.mark_seen(generation(token, 1), NOW)
            results = await asyncio.gather(
                *(given.rotate(token, at=NOW + 60) for token in tokens), return_exceptions=True
            )
            assert outcomes(results) == {LOCKED}
            assert store.backlog().seen_marks == len(tokens)
        await given.settled()
        assert {await seen(store, token) for token in tokens} == {1}
        elsewhere = Given(other, "elsewhere")
        verdicts = [await elsewhere.rotate(token, at=NOW + 60) for token in tokens]
    assert outcomes(verdicts) == {"Reused"}


async def test_evidence_that_is_not_written_yet_counts_in_the_same_process(
    url: str, store: PostgresStore, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is released to the rotation first."""
    monkeypatch.setattr("satmint.store.sql.seen_marks._MIN_RETRY_SECONDS", 30)
    store.sessions.seen_marks._delay = 30
    (token,) = await spent_and_seen(given)
    async with held(url, SESSION, token.session):
        store.sessions.mark_seen(generation(token, 1), NOW)
        waiting = asyncio.ensure_future(given.rotate(token, at=NOW + 60))
        await until(lambda: store.backlog().lock_waits)
    assert isinstance(await waiting, Reused)
    assert await seen(store, token) == -1


async def test_evidence_of_one_node_reaches_the_other_whatever_it_does_meanwhile(
    url: str, store: PostgresStore, given: Given
) -> None:
    """The other node locks the same rows, to answer repeated requests."""
    tokens = await spent_and_seen(given, 80)
    async with opened(url) as other:
        elsewhere = Given(other, "elsewhere")

        async def replay(token: RefreshTokenRef) -> RotationResult:
            return await elsewhere.rotate(token, at=NOW + 5)

        replays = [asyncio.ensure_future(replay(token)) for token in tokens]
        for token in tokens:
            await asyncio.sleep(0)
            store.sessions.mark_seen(generation(token, 1), NOW)
        assert {type(one) for one in await asyncio.gather(*replays)} == {Replayed}
        await given.settled()
        verdicts = [await elsewhere.rotate(token, at=NOW + 60) for token in tokens]
    assert outcomes(verdicts) == {"Reused"}


async def test_evidence_is_written_at_a_stop(url: str, given: Given) -> None:
    (token,) = await spent_and_seen(given)
    async with opened(url) as stopping:
        async with held(url, SESSION, token.session):
            stopping.sessions.mark_seen(generation(token, 1), NOW)
            await until(lambda: stopping.sessions.seen_marks._retry_at < float("inf"))
            closing = asyncio.ensure_future(stopping.close())
            await asyncio.sleep(0)
            assert not closing.done()
        await closing
    assert await seen(given.store, token) == 1  # type: ignore[arg-type]


async def test_a_locked_subscriber_keeps_no_other_sign_in_waiting(url: str) -> None:
    lock = "SELECT 1 FROM subscribers WHERE subscriber_id = $1 FOR UPDATE"
    async with opened(url, replace(LIMITS, lock_seconds=5)) as store:
        given = Given(store)
        project, elsewhere = await given.project(), await given.project()
        ann = await given.subscriber(project, "ann")
        async with held(url, lock, ann):
            waiting = [asyncio.ensure_future(given.session(project, "ann")) for _ in range(CROWD)]
            await until(lambda: store.backlog().lock_waits)
            await given.session(elsewhere, "new")
            await given.session(project, "bob")
            assert not any(one.done() for one in waiting)
        assert len(await asyncio.gather(*waiting)) == CROWD


async def test_a_caller_of_a_list_can_be_cancelled_at_any_moment(
    store: PostgresStore, given: Given
) -> None:
    """`asyncio.wait_for` of Python 3.11 forgets a cancellation that comes as the wait is over."""
    project = await given.project()
    for moments in range(8):
        listing = asyncio.create_task(
            store.events.after(project, EventCursor(0), 10, EventFilter())
        )
        for _ in range(moments):
            await asyncio.sleep(0)
        listing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listing
