"""How long a dispatcher pauses before a round, and what of the last round that depends on."""

import asyncio
from uuid import UUID

from satmint.flows.webhooks import create_webhook
from satmint.webhooks import DispatchLimits
from tests.kit.polling import until
from tests.kit.service import ORIGIN, Server
from tests.kit.slow_endpoints import slow_endpoint
from tests.webhooks.post import Post, a_post, alert, finish, running
from tests.webhooks.receiver import receiving

LONG = DispatchLimits(poll_seconds=60.0, delivery_seconds=60.0)
"""What is not waited for ends at once; what is waited for ends no test."""


async def paused_for(post: Post, *, waiting: bool = False, more: bool = False) -> float:
    """Seconds until the next round, at most ten."""
    dispatcher, time = post.dispatcher, asyncio.get_running_loop().time
    dispatcher._has_waiting, dispatcher._has_more = waiting, more
    began = time()
    async with asyncio.timeout(10):
        await dispatcher._pause()
    return time() - began


async def test_idle_dispatcher_waits_for_the_next_poll(server: Server) -> None:
    async with a_post(server, limits=DispatchLimits(poll_seconds=0.3)) as post:
        assert await paused_for(post) > 0.29


async def test_round_that_has_more_to_visit_is_followed_by_the_next_one(server: Server) -> None:
    async with a_post(server, limits=LONG) as post:
        assert await paused_for(post, more=True) > 0.04
        assert await paused_for(post, more=True, waiting=True) > 0.04


async def test_delivery_without_a_slot_waits_until_an_attempt_ends(server: Server) -> None:
    async with a_post(server, limits=LONG) as post:
        post.dispatcher._ended.set()
        assert await paused_for(post, waiting=True) > 0.04
    async with a_post(server, limits=DispatchLimits(poll_seconds=0.3)) as post:
        assert await paused_for(post, waiting=True) > 0.29


async def test_round_that_read_for_long_is_followed_by_a_longer_pause(server: Server) -> None:
    async with a_post(server, limits=DispatchLimits(poll_seconds=0.1)) as post:
        post.dispatcher._visit_seconds = 0.05
        assert await paused_for(post, more=True) > 0.19
        post.dispatcher._visit_seconds = 3600.0  # such as a clock that was set
        assert await paused_for(post, more=True) > 0.39


async def test_round_says_how_long_it_read_and_what_is_left(server: Server) -> None:
    async with receiving() as receiver, a_post(server, limits=LONG) as post:
        dispatcher = post.dispatcher
        await post.webhook(receiver.url)
        await alert(server, server.tenant)
        assert await dispatcher.deliver_due() == 1
        # There may be more than there was room for.
        assert (dispatcher._has_waiting, dispatcher._has_more) == (True, False)
        dispatcher._has_more = True
        time = asyncio.get_running_loop().time
        began = time()
        assert await dispatcher.deliver_due() == 0
        assert 0 < dispatcher._visit_seconds <= time() - began
        assert (dispatcher._has_waiting, dispatcher._has_more) == (False, False)


async def test_round_that_claimed_for_many_webhooks_has_more(server: Server) -> None:
    async with receiving() as receiver, a_post(server, limits=LONG) as post:
        for _ in range(17):
            tenant = await server.another_tenant()
            await create_webhook(server.services, tenant.id, receiver.url, ORIGIN)
            await alert(server, tenant)
        assert await post.dispatcher.deliver_due() == 16
        assert post.dispatcher._has_more
        assert await post.dispatcher.deliver_due() == 1
        assert not post.dispatcher._has_more


async def test_round_of_a_dispatcher_that_stops_claims_nothing(server: Server) -> None:
    async with receiving() as receiver, a_post(server, limits=LONG) as post:
        await post.webhook(receiver.url)
        await alert(server, server.tenant)
        post.dispatcher._stopping = True
        assert await post.dispatcher.deliver_due() == 0
        assert post.dispatcher._has_more
    assert receiver.bodies == []


async def test_delivery_to_a_busy_endpoint_waits(server: Server) -> None:
    async with slow_endpoint("never answers") as endpoint, a_post(server, limits=LONG) as post:
        await post.webhook(endpoint.url)
        await alert(server, server.tenant, 2)
        assert await post.dispatcher.start_due() == 1
        post.dispatcher._has_waiting = False
        assert await post.dispatcher.start_due() == 0
        assert post.dispatcher._has_waiting
        await finish(post)


async def test_busy_endpoint_keeps_no_other_from_its_turn(server: Server) -> None:
    async with (
        slow_endpoint("never answers") as endpoint,
        receiving() as receiver,
        a_post(server, limits=LONG) as post,
    ):
        await post.webhook(endpoint.url)
        await alert(server, server.tenant, 2)
        assert await post.dispatcher.start_due() == 1
        tenants = [await server.another_tenant() for _ in range(2)]
        for tenant in tenants:
            await create_webhook(server.services, tenant.id, receiver.url, ORIGIN)
            await alert(server, tenant)
        post.dispatcher._position = UUID(int=0), UUID(int=0)
        assert await post.dispatcher.start_due() == 2
        await until(lambda: len(receiver.bodies) == 2)
        await finish(post)


async def test_new_dispatcher_knows_of_nothing_that_waits(server: Server) -> None:
    async with a_post(server) as post:
        assert (post.dispatcher._has_waiting, post.dispatcher._has_more) == (False, False)


async def test_there_is_a_pause_before_each_round(server: Server) -> None:
    loop, rounds = asyncio.get_running_loop(), list[float]()
    limits = DispatchLimits(poll_seconds=0.2)
    async with a_post(server, limits=limits) as post:

        async def note() -> int:
            rounds.append(loop.time())
            return 0

        post.dispatcher.start_due = note  # type: ignore[method-assign]
        began = loop.time()
        async with running(post):
            await until(lambda: len(rounds) == 3)
    between = [later - earlier for earlier, later in zip([began, *rounds], rounds, strict=False)]
    assert min(between) > 0.19, between  # by the clock of the event loop, which rounds


async def test_the_end_of_an_earlier_attempt_does_not_end_a_later_wait(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await alert(server, server.tenant)
        assert await post.dispatcher.deliver_due() == 1
        assert post.dispatcher._ended.is_set()
        await post.dispatcher.start_due()
        assert not post.dispatcher._ended.is_set()
