"""The outbox of webhooks: whose deliveries are due, and what is known of their endpoints."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import pytest

from satmint.model.deliveries import AttemptResult
from satmint.model.events import EventKind
from satmint.model.webhooks import (
    CLOCK_SKEW_SECONDS,
    GIVE_UP_SECONDS,
    LEASE_SECONDS,
    Delivery,
    Webhook,
    WebhookState,
)
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given
from tests.store.test_webhooks import ARRIVED, START, due, revoked_session, webhook

HOUR = 3600


async def alerts(given: Given, project: UUID, count: int, at: int = NOW) -> list[bytes]:
    """Have a project something to be told; returns the events' ids, oldest first."""
    events = [given.event(EventKind.SESSION_REVOKED, project, at=at) for _ in range(count)]
    for event in events:
        await given.store.events.record(event)
    return sorted(event.id for event in events)


async def as_listed(store: Store, one: Webhook) -> Webhook:
    listed = (await store.webhooks.list(one.project, ALL)).items
    return next(found for found in listed if found.id == one.id)


def events_of(found: Sequence[Delivery]) -> list[bytes]:
    return sorted(delivery.event.id for delivery in found)


async def fail(store: Store, found: Sequence[Delivery], now: int) -> None:
    for delivery in found:
        await store.webhooks.reschedule(delivery, AttemptResult("timeout"), now)


@pytest.mark.parametrize("rows", [20_000])
async def test_many_deliveries_of_one_project_hide_no_other(
    store: Store, given: Given, rows: int
) -> None:
    """Wherever the other project comes in the order of ids."""
    projects = [await given.project() for _ in range(9)]
    crowded = sorted(projects)[4]
    for project in projects:
        await webhook(given, project)
    made = given.event(EventKind.SESSION_REVOKED, crowded, at=NOW - 100)
    sql = (
        "INSERT INTO deliveries (project_id, webhook_id, event_id, next_at, attempts)"
        " VALUES ($1, $2, $3, $4, 0)"
    )
    (busy,) = (await store.webhooks.list(crowded, ALL)).items
    keys = ((crowded, busy.id, made.id[:8] + n.to_bytes(8, "big"), NOW - 50) for n in range(rows))
    await store.webhooks.db.execute_many(sql, list(keys))  # type: ignore[attr-defined]
    for project in projects:
        await alerts(given, project, 1)
    begin = time.monotonic()
    page = await store.webhooks.due_webhooks(NOW, START, 100)
    assert time.monotonic() - begin < 0.5
    assert [one.project for one in page.webhooks] == sorted(projects)
    assert page.next is None
    claimed = [
        await store.webhooks.claim_due(one, NOW, NOW + 60, 4)
        for one in page.webhooks
        if one.project != crowded
    ]
    assert [len(found) for found in claimed] == [1] * 8


async def test_pages_visit_each_webhook_once(store: Store, given: Given) -> None:
    made = []
    for _ in range(4):
        project = await given.project()
        made += [(project, (await webhook(given, project)).id) for _ in range(3)]
        await alerts(given, project, 5)
    for size in (1, 2, 5, 16, 17):
        after, visited, pages = START, [], 0
        while True:
            page = await store.webhooks.due_webhooks(NOW, after, size)
            visited += [(one.project, one.id) for one in page.webhooks]
            pages += 1
            if page.next is None:
                break
            after = page.next
        assert visited == sorted(made)
        assert pages <= 16 // size + 1  # at most, each project is visited as well


