"""The history of deliveries: what is listed of them, sent again, and forgotten."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from satmint.model.deliveries import (
    HISTORY_LENGTH,
    HISTORY_SECONDS,
    PAUSED,
    AttemptResult,
    DeliveryRecord,
    DeliveryState,
)
from satmint.model.events import EventKind
from satmint.model.listing import Anchor, Window
from satmint.model.webhooks import GIVE_UP_SECONDS, LEASE_SECONDS, PausedBy, Webhook, WebhookState
from satmint.store.contract import Store
from satmint.store.sqlite import open_sqlite
from tests.kit.clock import NOW
from tests.store.store_setup import Given
from tests.store.test_outbox import alerts, as_listed
from tests.store.test_webhooks import ARRIVED, due, webhook

NEWEST = Window(1000, descending=True)
REFUSED = AttemptResult("status_500", status=500, latency_ms=31, response="no such hook")
PENDING, DELIVERED, GIVEN_UP = DeliveryState
WEEK = HISTORY_SECONDS


async def listed(
    store: Store, one: Webhook, state: DeliveryState | None = None, window: Window = NEWEST
) -> list[DeliveryRecord]:
    page = await store.webhooks.list_deliveries(one.project, one.id, state, window)
    return list(page.items)


async def pause(given: Given, one: Webhook, now: int = NOW) -> Webhook:
    event = given.event(EventKind.WEBHOOK_PAUSED, one.project)
    paused = await given.store.webhooks.pause(one.project, one.id, now, event)
    assert paused is not None
    return paused


async def resume(given: Given, one: Webhook) -> Webhook:
    event = given.event(EventKind.WEBHOOK_RESUMED, one.project)
    resumed = await given.store.webhooks.resume(one.project, one.id, event)
    assert resumed is not None
    return resumed


async def kinds(store: Store, project: UUID) -> list[EventKind]:
    return [event.kind for event in (await store.events.list(project, Window(1000))).items]


async def test_each_state_is_listed_newest_first_with_its_last_attempt(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    one, bystander = await webhook(given, project), await webhook(given, project)
    await webhook(given, other)
    first, second, third, fourth = await alerts(given, project, 4)
    found = {
        delivery.event.id: delivery
        for delivery in await due(store, limit=4)
        if delivery.webhook.id == one.id
    }
    await store.webhooks.settle(found[first], ARRIVED, NOW + 1, slow=False)
    await store.webhooks.reschedule(found[third], REFUSED, NOW + 2)
    await store.webhooks.give_up(found[second], AttemptResult("timeout"), NOW + 3, 0)
    records = await listed(store, one)
    assert [record.id.bytes for record in records] == [fourth, third, second, first]
    assert [record.state for record in records] == [PENDING, PENDING, GIVEN_UP, DELIVERED]
    assert [record.attempts for record in records] == [1, 1, 1, 1]
    assert [record.attempted_at for record in records] == [None, NOW + 2, NOW + 3, NOW + 1]
    assert [record.result for record in records] == [
        *(AttemptResult(), REFUSED, AttemptResult("timeout"), ARRIVED)
    ]
    assert [record.next_at for record in records] == [NOW + 60, NOW + 7, None, None]
    assert {record.kind for record in records} == {EventKind.SESSION_REVOKED}
    assert {record.at for record in records} == {NOW}
    for state in DeliveryState:
        expected = [record for record in records if record.state is state]
        assert await listed(store, one, state) == expected
    assert [record.state for record in await listed(store, bystander)] == [PENDING] * 4
    # Foreign webhooks have none.
    page = await store.webhooks.list_deliveries(other, one.id, None, NEWEST)
    assert page.items == ()


async def test_pages_join_the_states_without_a_gap(store: Store, given: Given) -> None:
    one = await webhook(given, await given.project())
    events = await alerts(given, one.project, 9)
    for number, delivery in enumerate(await due(store)):
        if number % 3 == 0:
            await store.webhooks.settle(delivery, ARRIVED, NOW, slow=False)
        elif number % 3 == 1:
            await store.webhooks.give_up(delivery, REFUSED, NOW, 0)
    window, seen = Window(2, descending=True), list[bytes]()
    while True:
        page = await store.webhooks.list_deliveries(one.project, one.id, None, window)
        seen += [record.id.bytes for record in page.items]
        if not page.more_after:
            break
        window = replace(window, anchor=Anchor(0, page.items[-1].id))
    assert seen == events[::-1]
    before = Window(3, Anchor(0, UUID(bytes=events[4]), backwards=True), descending=True)
    page = await store.webhooks.list_deliveries(one.project, one.id, None, before)
    assert [record.id.bytes for record in page.items] == events[7:4:-1]


async def test_a_delivery_names_whose_it_is_while_the_event_is_known(
    store: Store, given: Given
) -> None:
    project = await given.project()
    one = await webhook(given, project)
    subscriber = await given.subscriber(project, "ada@example.com")
    event = given.event(EventKind.SUBSCRIBER_REVOKED, project, subscriber=subscriber)
    await store.events.record(event)
    (delivery,) = await due(store)
    assert delivery.event.reference == "ada@example.com"
    (record,) = await listed(store, one)
    assert (record.subscriber, record.reference) == (subscriber, "ada@example.com")
    await store.webhooks.settle(delivery, ARRIVED, NOW, slow=False)
    await store.purge(NOW + 1, NOW + 1, 1000)
    (record,) = await listed(store, one)
    assert (record.kind, record.subscriber, record.reference) == (None, None, None)
    assert (record.at, record.result) == (NOW, ARRIVED)


async def test_a_crash_before_the_record_neither_loses_it_nor_calls_it_delivered(
    store: Store, given: Given
) -> None:
    one = await webhook(given, await given.project())
    await alerts(given, one.project, 1)
    (sent,) = await due(store, NOW, NOW + LEASE_SECONDS)
    (record,) = await listed(store, one)
    assert (record.state, record.attempts, record.attempted_at) == (PENDING, 1, None)
    (again,) = await due(store, NOW + LEASE_SECONDS)
    assert (again.event.id, again.attempt) == (sent.event.id, 2)
    # Both have arrived after all, and are one.
    await store.webhooks.settle(again, ARRIVED, NOW + 31, slow=False)
    await store.webhooks.settle(sent, ARRIVED, NOW + 32, slow=False)
    (record,) = await listed(store, one)
    assert (record.state, record.attempts, record.attempted_at) == (DELIVERED, 2, NOW + 31)


async def test_a_delivery_that_waits_is_due_at_once_and_first_in_spite_of_a_pause(
    store: Store, given: Given
) -> None:
    one = await webhook(given, await given.project())
    *_, last = await alerts(given, one.project, 5)
    found = await due(store)
    for delivery in found:
        await store.webhooks.reschedule(delivery, REFUSED, NOW)
    assert await due(store, NOW + 1) == []
    record = await store.webhooks.retry(one.project, one.id, UUID(bytes=last), NOW + 1)
    assert record is not None
    assert (record.id.bytes, record.state, record.result) == (last, PENDING, REFUSED)
    (again,) = await due(store, NOW + 1)
    assert (again.event.id, again.attempt) == (last, 2)
    assert (await as_listed(store, one)).state is WebhookState.PAUSED


async def test_one_that_is_being_sent_is_not_sent_twice(store: Store, given: Given) -> None:
    one = await webhook(given, await given.project())
    (event,) = await alerts(given, one.project, 1)
    for wait in (0, 5):  # also a later attempt
        (delivery,) = await due(store, NOW + wait, NOW + wait + LEASE_SECONDS)
        record = await store.webhooks.retry(one.project, one.id, UUID(bytes=event), NOW + wait + 1)
        assert record is not None
        assert record.next_at == NOW + wait + LEASE_SECONDS
        assert await due(store, NOW + wait + 2) == []
        await store.webhooks.reschedule(delivery, REFUSED, NOW + wait)


@pytest.mark.parametrize("arrived", [True, False])
async def test_one_that_has_ended_is_sent_again_under_its_id(
    store: Store, given: Given, arrived: bool
) -> None:
    one = await webhook(given, await given.project())
    (event,) = await alerts(given, one.project, 1)
    (delivery,) = await due(store)
    if arrived:
        await store.webhooks.settle(delivery, ARRIVED, NOW, slow=False)
    else:
        await store.webhooks.give_up(delivery, REFUSED, NOW, 0)
    last = ARRIVED if arrived else REFUSED
    record = await store.webhooks.retry(one.project, one.id, UUID(bytes=event), NOW + 9)
    assert record is not None
    assert (record.state, record.attempts, record.result) == (PENDING, 0, last)
    assert await listed(store, one) == [record]
    (again,) = await due(store, NOW + 9)
    assert (again.event, again.attempt) == (delivery.event, 1)
    await store.webhooks.settle(again, ARRIVED, NOW + 10, slow=False)
    (record,) = await listed(store, one)
    assert (record.state, record.attempts, record.attempted_at) == (DELIVERED, 1, NOW + 10)


async def test_nothing_is_sent_again_for_another_project_or_without_its_event(
    store: Store, given: Given
) -> None:
    one, other = await webhook(given, await given.project()), await given.project()
    second = await webhook(given, other)
    (event,) = await alerts(given, one.project, 1)
    (delivery,) = await due(store)
    await store.webhooks.settle(delivery, ARRIVED, NOW, slow=False)
    id_ = UUID(bytes=event)
    for project, hook, of in (
        *((other, one.id, id_), (other, second.id, id_), (one.project, second.id, id_)),
        *((one.project, one.id, given.id()), (one.project, given.id(), id_)),
    ):
        assert await store.webhooks.retry(project, hook, of, NOW) is None
    await store.purge(NOW + 1, NOW + 1, 1000)
    assert await store.webhooks.retry(one.project, one.id, id_, NOW) is None
    (record,) = await listed(store, one)
    assert record.state is DELIVERED


async def test_a_webhook_that_an_operator_paused_gets_nothing_until_it_is_resumed(
    store: Store, given: Given
) -> None:
    one = await webhook(given, await given.project())
    ready = await webhook(given, one.project)
    paused = await pause(given, one, NOW + 3)
    assert (paused.paused_by, paused.shown_state) == (PausedBy.OPERATOR, WebhookState.PAUSED)
    assert (paused.shown_since, paused.next_try_at) == (NOW + 3, None)
    assert await pause(given, one, NOW + 4) == paused
    events = await alerts(given, one.project, 2)
    assert {delivery.webhook.id for delivery in await due(store)} == {ready.id}
    assert await store.webhooks.claim_due(paused, NOW, NOW + 9, 9) == ()
    # Neither a clock that was set back nor a retry sends something.
    await store.webhooks.retry(one.project, one.id, UUID(bytes=events[0]), NOW)
    for now in (NOW + 1, NOW - 86_400):
        assert {delivery.webhook.id for delivery in await due(store, now)} <= {ready.id}
    resumed = await resume(given, one)
    assert (resumed.paused_by, resumed.shown_state) == (None, WebhookState.NEW)
    assert await resume(given, one) == resumed
    assert len([found for found in await due(store) if found.webhook.id == one.id]) == 2
    told = await kinds(store, one.project)
    assert told.count(EventKind.WEBHOOK_PAUSED) == told.count(EventKind.WEBHOOK_RESUMED) == 1
    event = given.event(EventKind.WEBHOOK_PAUSED, one.project)
    for project, hook in ((given.id(), one.id), (one.project, given.id())):
        assert await store.webhooks.pause(project, hook, NOW, event) is None
        assert await store.webhooks.resume(project, hook, event) is None
        assert await store.webhooks.get(project, hook) is None


async def test_resuming_ends_a_pause_after_failures(store: Store, given: Given) -> None:
    one = await webhook(given, await given.project())
    await alerts(given, one.project, 2)
    first, _ = await due(store)
    await store.webhooks.reschedule(first, REFUSED, NOW)
    assert await due(store, NOW + 2) == []
    resumed = await resume(given, one)
    assert (resumed.paused_by, resumed.next_at) == (PausedBy.FAILURES, 0)
    assert (await store.webhooks.get(one.project, one.id)) == resumed
    assert EventKind.WEBHOOK_RESUMED in await kinds(store, one.project)


async def test_the_secret_counts_as_used_from_the_claim_on(store: Store, given: Given) -> None:
    one, tested = [await webhook(given, await given.project()) for _ in range(2)]
    assert not (await as_listed(store, one)).is_secret_used
    await alerts(given, one.project, 1)
    await due(store)
    assert (await as_listed(store, one)).is_secret_used
    await store.webhooks.use_secret(tested)
    assert (await as_listed(store, tested)).is_secret_used


async def ended(given: Given, one: Webhook, state: DeliveryState, ages: list[int]) -> None:
    """Have deliveries of events that are so many seconds old."""
    rows = [
        (
            one.project,
            one.id,
            str(state),
            given.event(EventKind.SESSION_REVOKED, one.project, at=NOW - age).id,
            1,
            NOW,
            "",
            None,
            None,
            "",
        )
        for age in ages
    ]
    marks = ", ".join(f"${number}" for number in range(1, 11))
    await given.store.webhooks.db.execute_many(  # type: ignore[attr-defined]
        f"INSERT INTO delivery_history VALUES ({marks})", rows
    )


async def purged(store: Store, limit: int = 500) -> int:
    """Purge until the end of a pass; returns how often."""
    steps = 1
    while (await store.purge(NOW, 0, limit)).more:
        steps += 1
        assert steps < 100
    return steps


async def test_what_is_old_is_forgotten_in_small_steps(store: Store, given: Given) -> None:
    projects = [await given.project() for _ in range(3)]
    hooks = [await webhook(given, project) for project in projects for _ in range(9)]
    for one in hooks[:2]:
        for state in (DELIVERED, GIVEN_UP):
            await ended(given, one, state, [WEEK - 1, WEEK, *range(WEEK + 1, WEEK + 20)])
    result = await store.purge(NOW, 0, 7)
    assert result.removed <= 7
    await purged(store, 7)
    for one in hooks[:2]:
        assert [record.at for record in await listed(store, one)] == [NOW - WEEK + 1] * 2 + [
            NOW - WEEK
        ] * 2


async def test_the_newest_of_each_state_are_kept(store: Store, given: Given) -> None:
    one = await webhook(given, await given.project())
    await ended(given, one, DELIVERED, list(range(HISTORY_LENGTH + 30)))
    await ended(given, one, GIVEN_UP, [5, 6])
    await purged(store)
    kept = await listed(store, one, DELIVERED, Window(2000, descending=True))
    assert [record.at for record in kept] == [NOW - age for age in range(HISTORY_LENGTH)]
    assert len(await listed(store, one, GIVEN_UP)) == 2


async def test_what_waits_too_long_for_a_paused_webhook_is_given_up(
    store: Store, given: Given
) -> None:
    project = await given.project()
    one, active = await webhook(given, project), await webhook(given, project)
    old = await alerts(given, project, 3, at=NOW - GIVE_UP_SECONDS)
    young = await alerts(given, project, 2, at=NOW - GIVE_UP_SECONDS + 1)
    await pause(given, one)
    await purged(store)
    records = await listed(store, one)
    assert [record.id.bytes for record in records] == [*young[::-1], *old[::-1]]
    assert [record.state for record in records] == [PENDING] * 2 + [GIVEN_UP] * 3
    assert {record.result.error for record in records if record.state is GIVEN_UP} == {PAUSED}
    assert {record.state for record in await listed(store, active)} == {PENDING}


async def test_a_deleted_webhook_leaves_no_history(store: Store, given: Given) -> None:
    one = await webhook(given, await given.project())
    await alerts(given, one.project, 2)
    first, second = await due(store)
    await store.webhooks.settle(first, ARRIVED, NOW, slow=False)
    event = given.event(EventKind.WEBHOOK_DELETED, one.project)
    assert await store.webhooks.delete(one.project, one.id, event)
    await store.webhooks.settle(second, ARRIVED, NOW, slow=False)  # it was being sent
    assert await listed(store, one) == []


async def test_lists_are_read_through_the_keys(tmp_path: Path) -> None:
    store, statements = await open_sqlite(tmp_path / "plans.db", NOW), list[str]()
    store._reader._list_worker._connection.set_trace_callback(statements.append)
    for state in (None, GIVEN_UP):
        await store.webhooks.list_deliveries(UUID(int=1), UUID(int=2), state, NEWEST)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "plans.db")) as db:
        plans = [
            {step[3] for step in db.execute(f"EXPLAIN QUERY PLAN {query}")} for query in statements
        ]
    key = "USING PRIMARY KEY (project_id=? AND webhook_id=?"
    ended = f"SEARCH d {key} AND state=?)"
    assert len(plans) == 2
    for plan, expected in zip(plans, ({ended, f"SEARCH d {key})"}, {ended}), strict=True):
        assert {step for step in plan if " d " in step} == expected
        assert not any(step.startswith("SCAN") and "part" not in step for step in plan)
