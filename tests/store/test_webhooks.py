"""Webhooks, and the outbox that is filled by whoever records an alert."""

import asyncio
from collections.abc import Coroutine
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.deliveries import AttemptResult
from satmint.model.events import EventKind
from satmint.model.webhooks import ALERTS, Delivery, Webhook
from satmint.store.contract import Store
from satmint.store.contract.webhooks import OutboxPosition
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

ALL_OF_THEM = UUID(int=0)
START = (UUID(int=0), UUID(int=0))
ARRIVED = AttemptResult(status=204, latency_ms=12)


async def webhook(given: Given, project: UUID, sealed: str = "k1.sealed") -> Webhook:
    made = Webhook(given.id(), project, "https://hooks.example/x?y=1", sealed, NOW)
    event = given.event(EventKind.WEBHOOK_CREATED, project)
    assert await given.store.webhooks.add(made, 10, event)
    return made


async def revoked_session(given: Given, project: UUID) -> bytes:
    """Have something happen that webhooks tell of; returns the event's id."""
    session = given.new_session()
    issued = given.event(EventKind.ISSUED, project, session=session.id)
    await given.store.sessions.open_temporary(project, given.id(), Kind.GUEST, session, NOW, issued)
    event = given.event(EventKind.SESSION_REVOKED, project, session=session.id)
    assert await given.store.sessions.revoke(project, session.id, NOW, event)
    return event.id


async def due(
    store: Store, now: int = NOW, until: int | None = None, limit: int = 100
) -> list[Delivery]:
    """Claim what is due, of each webhook."""
    after: OutboxPosition | None = START
    found: list[Delivery] = []
    while after is not None:
        page = await store.webhooks.due_webhooks(now, after, 3)
        for one in page.webhooks:
            found += await store.webhooks.claim_due(one, now, until or now + 60, limit)
        after = page.next
    return found


