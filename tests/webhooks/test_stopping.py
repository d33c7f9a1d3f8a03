"""What a stopped dispatcher leaves to the others."""

import asyncio

import pytest
from structlog.testing import capture_logs

from satmint.model.refusals import StoreUnavailable
from satmint.model.webhooks import Delivery
from satmint.webhooks import DispatchLimits
from tests.kit.polling import until
from tests.kit.service import Server
from tests.kit.slow_endpoints import slow_endpoint
from tests.webhooks.post import a_post, alert, running
from tests.webhooks.receiver import receiving

PATIENT = DispatchLimits(poll_seconds=0.01, delivery_seconds=60.0, stop_seconds=0.1)
"""An attempt lasts longer than any test."""


async def test_an_abandoned_delivery_is_anothers_at_once(server: Server) -> None:
    async with (
        asyncio.timeout(20),
        slow_endpoint("never answers") as endpoint,
        a_post(server, limits=PATIENT) as stopped,
        a_post(server, limits=PATIENT) as other,
    ):
        await stopped.webhook(endpoint.url)
        await alert(server, server.tenant)
        async with running(stopped):
            await until(lambda: endpoint.accepted == 1)
            assert await other.dispatcher.start_due() == 0
        assert stopped.dispatcher.in_progress == 0
        assert stopped.outcomes == {}
        async with running(other):
            await until(lambda: endpoint.accepted == 2)


async def test_what_is_claimed_while_it_stops_is_anothers_at_once(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as stopped, a_post(server) as other:
        webhook = await stopped.webhook(receiver.url)
        await alert(server, server.tenant, 2)
        stopped.dispatcher._stopping = True
        assert await stopped.dispatcher._start(webhook, 2) == 0
        assert await other.dispatcher.deliver_due() == 0
        await stopped.dispatcher._stop()
        assert await other.dispatcher.deliver_due() == 1  # one at a time, of a new webhook
        assert await other.dispatcher.deliver_due() == 1
        assert len(receiver.bodies) == 2


async def test_round_in_progress_ends_before_a_dispatcher_has_stopped(server: Server) -> None:
    begun, end, knew = asyncio.Event(), asyncio.Event(), list[bool]()

    async def wait() -> int:
        begun.set()
        await end.wait()
        knew.append(post.dispatcher._stopping)
        return 0

    async with a_post(server, limits=DispatchLimits(poll_seconds=0.01)) as post:
        post.dispatcher.start_due = wait  # type: ignore[method-assign]
        task = asyncio.create_task(post.dispatcher.run())
        await begun.wait()
        task.cancel()
        asyncio.get_running_loop().call_soon(end.set)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert knew == [True]


async def test_dispatcher_that_never_began_a_round_stops(server: Server) -> None:
    async with a_post(server) as post, running(post):
        pass
    assert post.dispatcher.in_progress == 0


async def test_a_database_that_is_away_does_not_keep_it_from_stopping(server: Server) -> None:
    async with receiving() as receiver, a_post(server) as post:
        webhook = await post.webhook(receiver.url)
        await alert(server, server.tenant)
        post.dispatcher._stopping = True
        await post.dispatcher._start(webhook, 1)

        async def fail(_self: object, _deliveries: list[Delivery], _now: int) -> None:
            raise StoreUnavailable("sqlite_full")

        with pytest.MonkeyPatch.context() as patched, capture_logs() as logs:
            patched.setattr(type(server.services.store.webhooks), "release", fail)
            await post.dispatcher._stop()
    warned = [(entry["event"], entry["cause"]) for entry in logs if entry["log_level"] == "warning"]
    assert warned == [("webhooks_delayed", "sqlite_full")]
