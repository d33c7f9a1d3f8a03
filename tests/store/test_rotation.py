"""What presenting a refresh token means, as a store decides it."""

import asyncio
from functools import partial

import pytest
from msgspec.structs import replace

from satmint.model.events import EventKind
from satmint.model.records import StoredSession
from satmint.model.rotation import (
    Cause,
    Head,
    RefreshTokenRef,
    Refused,
    Replayed,
    Reused,
    Rotated,
)
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.conftest import Open
from tests.store.store_setup import ALL, Given, generation

WEEK = 7 * 86_400


async def standing_of(store: Store, ref: RefreshTokenRef) -> StoredSession:
    found = await store.sessions.get(ref.project, ref.session)
    assert found is not None
    return found


@pytest.fixture
async def first(given: Given) -> RefreshTokenRef:
    """The first refresh token of a session that begins NOW."""
    return await given.session(await given.project(), "alice")


async def test_use_of_a_token_is_pending_until_it_is_written(store: Store, given: Given) -> None:
    ref = await given.session(await given.project())
    pending = partial(store.sessions.has_pending_mark, ref.project, ref.session)
    assert pending() is False
    store.sessions.mark_seen(ref, NOW)
    assert pending() is True
    assert store.sessions.has_pending_mark(ref.project, ref.project) is False
    await given.settled()
    assert pending() is False


async def test_the_heads_token_makes_the_next_generation(
    store: Store, given: Given, first: RefreshTokenRef
) -> None:
    for number in range(3):
        at = NOW + 100 * (number + 1)
        head = Head(number + 1, since=at, expires_at=at + 7200)
        assert await given.rotate(generation(first, number), at=at) == Rotated(head)
        state = await standing_of(store, first)
        assert state.session.head == head
        assert state.session.lives_until == at + 7500


@pytest.mark.parametrize("later", [0, 10, 11, 600])
async def test_a_lost_answer_is_had_again_as_long_as_the_head_was_not_used(
    store: Store, given: Given, first: RefreshTokenRef, later: int
) -> None:
    rotated = await given.rotate(first, at=NOW + 50)
    before = await standing_of(store, first)
    for at in (NOW + 50, NOW + 50 + later):
        assert await given.rotate(first, at=at) == Replayed(Head(1, NOW + 50, NOW + 7250))
    assert rotated == Rotated(Head(1, NOW + 50, NOW + 7250))
    state = await standing_of(store, first)
    assert replace(state, session=replace(state.session, replays=0)) == before
    assert state.session.replays == 2


async def test_a_guest_has_a_lost_answer_again_as_well(given: Given) -> None:
    _, first = await given.guest(await given.project())
    head = Head(1, NOW + 50, NOW + 7250)
    assert await given.rotate(first, at=NOW + 50) == Rotated(head)
    assert await given.rotate(first, at=NOW + 60) == Replayed(head)


@pytest.mark.parametrize(
    ("later", "replayed"), [(-11, False), (-10, True), (0, True), (10, True), (11, False)]
)
async def test_a_concurrent_caller_has_ten_seconds_after_the_head_was_used(
    store: Store, given: Given, first: RefreshTokenRef, later: int, replayed: bool
) -> None:
    rotated = await given.rotate(first, at=NOW)
    store.sessions.mark_seen(generation(first, 1), NOW)
    await given.settled()
    head = Head(1, NOW, NOW + 7200)
    assert rotated == Rotated(head)
    expected = Replayed(head) if replayed else Reused(head)
    assert await given.rotate(first, at=NOW + later) == expected


@pytest.mark.parametrize("behind", [2, 3])
@pytest.mark.parametrize("later", [0, 5, 100])
async def test_a_token_older_than_the_heads_parent_is_reuse_at_any_time(
    store: Store, given: Given, first: RefreshTokenRef, behind: int, later: int
) -> None:
    for number in range(behind):
        await given.rotate(generation(first, number))
    head = Head(behind, NOW, NOW + 7200)
    assert await given.rotate(first, at=NOW + later) == Reused(head)
    state = await standing_of(store, first)
    assert state.session.revoked_at == NOW + later
    assert state.session.head == head


async def test_reuse_ends_the_session_for_thief_and_victim_alike(
    given: Given, first: RefreshTokenRef
) -> None:
    await given.rotate(first)
    await given.rotate(generation(first, 1))
    assert isinstance(await given.rotate(first), Reused)
    for number in range(3):
        for at in (NOW, NOW + 1000):
            verdict = await given.rotate(generation(first, number), at=at)
            assert verdict == Refused(Cause.REVOKED)