async def test_are_listed_by_project(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    made = [await webhook(given, project) for _ in range(3)]
    await webhook(given, other)
    listed = (await store.webhooks.list(project, ALL)).items
    assert sorted(one.id for one in listed) == sorted(one.id for one in made)
    assert {one.url for one in listed} == {"https://hooks.example/x?y=1"}


async def test_deleting_is_once_and_forgets_what_was_to_be_told(store: Store, given: Given) -> None:
    project = await given.project()
    made = await webhook(given, project)
    await revoked_session(given, project)
    event = given.event(EventKind.WEBHOOK_DELETED, project)
    assert not await store.webhooks.delete(given.id(), made.id, event)
    assert await store.webhooks.delete(project, made.id, event)
    assert not await store.webhooks.delete(project, made.id, event)
    assert (await store.webhooks.list(project, ALL)).items == ()
    assert await due(store) == []
    kinds = [one.kind for one in (await store.events.list(project, ALL)).items]
    assert kinds.count(EventKind.WEBHOOK_DELETED) == 1


async def test_each_webhook_of_the_project_is_told_of_an_alert_and_of_nothing_else(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()
    made = [await webhook(given, project) for _ in range(2)]
    await webhook(given, other)
    event = await revoked_session(given, project)
    found = await due(store)
    assert {one.webhook for one in found} == set(made)
    assert {one.event.id for one in found} == {event}
    assert {one.event.kind for one in found} == {EventKind.SESSION_REVOKED}
    assert {one.attempt for one in found} == {1}


async def test_webhook_is_not_told_of_what_was_before_it(store: Store, given: Given) -> None:
    project = await given.project()
    await revoked_session(given, project)
    await webhook(given, project)
    assert await due(store) == []


async def test_every_kind_of_alert_goes_out(store: Store, given: Given) -> None:
    project = await given.project()
    await webhook(given, project)
    for kind in EventKind:
        await store.events.record(given.event(kind, project))
    assert {one.event.kind for one in await due(store)} == ALERTS


async def test_nobody_else_gets_a_delivery_until_its_lease_is_over(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await webhook(given, project)
    await revoked_session(given, project)
    takers = await asyncio.gather(*(due(store) for _ in range(8)))
    assert sum(map(len, takers)) == 1
    assert await due(store, NOW + 59) == []
    (resent,) = await due(store, NOW + 60, NOW + 120)
    assert resent.attempt == 2


async def test_what_is_put_off_comes_back_and_what_is_settled_does_not(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await webhook(given, project)
    await revoked_session(given, project)
    (first,) = await due(store)
    await store.webhooks.reschedule(first, AttemptResult("timeout"), NOW)
    assert await due(store, NOW + 4) == []
    (second,) = await due(store, NOW + 5, NOW + 65)
    assert (second.attempt, second.event) == (2, first.event)
    assert second.webhook.id == first.webhook.id
    await store.webhooks.settle(second, ARRIVED, NOW + 6, slow=False)
    assert await due(store, NOW + 100_000, NOW + 100_060) == []


async def test_only_so_many_are_taken_on_at_once_the_oldest_first(
    store: Store, given: Given
) -> None:
    project = await given.project()
    await webhook(given, project)
    for _ in range(5):
        await revoked_session(given, project)
    (oldest,) = await due(store, limit=1)
    await store.webhooks.release([oldest], NOW - 6)
    (resent,) = await due(store, limit=1)
    assert (resent.event, resent.attempt) == (oldest.event, 2)
    assert len(await due(store, limit=3)) == 3
    assert len(await due(store, limit=3)) == 1


async def test_event_that_was_purged_is_told_to_nobody(store: Store, given: Given) -> None:
    project = await given.project()
    await webhook(given, project)
    await revoked_session(given, project)
    for _ in range(4):
        await store.purge(NOW, NOW + 1, 100)
    assert await due(store) == []
    assert await due(store, NOW + 1000) == []


async def test_secret_can_be_sealed_by_another_key(store: Store, given: Given) -> None:
    project = await given.project()
    old, new = await webhook(given, project), await webhook(given, project, "k2.sealed")
    assert await store.webhooks.sealed_with_other_key("k1", ALL_OF_THEM, 10) == (new,)
    assert await store.webhooks.sealed_with_other_key("k2", ALL_OF_THEM, 10) == (old,)
    assert len(await store.webhooks.sealed_with_other_key("k", ALL_OF_THEM, 10)) == 2
    await store.webhooks.reseal(old, "k2.resent")
    assert await store.webhooks.sealed_with_other_key("k2", ALL_OF_THEM, 10) == ()
    await store.webhooks.reseal(old, "k3.late")  # somebody was faster: nothing is lost
    assert await store.webhooks.sealed_with_other_key("k2", ALL_OF_THEM, 10) == ()


async def test_what_is_sealed_otherwise_is_found_in_parts(store: Store, given: Given) -> None:
    made = [await webhook(given, await given.project()) for _ in range(5)]
    found: list[Webhook] = []
    after = ALL_OF_THEM
    while part := await store.webhooks.sealed_with_other_key("k2", after, 2):
        found += part
        after = part[-1].id
    assert found == sorted(made, key=lambda one: one.id)


async def test_a_project_has_no_more_of_them_than_it_may_however_many_are_made_at_once(
    store: Store, given: Given
) -> None:
    project, other = await given.project(), await given.project()

    def adding(place: UUID) -> Coroutine[None, None, bool]:
        made = Webhook(given.id(), place, "https://hooks.example/", "k1.sealed", NOW)
        return store.webhooks.add(made, 3, given.event(EventKind.WEBHOOK_CREATED, place))

    added = await asyncio.gather(*(adding(project) for _ in range(8)), adding(other))
    assert added.count(True) == 3 + 1
    assert len((await store.webhooks.list(project, ALL)).items) == 3
    assert await given.kinds(project) == [EventKind.WEBHOOK_CREATED] * 3
    assert not await adding(project)
