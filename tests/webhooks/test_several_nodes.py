"""Several servers share one outbox: who sends what, and what happens when one of them dies."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from satmint.model.webhooks import LEASE_SECONDS
from satmint.stores import open_store
from satmint.webhooks import DispatchLimits, Sender, WebhookDispatcher
from tests.kit.clock import FrozenClock
from tests.kit.databases import DATABASES
from tests.kit.polling import until
from tests.kit.service import Server
from tests.kit.slow_endpoints import slow_endpoint
from tests.webhooks.post import a_post, alert, finish, running
from tests.webhooks.receiver import receiving
from tests.webhooks.test_dispatcher import QUICK
from tests.webhooks.test_slow_endpoints import SMALL, on


@pytest.fixture(params=DATABASES)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    async with on(tmp_path, request.param) as made:
        yield made


@asynccontextmanager
async def another_node(
    server: Server, outcomes: Counter[str], clock: FrozenClock | None = None
) -> AsyncIterator[WebhookDispatcher]:
    """A dispatcher with connections of its own, as on another machine."""
    store = await open_store(server.service.settings, server.clock.now())
    services = dataclasses.replace(server.services, store=store, clock=clock or server.clock)
    try:
        async with Sender(private=True) as sender:
            limits = DispatchLimits(poll_seconds=0.02)
            count = outcomes.update
            yield WebhookDispatcher(services, sender, lambda one: count([one]), limits)
    finally:
        await store.close()


async def test_each_delivery_is_sent_once(server: Server) -> None:
    outcomes: Counter[str] = Counter()
    async with (
        receiving() as receiver,
        a_post(server, limits=SMALL) as post,
        another_node(server, outcomes) as other,
    ):
        for number in range(3):
            await post.webhook(f"{receiver.url}&webhook={number}")
        await alert(server, server.tenant, 20)
        beside = asyncio.create_task(other.run())
        async with running(post):
            await until(lambda: len(receiver.bodies) >= 60)
            await until(lambda: outcomes["delivered"] + post.outcomes["delivered"] == 60)
        beside.cancel()
        await asyncio.wait([beside])
    told = Counter((headers[""], headers["webhook-id"]) for headers in receiver.headers)
    assert set(told.values()) == {1}
    assert len(told) == 60
    assert (outcomes + post.outcomes).keys() == {"delivered"}


async def test_deliveries_of_a_node_that_died_are_taken_over(server: Server) -> None:
    """Also by one whose clock is behind that of the dead one."""
    outcomes: Counter[str] = Counter()
    async with (
        slow_endpoint("never answers") as silent,
        a_post(server) as post,
        another_node(server, outcomes, FrozenClock(server.clock.now() - 3)) as other,
    ):
        await post.webhook(silent.url)
        await alert(server, server.tenant)
        assert await post.dispatcher.start_due() == 1
        await until(lambda: silent.accepted)
        await finish(post)  # and never stores anything
        clock = other._services.clock
        assert isinstance(clock, FrozenClock)
        assert await other.start_due() == 0
        clock.advance(LEASE_SECONDS + 2)
        assert await other.start_due() == 0
        clock.advance(1)
        assert await other.start_due() == 1
        await until(lambda: silent.accepted == 2)
        for task in list(other._tasks.values()):
            task.cancel()
        await other._drained()
    assert outcomes == {}


@pytest.mark.parametrize("step", [-86_400, -3600, -60, -6, 60, 3600])
async def test_a_step_of_the_clock_delays_no_retry(server: Server, step: int) -> None:
    """The endpoint fails once, and its delivery is documented to be tried again after 5 seconds."""
    async with (
        receiving(b"HTTP/1.1 503 Busy\r\n\r\n") as receiver,
        a_post(server, limits=QUICK) as post,
    ):
        await post.webhook(receiver.url)
        await alert(server, server.tenant)
        assert await post.dispatcher.deliver_due() == 1
        assert post.outcomes == {"failed": 1}
        server.clock.step(step)
        tries = await post.dispatcher.deliver_due()
        server.clock.advance(5)
        assert tries + await post.dispatcher.deliver_due() == 1
    assert post.outcomes == {"failed": 1, "delivered": 1}


async def test_a_node_with_a_clock_that_was_set_back_by_an_hour_delivers(server: Server) -> None:
    outcomes: Counter[str] = Counter()
    clock = FrozenClock(server.clock.now() - 3600)
    async with receiving() as receiver, another_node(server, outcomes, clock) as node:
        async with a_post(server) as post:
            await post.webhook(receiver.url)
        await alert(server, server.tenant)
        assert await node.deliver_due() == 1
    assert outcomes == {"delivered": 1}