@pytest.mark.parametrize(
    ("window", "age", "seen", "replayed"),
    [
        (600, 600, False, True),
        (600, 601, False, False),
        (600, 7000, False, False),
        (0, 0, False, False),
        (0, 0, True, False),
        (5, 5, False, True),
        (5, 5, True, True),
        (5, 6, False, False),
        (5, 6, True, False),
        (60, 11, True, False),
        (60, 11, False, True),
        (60, 60, False, True),
        (60, 61, False, False),
    ],
)
async def test_a_lost_answer_is_had_again_in_the_window_alone(
    store: Store,
    given: Given,
    first: RefreshTokenRef,
    window: int,
    age: int,
    seen: bool,
    replayed: bool,
) -> None:
    await given.rotate(first, replay_seconds=window)
    if seen:
        store.sessions.mark_seen(generation(first, 1), NOW)
        await given.settled()
    verdict = await given.rotate(first, at=NOW + age, replay_seconds=window)
    head = Head(1, NOW, NOW + 7200)
    assert verdict == (Replayed(head) if replayed else Reused(head))


async def test_a_token_ahead_of_the_head_changes_nothing(
    store: Store, given: Given, first: RefreshTokenRef
) -> None:
    """It can only come from before a backup was restored."""
    before = await standing_of(store, first)
    assert await given.rotate(generation(first, 1)) == Refused(Cause.AHEAD_OF_HEAD)
    assert await given.rotate(generation(first, 9)) == Refused(Cause.AHEAD_OF_HEAD)
    assert await standing_of(store, first) == before
    assert isinstance(await given.rotate(first), Rotated)


async def test_an_unknown_session_is_refused(given: Given, first: RefreshTokenRef) -> None:
    stranger = RefreshTokenRef(first.project, given.id(), 0, first.epoch)
    assert await given.rotate(stranger) == Refused(Cause.UNKNOWN_SESSION)


async def test_another_projects_session_is_an_unknown_one(
    store: Store, given: Given, first: RefreshTokenRef
) -> None:
    other = await given.project()
    foreign = RefreshTokenRef(other, first.session, 0, first.epoch)
    assert await given.rotate(foreign) == Refused(Cause.UNKNOWN_SESSION)
    assert await store.sessions.get(other, first.session) is None
    assert await given.revoke(foreign) is False
    store.sessions.mark_seen(foreign, NOW)
    await given.settled()
    state = await standing_of(store, first)
    assert (state.session.seen_generation, state.session.revoked_at) == (-1, None)
    assert isinstance(await given.rotate(first), Rotated)


@pytest.mark.parametrize("epoch", [-1, 1])
async def test_a_token_of_another_epoch_is_refused(
    given: Given, first: RefreshTokenRef, epoch: int
) -> None:
    assert await given.rotate(RefreshTokenRef(first.project, first.session, 0, epoch)) == Refused(
        Cause.STALE_EPOCH
    )
    assert isinstance(await given.rotate(first), Rotated)


@pytest.mark.parametrize(("at", "dead"), [(7499, False), (7500, True), (7501, True)])
async def test_a_head_that_has_expired_is_neither_rotated_nor_replayed(
    store: Store, given: Given, at: int, dead: bool
) -> None:
    project = await given.project()
    session = await given.session(project, expires_at=NOW + WEEK)
    await given.rotate(session)
    before = await standing_of(store, session)
    for number in (0, 1):
        verdict = await given.rotate(generation(session, number), at=NOW + at, replay_seconds=WEEK)
        if dead:
            assert verdict == Refused(Cause.EXPIRED)
            assert await standing_of(store, session) == before
        else:
            assert isinstance(verdict, (Replayed, Rotated))


@pytest.mark.parametrize(
    ("expires_at", "deadline", "at", "expected"),
    [
        # A deadline cuts the pair of a rotation short: SAT 300 s before it, refresh token at it.
        (1000, 10_000, 2500, Refused(Cause.EXPIRED)),
        (7200, 10_000, 2500, Rotated(Head(1, NOW + 2500, NOW + 9700))),
        (7200, 10_000, 2499, Rotated(Head(1, NOW + 2499, NOW + 9699))),
        (7200, 10_000, 7000, Rotated(Head(1, NOW + 7000, NOW + 9700))),
        (9700, 10_000, 9699, Rotated(Head(1, NOW + 9699, NOW + 9700))),
        (9700, 10_000, 9700, Refused(Cause.DEADLINE)),
        (9700, 10_000, 9999, Refused(Cause.DEADLINE)),
        (9700, 10_000, 10_000, Refused(Cause.EXPIRED)),
    ],
)
async def test_no_token_outlives_the_sessions_deadline(
    given: Given, expires_at: int, deadline: int, at: int, expected: Rotated | Refused
) -> None:
    project = await given.project()
    session = await given.session(project, expires_at=NOW + expires_at, deadline=NOW + deadline)
    assert await given.rotate(session, at=NOW + at) == expected


async def test_a_session_lives_as_long_as_its_longest_token(store: Store, given: Given) -> None:
    project = await given.project()
    session = await given.session(project, expires_at=NOW + WEEK)
    assert (await standing_of(store, session)).session.lives_until == NOW + WEEK + 300
    await given.rotate(session, at=NOW + 10)
    assert (await standing_of(store, session)).session.lives_until == NOW + WEEK + 300


