"""How often a dispatcher looks for work, and what a stopped one leaves to the others."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from satmint.model.refusals import StoreUnavailable
from satmint.model.webhooks import Delivery
from satmint.webhooks import DispatchLimits, Sender
from satmint.webhooks.resolver import PROJECT, Resolver
from tests.kit.polling import until
from tests.kit.service import Server, a_service
from tests.kit.slow_endpoints import slow_endpoint
from tests.webhooks.post import Post, a_post
from tests.webhooks.receiver import receiving
from tests.webhooks.test_dispatcher import running
from tests.webhooks.test_responses import record_of
from tests.webhooks.test_slow_endpoints import alert

PATIENT = DispatchLimits(poll_seconds=0.01, delivery_seconds=60.0, stop_seconds=0.1)
"""An attempt lasts longer than any test."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_service(tmp_path, private_webhooks=True) as made:
        yield made


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


async def test_latency_is_the_time_until_the_headers_of_the_answer(server: Server) -> None:
    async with slow_endpoint("answers late") as endpoint, a_post(server) as post:
        webhook = await post.webhook(endpoint.url)
        await alert(server, server.tenant)
        assert await post.dispatcher.deliver_due() == 1
    latency = (await record_of(server, webhook)).result.latency_ms
    assert latency is not None
    assert 590 < latency < 10_000  # it answers after 600 ms


async def test_a_body_that_never_ends_is_read_for_as_long_as_a_body_may_be(server: Server) -> None:
    limits = replace(PATIENT, body_seconds=0.1)
    async with (
        slow_endpoint("trickles its body") as endpoint,
        a_post(server, limits=limits) as post,
    ):
        await post.webhook(endpoint.url)
        await alert(server, server.tenant)
        async with asyncio.timeout(20):
            assert await post.dispatcher.deliver_due() == 1
    assert post.outcomes == {"delivered": 1}


async def test_a_name_is_looked_up_for_the_project_of_the_message(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    addresses_of = Resolver.addresses_of

    async def note(self: Resolver, host: str, port: int, seconds: float | None) -> list[str]:
        asked.append(PROJECT.get())
        return await addresses_of(self, host, port, seconds)

    monkeypatch.setattr(Resolver, "addresses_of", note)
    async with receiving() as receiver, Sender(private=True) as sender:
        post = Post(server, sender)
        await post.webhook(receiver.url)
        await alert(server, server.tenant)
        assert await post.dispatcher.deliver_due() == 1
    assert asked == [server.tenant.id]
