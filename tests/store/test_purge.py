"""Removing what is dead: all of it in the end, a little at a time, and nothing that lives."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from satmint.model.events import EventKind
from satmint.model.rotation import Cause, Head, RefreshTokenRef, Refused, Replayed, Rotated
from satmint.store.contract import PurgeResult, Store
from tests.kit.clock import NOW
from tests.store.key_holders import KEY, Holder
from tests.store.store_setup import ALL, Given

DAY = 86_400
LONG_AFTER = NOW + 40 * DAY
"""By then every session of two hours is dead, and past being looked at."""


async def swept(store: Store, now: int, *, events_before: int = 0, limit: int = 500) -> int:
    """Purge until nothing goes any more; returns how many rows went.

    A step may find nothing where others still will, so a few in a row have to.
    """
    total = idle = 0
    while idle < 5:
        count = (await store.purge(now, events_before, limit)).removed
        total += count
        idle = 0 if count else idle + 1
    return total


async def exists(store: Store, ref: RefreshTokenRef) -> bool:
    return await store.sessions.get(ref.project, ref.session) is not None


async def test_an_empty_store_has_nothing_to_purge(store: Store) -> None:
    assert await store.purge(NOW, NOW, 500) == PurgeResult(removed=0, more=False, active=0)


@pytest.mark.parametrize("revoked", [False, True])
async def test_a_session_is_kept_as_long_as_one_of_its_tokens_can_live(
    store: Store, given: Given, revoked: bool
) -> None:
    session = await given.session(await given.project())
    if revoked:
        await given.revoke(session)
    assert await swept(store, NOW + 7499) == 0
    assert await exists(store, session)
    assert await swept(store, LONG_AFTER) == 1
    assert not await exists(store, session)
    assert await given.rotate(session, at=LONG_AFTER) == Refused(Cause.UNKNOWN_SESSION)


async def test_a_session_whose_first_pair_outlives_its_head_is_kept_for_it(
    store: Store, given: Given
) -> None:
    """Asked for with a life of weeks, then refreshed: the head dies in hours, the first SAT not."""
    weeks = 30 * DAY
    session = await given.session(await given.project(), expires_at=NOW + weeks)
    await given.rotate(session)
    assert await swept(store, NOW + weeks) == 0
    assert await exists(store, session)


async def test_a_session_that_goes_on_being_refreshed_is_never_purged(
    store: Store, given: Given
) -> None:
    project = await given.project()
    session, at = await given.session(project), NOW
    for generation in range(50):
        at += 7000
        ref = RefreshTokenRef(project, session.session, generation, 0)
        assert await given.rotate(ref, at=at) == Rotated(Head(generation + 1, at, at + 7200))
        assert await swept(store, at) == 0
        assert await given.rotate(ref, at=at) == Replayed(Head(generation + 1, at, at + 7200))


async def test_a_guest_goes_after_its_session_and_a_subscriber_never(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await given.session(project, "ann")
    ann = await given.named(project, "ann")
    guest, ref = await given.guest(project)
    assert await swept(store, NOW + 7499) == 0
    assert await store.subscribers.get(project, guest) is not None
    assert await swept(store, LONG_AFTER) == 3
    assert await store.subscribers.get(project, guest) is None
    assert not await exists(store, ref)
    assert await store.subscribers.get(project, ann) is not None


async def test_events_go_when_their_time_is_past(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    times = [NOW - 2, NOW - 1, NOW, NOW + 1]
    for place in (project, other):
        for at in times:
            await given.session(place, f"user{at}", at=at)
    assert await swept(store, NOW, events_before=NOW) == 4
    for place in (project, other):
        left = [event.at for event in (await store.events.list(place, ALL)).items]
        assert left == [NOW, NOW + 1]


async def test_events_that_are_kept_for_ever_stay(store: Store, given: Given) -> None:
    project = await given.project()
    await given.session(project)
    for before in (-1, 0, NOW):
        assert await swept(store, NOW, events_before=before) == 0
    assert await given.kinds(project) == [EventKind.ISSUED]


async def some_sessions(given: Given, project: UUID) -> None:
    await given.session(project, given.word("user"))


async def some_guests(given: Given, project: UUID) -> None:
    await given.guest(project)


async def some_revoked(given: Given, project: UUID) -> None:
    await given.revoke(await given.session(project, given.word("user")))


@pytest.mark.parametrize("fill", [some_sessions, some_guests, some_revoked])
async def test_all_that_is_dead_goes_in_small_steps_however_much_lives_between(
    store: Store, given: Given, fill: Callable[[Given, UUID], Awaitable[None]]
) -> None:
    living: list[RefreshTokenRef] = []
    projects = [await given.project() for _ in range(3)]
    for round_ in range(12):
        for project in projects:
            await fill(given, project)
            reference = f"living{round_}"
            living.append(await given.session(project, reference, at=LONG_AFTER))
    limit = 5
    events = sum([len(await given.kinds(project)) for project in projects])
    steps = [
        (await store.purge(LONG_AFTER, events_before=LONG_AFTER, limit=limit)).removed
        for _ in range(60)
    ]
    dead_rows = 36 * (2 if fill is some_guests else 1)
    assert sum(steps) == dead_rows + events - len(living)
    # Dead are sessions, guests and events: at most `limit` of each in a step.
    assert max(steps) <= 3 * limit
    assert await swept(store, LONG_AFTER, events_before=LONG_AFTER) == 0
    for ref in living:
        assert await exists(store, ref)


async def counted(store: Store, now: int, limit: int) -> int:
    """How many sessions a whole walk saw alive."""
    while (swept := await store.purge(now, 0, limit)).more:
        pass
    assert swept.active is not None
    return swept.active


@pytest.mark.parametrize("limit", [2, 500])
async def test_a_walk_counts_the_sessions_that_may_be_used(
    store: Store, given: Given, limit: int
) -> None:
    kept, ended, expired = [await given.project() for _ in range(3)]
    living = [await given.session(kept, given.word("user")) for _ in range(5)]
    await given.revoke(living[0])
    await given.session(ended)
    event = given.event(EventKind.PROJECT_REVOKED, ended)
    await store.sessions.revoke_project(ended, NOW, event)
    await given.session(ended)
    await given.session(expired, at=NOW - 8000)
    await counted(store, NOW, limit)  # Goes on from wherever the last walk ended.
    assert await counted(store, NOW, limit) == 4 + 1
    assert await counted(store, NOW + 7499, limit) == 5
    assert await counted(store, NOW + 7500, limit) == 0
    await given.project()
    await given.session(kept, at=NOW + 7500)
    assert await counted(store, NOW + 7500, limit) == 1


async def steps(store: Store, *, events_before: int = 0, count: int) -> list[tuple[int, bool]]:
    """What so many steps of two rows each removed, and whether they told of more."""
    results = [await store.purge(NOW + 400, events_before, 2) for _ in range(count)]
    return [(result.removed, result.more) for result in results]


@pytest.mark.not_on_cluster("its steps go from project to project")
async def test_step_examines_few_subscribers_even_if_none_of_them_is_temporary(
    store: Store, given: Given
) -> None:
    """Among millions, looking for the next temporary one would keep every writer waiting."""
    project = await given.project()
    for name in ("ann", "bob", "cyd"):
        await given.subscriber(project, name)
    assert await steps(store, count=4) == [(0, True), (0, False)] * 2


@pytest.mark.not_on_cluster("its steps go from project to project")
async def test_pass_goes_on_until_sessions_and_subscribers_end_at_the_same_step(
    store: Store, given: Given
) -> None:
    project = await given.project()
    for name in ("ann", "ann", "ann", "bob"):
        await given.session(project, name)
    # Four sessions take three steps, two subscribers two.
    more = [True, True, True, True, True, False]
    assert await steps(store, count=6) == [(0, told) for told in more]


@pytest.mark.not_on_cluster("its steps go from project to project")
async def test_pass_goes_on_until_the_events_of_every_project_were_examined(
    store: Store, given: Given
) -> None:
    for _ in range(2):
        await given.project()
    assert await steps(store, events_before=NOW, count=2) == [(0, True), (0, False)]


@pytest.mark.not_on_cluster("its steps go from project to project")
async def test_pass_goes_on_where_a_project_had_more_old_events_than_a_step_removes(
    store: Store, given: Given
) -> None:
    project = await given.project()
    for name in ("one", "two", "three"):
        await given.api_token(project, name)
    removed = await steps(store, events_before=NOW + 1, count=4)
    assert removed == [(2, True), (0, True), (1, False), (0, False)]


async def test_pass_goes_on_while_a_step_removes_as_many_proofs_as_it_may(
    store: Store, given: Given
) -> None:
    holder = Holder(given, await given.session(await given.project(), jkt=KEY))
    for _ in range(3):
        await holder.prove()
    assert await steps(store, count=2) == [(2, True), (1, False)]