@pytest.mark.parametrize("callers", [2, 32, 700])
async def test_of_many_who_present_one_token_at_once_one_rotates_and_all_get_the_same(
    store: Store, given: Given, first: RefreshTokenRef, callers: int
) -> None:
    """700 are more than fit into one batch."""
    verdicts = await asyncio.gather(*(given.rotate(first) for _ in range(callers)))
    head = Head(1, NOW, NOW + 7200)
    assert sum(isinstance(verdict, Rotated) for verdict in verdicts) == 1
    replays = [verdict for verdict in verdicts if isinstance(verdict, Replayed)]
    assert {verdict.head for verdict in replays} == {head}
    assert (len(replays), sum(verdict.is_free for verdict in replays)) == (
        callers - 1,
        min(5, callers - 1),
    )
    assert (await standing_of(store, first)).session.head == head


async def test_of_two_servers_that_are_presented_one_token_one_rotates(
    database: Open, given: Given
) -> None:
    project = await given.project()
    async with database() as second:
        hands = (given, Given(second, "second"))
        for round_ in range(10):
            session = await given.session(project, f"user-{round_}")
            verdicts = await asyncio.gather(
                *(hand.rotate(session) for _ in range(4) for hand in hands)
            )
            head = Head(1, NOW, NOW + 7200)
            assert sorted(type(verdict).__name__ for verdict in verdicts) == [
                *["Replayed"] * 7,
                "Rotated",
            ]
            assert {verdict.head for verdict in verdicts if isinstance(verdict, Replayed)} == {head}


async def test_callers_who_always_present_the_same_token_at_once_never_fork(
    store: Store, given: Given, first: RefreshTokenRef
) -> None:
    for number in range(30):
        ref = generation(first, number)
        verdicts = await asyncio.gather(*(given.rotate(ref) for _ in range(3)))
        heads = {v.head for v in verdicts if isinstance(v, (Rotated, Replayed))}
        assert heads == {Head(number + 1, NOW, NOW + 7200)}
        assert (await standing_of(store, first)).session.head in heads


async def test_a_rotation_is_seen_by_whoever_looks_after_it_returned(
    store: Store, given: Given, first: RefreshTokenRef
) -> None:
    for number in range(50):
        await given.rotate(generation(first, number))
        assert (await standing_of(store, first)).session.head.generation == number + 1


async def test_a_rotation_is_seen_by_another_server_after_it_returned(
    database: Open, given: Given, first: RefreshTokenRef
) -> None:
    async with database() as second:
        for number in range(20):
            await given.rotate(generation(first, number))
            assert (await standing_of(second, first)).session.head.generation == number + 1


async def test_every_verdict_leaves_its_line_in_the_audit_trail(
    store: Store, given: Given, first: RefreshTokenRef
) -> None:
    alice = await given.named(first.project, "alice")
    await given.rotate(first, at=NOW, subscriber=alice)
    await given.rotate(first, at=NOW + 1, subscriber=alice)
    await given.rotate(generation(first, 1), at=NOW + 2, subscriber=alice)
    await given.rotate(generation(first, 5), at=NOW + 3, subscriber=alice)
    await given.rotate(first, at=NOW + 4, subscriber=alice)
    await given.rotate(first, at=NOW + 5, subscriber=alice)
    events = (await store.events.list(first.project, ALL)).items
    assert [(event.kind, event.at - NOW, event.generation, event.cause) for event in events] == [
        (EventKind.ISSUED, 0, None, ""),
        (EventKind.REFRESHED, 0, 1, ""),
        (EventKind.REPLAYED, 1, 0, "head=1"),
        (EventKind.REFRESHED, 2, 2, ""),
        (EventKind.REUSE_DETECTED, 4, 0, "head=2"),
    ]
    assert {event.subscriber for event in events} == {alice}
    assert {event.session for event in events} == {first.session}


async def test_use_of_the_heads_sat_is_noted_and_only_of_the_heads(
    store: Store, given: Given, first: RefreshTokenRef
) -> None:
    async def seen_after(noted: RefreshTokenRef) -> int:
        store.sessions.mark_seen(noted, NOW)
        await given.settled()
        return (await standing_of(store, first)).session.seen_generation

    assert await seen_after(generation(first, 1)) == -1
    assert await seen_after(first) == 0
    await given.rotate(first)
    assert await seen_after(first) == 0
    assert await seen_after(generation(first, 2)) == 0
    assert await seen_after(RefreshTokenRef(first.project, given.id(), 1, 0)) == 0
    assert await seen_after(generation(first, 1)) == 1
    assert await seen_after(generation(first, 1)) == 1


async def test_noting_use_cannot_fail_even_when_the_store_is_closed(
    database: Open,
) -> None:
    async with database() as store:
        given = Given(store)
        first = await given.session(await given.project())
    store.sessions.mark_seen(first, NOW)
