"""Servers of version 0.1.0 beside newer ones, on the schema of the newer ones. PostgreSQL alone."""

import asyncio
import time

import pytest

from satmint.model.rotation import FREE_REPLAYS, Head, Replayed, Rotated
from satmint.store.contract import Store, SubscriberChange
from satmint.store.postgres import open_postgres
from satmint.store.postgres.maintenance import migrate_database
from tests.kit.clock import NOW
from tests.kit.polling import wait_until
from tests.kit.postgres import ISOLATIONS, execute, held, the_server
from tests.store.store_setup import Given, generation

# What version 0.1.0 writes for a new subscriber, and when its e-mail address changes.
OLD_INSERT = (
    "INSERT INTO subscribers (project_id, subscriber_id, kind, reference, email, created_at,"
    " updated_at) VALUES ('{project}', gen_random_uuid(), 'subscriber', '{reference}',"
    " '{reference}', 1, 1)"
)
OLD_UPDATE = (
    "UPDATE subscribers SET email = '{new}', reference = '{new}', updated_at = 2"
    " WHERE reference = '{old}'"
)
WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
# Its rotation, which knows neither `skew` nor `replays`.
OLD_ROTATION = (
    "UPDATE sessions SET generation = generation + 1, head_since = {at},"
    " head_expires_at = {at} + 7200, lives_until = {at} + 7500"
)


@pytest.fixture(params=ISOLATIONS)
def url(request: pytest.FixtureRequest) -> str:
    return the_server().new_database(request.param)


async def opened(url: str) -> tuple[Store, Given]:
    store = await open_postgres(url, NOW)
    return store, Given(store)


async def test_subscriber_of_an_old_server_is_found_and_gets_its_key_with_the_next_migration(
    url: str,
) -> None:
    store, given = await opened(url)
    project = await given.project()
    execute(url, OLD_INSERT.format(project=project, reference="Carl@Example.com"))
    carl = await store.subscribers.find(project, "Carl@Example.com")
    assert carl is not None
    signed_in = await given.signed_in(project, "Carl@Example.com", fields={})
    assert signed_in.subscriber == carl.id
    assert await migrate_database(url, NOW) == ()
    signed_in = await given.signed_in(project, "carl@example.com", fields={})
    assert signed_in.subscriber == carl.id
    assert list(await store.subscribers.collisions()) == []
    await store.close()


async def test_former_reference_does_not_lead_to_a_subscriber_whom_an_old_server_has_changed(
    url: str,
) -> None:
    store, given = await opened(url)
    project = await given.project()
    dora = await given.subscriber(project, "dora@example.com", "dora@example.com")
    execute(url, OLD_UPDATE.format(old="dora@example.com", new="Dora@Example.org"))
    next_one = await given.signed_in(project, "dora@example.com", fields={})
    assert next_one.subscriber != dora
    signed_in = await given.signed_in(project, "Dora@Example.org", fields={})
    assert signed_in.subscriber == dora
    await migrate_database(url, NOW)
    signed_in = await given.signed_in(project, "DORA@example.org", fields={})
    assert signed_in.subscriber == dora
    await store.close()


async def test_migration_gives_no_key_of_a_reference_that_is_changed_meanwhile(url: str) -> None:
    store, given = await opened(url)
    project = await given.project()
    execute(url, OLD_INSERT.format(project=project, reference="Carl@Example.com"))
    carl = await store.subscribers.find(project, "Carl@Example.com")
    assert carl is not None
    change = OLD_UPDATE.format(old="Carl@Example.com", new="Dora@Example.org")
    async with held(url, f"{change} RETURNING 1"):
        migrating = asyncio.ensure_future(migrate_database(url, NOW))
        await asyncio.to_thread(wait_until, lambda: execute(url, WAITING))
    assert await migrating == ()
    next_one = await given.signed_in(project, "carl@example.com", fields={})
    assert next_one.subscriber != carl.id
    await store.close()


async def test_new_form_of_an_email_address_keeps_the_key(url: str) -> None:
    store, given = await opened(url)
    project = await given.project()
    dora = await given.subscriber(project, "dora@example.com", "dora@example.com")
    change = SubscriberChange({"email": "Dora@Example.com"})
    await store.subscribers.update(project, dora, change, NOW)
    signed_in = await given.signed_in(project, "DORA@example.com", fields={})
    assert signed_in.subscriber == dora
    assert list(await store.subscribers.collisions()) == []
    await store.close()


async def test_rotation_of_an_old_server_has_its_own_window_and_its_own_replays(url: str) -> None:
    now = int(time.time())  # noqa: TID251 - the database's clock measures the window
    store = await open_postgres(url, now, database_time=True)
    given = Given(store)
    first = await given.session(await given.project(), at=now)
    behind = now - 3600  # the clock of this server alone
    await given.rotate(first, at=behind)
    for _ in range(FREE_REPLAYS + 1):
        assert isinstance(await given.rotate(first, at=behind), Replayed)
    execute(url, OLD_ROTATION.format(at=now))
    second = generation(first, 1)
    store.sessions.mark_seen(generation(first, 2), now)
    await given.settled()
    head = Head(2, now, now + 7200)
    for replay in range(FREE_REPLAYS + 1):
        expected = Replayed(head, is_free=replay < FREE_REPLAYS)
        assert await given.rotate(second, at=behind) == expected
    assert await given.rotate(generation(first, 2), at=now) == Rotated(Head(3, now, now + 7200))
    await store.close()
