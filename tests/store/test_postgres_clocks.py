"""Nodes whose clocks disagree: on a shared database, its own clock measures the windows."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from satmint.model.deliveries import AttemptResult
from satmint.model.events import EventKind
from satmint.model.records import Presence
from satmint.model.rotation import Head, RefreshTokenRef, Replayed, Reused, Rotated
from satmint.model.webhooks import Webhook
from satmint.store.postgres import open_postgres
from satmint.store.postgres.store import PostgresStore
from tests.kit.postgres import ISOLATIONS, execute, the_server
from tests.store.store_setup import Given, generation

SECONDS_AGO = "UPDATE sessions SET skew = skew - $1::bigint"
"""As if the rotation had been that much earlier, by the database's clock."""


@dataclass
class Nodes:
    """Servers on one database, and a session that begins now."""

    url: str
    store: PostgresStore
    given: Given
    first: RefreshTokenRef
    now: int
    """Unix seconds by the database's clock, or one less."""

    def let_pass(self, seconds: int) -> None:
        execute(self.url, SECONDS_AGO.replace("$1", str(seconds)))

    async def seen(self, *, at: int) -> None:
        self.store.sessions.mark_seen(generation(self.first, 1), self.now + at)
        await self.given.settled()


@pytest.fixture(params=ISOLATIONS)
async def nodes(request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    url, now = the_server().new_database(request.param), int(time.time())  # noqa: TID251
    store = await open_postgres(url, now, database_time=True)
    given = Given(store)
    first = await given.session(await given.project(), at=now)
    yield Nodes(url, store, given, first, now)
    await store.close()


AHEAD_AND_BEHIND = [-3600, -12, 0, 12, 3600]


@pytest.mark.parametrize("here", AHEAD_AND_BEHIND)
@pytest.mark.parametrize("there", [-3600, 3600])
async def test_lost_answer_is_had_again_from_a_node_with_another_time(
    nodes: Nodes, here: int, there: int
) -> None:
    at = nodes.now + here
    assert await nodes.given.rotate(nodes.first, at=at) == Rotated(Head(1, at, at + 7200))
    nodes.let_pass(590)
    verdict = await nodes.given.rotate(nodes.first, at=nodes.now + there)
    assert verdict == Replayed(Head(1, at, at + 7200))


@pytest.mark.parametrize("here", AHEAD_AND_BEHIND)
@pytest.mark.parametrize("there", [-3600, 0, 3600])
async def test_window_is_over_on_every_node_at_once(nodes: Nodes, here: int, there: int) -> None:
    await nodes.given.rotate(nodes.first, at=nodes.now + here)
    nodes.let_pass(601)
    verdict = await nodes.given.rotate(nodes.first, at=nodes.now + there)
    assert isinstance(verdict, Reused)


@pytest.mark.parametrize("there", [-3600, 0, 3600])
async def test_concurrent_callers_of_a_head_in_use_have_ten_seconds_by_the_databases_clock(
    nodes: Nodes, there: int
) -> None:
    await nodes.given.rotate(nodes.first, at=nodes.now)
    await nodes.seen(at=there)
    assert isinstance(await nodes.given.rotate(nodes.first, at=nodes.now + there), Replayed)
    nodes.let_pass(11)
    assert isinstance(await nodes.given.rotate(nodes.first, at=nodes.now + there), Reused)


async def test_head_that_was_used_late_keeps_its_window_closed(nodes: Nodes) -> None:
    await nodes.given.rotate(nodes.first, at=nodes.now)
    await nodes.seen(at=3600)  # by that node's clock alone
    found = await nodes.store.sessions.get(nodes.first.project, nodes.first.session)
    assert found is not None
    assert (found.state.seen, found.state.seen_late) == (True, False)
    nodes.let_pass(11)
    await nodes.seen(at=0)
    nodes.let_pass(-11)  # the database's own clock goes back
    assert isinstance(await nodes.given.rotate(nodes.first, at=nodes.now), Reused)


async def test_rotation_that_the_full_rules_decide_is_measured_likewise(nodes: Nodes) -> None:
    """The deadline shortens the new pair: the one statement does not apply."""
    given, at = nodes.given, nodes.now + 3600
    project = nodes.first.project
    session = await given.session(project, "bob", at=nodes.now, deadline=at + 5000)
    assert await given.rotate(session, at=at) == Rotated(Head(1, at, at + 4700))
    assert isinstance(await given.rotate(session, at=nodes.now), Replayed)
    nodes.let_pass(601)
    assert isinstance(await given.rotate(session, at=nodes.now + 3601), Reused)


@pytest.mark.parametrize("ahead", AHEAD_AND_BEHIND)
async def test_leases_of_presence_are_measured_by_the_database(nodes: Nodes, ahead: int) -> None:
    """Another node sees the connection, and neither shows nor purges it earlier or later."""
    project, id_, presence = nodes.first.project, nodes.given.id(), nodes.store.presence
    here, there = nodes.now + ahead, nodes.now - ahead
    lease = Presence(project, nodes.given.id(), id_, nodes.first.session, here, here + 60)
    await presence.set_online([lease], here)
    await nodes.store.purge(there, 0, 1000)
    (found,) = await presence.list(project, id_, there, 60)
    assert nodes.now + 60 <= found.until < nodes.now + 3600
    for seconds in (-61, 61):
        execute(nodes.url, f"UPDATE presence SET lease_until = lease_until - {seconds}")
        assert not await presence.list(project, id_, there, 60)
        execute(nodes.url, f"UPDATE presence SET lease_until = lease_until + {seconds}")


@pytest.mark.parametrize("ahead", AHEAD_AND_BEHIND)
async def test_pauses_of_webhooks_are_measured_by_the_database(nodes: Nodes, ahead: int) -> None:
    """A node whose clock differs neither sends too early or twice, nor holds anything up."""
    project, store = nodes.first.project, nodes.store.webhooks
    here, there = nodes.now + ahead, nodes.now - ahead
    webhook = Webhook(nodes.given.id(), project, "https://example.com/", "sealed", here)
    event = nodes.given.event(EventKind.WEBHOOK_CREATED, project, at=here)
    assert await store.add(webhook, 1, event)
    await nodes.given.revoke(nodes.first, at=here)
    (due,) = (await store.due_webhooks(there, (UUID(int=0), UUID(int=0)), 10)).webhooks
    (delivery,) = await store.claim_due(due, there, there + 30, 10)

    async def is_due() -> bool:
        return bool((await store.due_webhooks(there, (UUID(int=0), UUID(int=0)), 10)).webhooks)

    assert not await is_due()
    await store.reschedule(delivery, AttemptResult("timeout"), here)
    assert not await is_due()
    for table in ("webhooks", "deliveries"):
        execute(nodes.url, f"UPDATE {table} SET next_at = next_at - 5, set_at = set_at - 5")
    assert await is_due()