async def test_a_failed_endpoint_is_paused_with_all_that_waits_for_it(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    silent, ready, elsewhere = [await webhook(given, one) for one in (project, project, other)]
    events = await alerts(given, project, 3)
    await alerts(given, other, 1)
    found = await due(store, limit=1)
    await fail(store, [one for one in found if one.webhook.id == silent.id], NOW)
    paused = await as_listed(store, silent)
    assert (paused.state, paused.state_since) == (WebhookState.PAUSED, NOW)
    assert (paused.failures, paused.last_error, paused.last_error_at) == (1, "timeout", NOW)
    assert paused.next_try_at == NOW + 5
    assert events_of(await due(store, NOW + 4)) == events[1:]
    assert (await as_listed(store, ready)).state is WebhookState.NEW
    assert (await as_listed(store, elsewhere)).next_try_at is None

    # One delivery is tried, by one process, and not the one that failed.
    claimed = await asyncio.gather(*(due(store, NOW + 5, NOW + 35) for _ in range(4)))
    (probe,) = [one for found in claimed for one in found]
    assert (probe.webhook.id, probe.event.id) == (silent.id, events[1])
    assert await due(store, NOW + 34) == []
    await fail(store, [probe], NOW + 10)
    paused = await as_listed(store, silent)
    assert (paused.failures, paused.state_since, paused.next_try_at) == (2, NOW, NOW + 40)

    # A success ends the pause for all of them.
    (probe,) = await due(store, NOW + 40)
    await store.webhooks.settle(probe, ARRIVED, NOW + 41, slow=False)
    active = await as_listed(store, silent)
    assert (active.state, active.state_since) == (WebhookState.ACTIVE, NOW + 41)
    assert (active.failures, active.next_try_at) == (0, None)
    assert (active.last_error, active.last_error_at) == ("timeout", NOW + 10)
    rest = await due(store, NOW + 60)
    assert events_of([probe, *(one for one in rest if one.webhook.id == silent.id)]) == events


async def test_pauses_grow_to_ten_minutes(store: Store, given: Given) -> None:
    project = await given.project()
    made = await webhook(given, project)
    await alerts(given, project, 20)
    now, pauses = NOW, []
    for _ in range(7):
        (found, *_) = await due(store, now)
        await store.webhooks.reschedule(found, AttemptResult("status_500"), now)
        until = (await as_listed(store, made)).next_at
        pauses.append(until - now)
        now = until
    assert pauses == [5, 30, 120, 600, 600, 600, 600]


async def test_attempts_that_fail_at_the_same_time_count_once(store: Store, given: Given) -> None:
    project = await given.project()
    made = await webhook(given, project)
    await alerts(given, project, 5)
    found = await due(store, limit=4)
    await fail(store, found[:3], NOW)
    await store.webhooks.settle(found[3], ARRIVED, NOW + 1, slow=False)  # too late to show anything
    paused = await as_listed(store, made)
    assert (paused.failures, paused.state, paused.next_at) == (1, WebhookState.PAUSED, NOW + 5)


async def test_an_endpoint_is_slow_after_a_slow_response(store: Store, given: Given) -> None:
    project = await given.project()
    made = await webhook(given, project)
    await alerts(given, project, 4)
    states = []
    for number, slow in enumerate((True, True, False)):
        (found,) = await due(store, NOW + number, limit=1)
        await store.webhooks.settle(found, ARRIVED, NOW + number, slow=slow)
        one = await as_listed(store, made)
        states.append((one.state, one.state_since - NOW, one.next_try_at))
    assert states == [("slow", 0, None), ("slow", 0, None), ("active", 2, None)]


async def test_what_a_dead_process_claimed_is_due_after_its_lease(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await webhook(given, project)
    await alerts(given, project, 6)
    assert len(await due(store, NOW, NOW + LEASE_SECONDS, limit=4)) == 4
    assert len(await due(store, NOW, NOW + LEASE_SECONDS)) == 2
    assert await due(store, NOW + LEASE_SECONDS - 1) == []
    assert [one.attempt for one in await due(store, NOW + LEASE_SECONDS)] == [2] * 6


async def test_released_deliveries_are_due_at_once(store: Store, given: Given) -> None:
    project = await given.project()
    await webhook(given, project)
    events = await alerts(given, project, 3)
    await store.webhooks.release(await due(store), NOW + 1)
    assert events_of(await due(store, NOW + 1)) == events


@pytest.mark.parametrize("step", [CLOCK_SKEW_SECONDS + 1, HOUR, 10 * 86_400])
async def test_a_clock_that_is_set_back_delays_nothing(
    store: Store, given: Given, step: int
) -> None:
    """Neither an alert that is waiting, nor a retry, nor the pause, nor the lease of the dead."""
    fresh, failing, leased = [await given.project() for _ in range(3)]
    for project in (fresh, failing, leased):
        await webhook(given, project)
    await alerts(given, failing, 1)
    await fail(store, await due(store), NOW)
    await alerts(given, leased, 1)
    assert len(await due(store)) == 1
    await alerts(given, fresh, 1)
    found = await due(store, NOW - step)
    assert {one.webhook.project for one in found} == {fresh, failing, leased}
    # By the new clock, pauses are as long as ever.
    await fail(store, found, NOW - step)
    assert await due(store, NOW - step + 4) == []
    assert len(await due(store, NOW - step + 30)) == 3


async def test_a_clock_that_is_a_little_behind_ends_no_lease(store: Store, given: Given) -> None:
    project = await given.project()
    await webhook(given, project)
    await alerts(given, project, 2)
    assert len(await due(store, limit=1)) == 1
    assert len(await due(store, NOW - CLOCK_SKEW_SECONDS)) == 1
    assert await due(store, NOW - CLOCK_SKEW_SECONDS) == []


async def test_what_is_old_is_given_up_with_an_endpoint_that_failed_all_the_time(
    store: Store, given: Given
) -> None:
    project = await given.project()
    made = await webhook(given, project)
    await alerts(given, project, 10)
    await fail(store, (await due(store))[:1], NOW)
    later = NOW + GIVE_UP_SECONDS
    recent = await alerts(given, project, 1, at=later - 10)
    (probe,) = await due(store, later)
    assert await store.webhooks.give_up(probe, AttemptResult("timeout"), later, 4) == 1 + 4
    assert (await as_listed(store, made)).state_since == NOW
    (probe,) = await due(store, later + 3600)
    late = AttemptResult("timeout")
    assert await store.webhooks.give_up(probe, late, later + 3600, 100) == 10 - 5
    assert events_of(await due(store, later + 7200)) == recent


async def test_only_the_failed_one_is_given_up_where_others_arrive(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await webhook(given, project)
    await alerts(given, project, 3)
    later = NOW + GIVE_UP_SECONDS
    refused, *others = await due(store, later)
    assert await store.webhooks.give_up(refused, AttemptResult("status_400"), later, 100) == 1
    again = await due(store, later + 60)
    assert len(again) == 1  # it is paused
    await store.webhooks.settle(again[0], ARRIVED, later + 61, slow=False)
    assert len(others) == 2
    assert len(await due(store, later + 120)) == 1


@pytest.mark.not_on_cluster("the purge removes it there")
async def test_a_delivery_whose_webhook_was_deleted_meanwhile_is_removed(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    await webhook(given, other)
    await alerts(given, other, 1)
    sql = (
        "INSERT INTO deliveries (project_id, webhook_id, event_id, next_at, attempts)"
        " VALUES ($1, $2, $3, $4, 0)"
    )
    db = store.webhooks.db  # type: ignore[attr-defined]
    await db.execute(sql, project, given.id(), b"event", NOW)
    assert len(await due(store)) == 1
    count = "SELECT 1 FROM deliveries WHERE project_id = $1"
    assert await db.fetch(tuple, count, project) == ()


async def test_a_revoked_session_is_told_though_the_outbox_is_being_claimed(
    store: Store, given: Given
) -> None:
    """Whoever records an alert neither waits for the dispatcher nor fails because of it."""
    project = await given.project()
    await webhook(given, project)

    async def claim_and_fail() -> None:
        for number in range(20):
            await fail(store, await due(store, NOW + number * HOUR), NOW + number * HOUR)

    recorded, _ = await asyncio.gather(
        asyncio.gather(*(revoked_session(given, project) for _ in range(20))),
        asyncio.gather(*(claim_and_fail() for _ in range(3))),
    )
    found: list[bytes] = []
    for number in range(100, 160):
        claimed = await due(store, NOW + number * HOUR)
        found += events_of(claimed)
        for delivery in claimed:
            await store.webhooks.settle(delivery, ARRIVED, NOW + number * HOUR, slow=False)
    assert sorted(found) == sorted(recorded)
