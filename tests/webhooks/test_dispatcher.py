"""The dispatcher's rounds: what one of them does, and that none of them is the last."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from satmint.flows.revoke import revoke_session
from satmint.model.deliveries import AttemptResult
from satmint.model.refusals import StoreUnavailable
from satmint.model.webhooks import Delivery, Webhook, WebhookState
from satmint.store.contract.webhooks import DuePage, OutboxPosition
from satmint.webhooks import DispatchLimits
from tests.kit.clock import NOW
from tests.kit.polling import until
from tests.kit.service import ORIGIN, Server
from tests.kit.slow_endpoints import slow_endpoint
from tests.webhooks.post import a_post, alert, finish, running
from tests.webhooks.receiver import receiving

QUICK = DispatchLimits(poll_seconds=0.01)
PATIENT = DispatchLimits(delivery_seconds=60.0)


async def test_all_that_is_due_is_delivered(server: Server) -> None:
    """Also what has no slot at first."""
    async with receiving() as receiver, a_post(server, limits=QUICK) as post:
        await post.webhook(receiver.url)
        for number in range(21):
            pair = await server.sign_in(f"user-{number}")
            session = server.claims(pair["token"]).sid
            await revoke_session(server.services, server.tenant.id, session, ORIGIN)
        async with running(post):
            await until(lambda: post.outcomes["delivered"] == 21)
    assert len(receiver.bodies) == 21
    assert post.outcomes == {"delivered": 21}


async def test_round_begins_after_the_one_before_has_ended(server: Server) -> None:
    begun, end = list[str](), asyncio.Event()

    async def rounds() -> int:
        begun.append("first" if not begun else "next")
        await end.wait()
        return 0

    async with a_post(server, limits=DispatchLimits(poll_seconds=0.0)) as post:
        post.dispatcher.start_due = rounds  # type: ignore[method-assign]
        async with running(post):
            await until(lambda: begun)
            for _ in range(3):
                await post.dispatcher._pause()
            meanwhile = list(begun)
            end.set()
            await until(lambda: len(begun) > 1)
    assert meanwhile == ["first"]


@pytest.mark.parametrize(
    ("error", "event"),
    [(StoreUnavailable("sqlite_full"), "webhooks_delayed"), (KeyError("a bug"), "failed")],
)
async def test_round_that_fails_is_not_the_last(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception, event: str
) -> None:
    store = server.services.store.webhooks
    look = type(store).due_webhooks
    failures = [error]

    async def fail_once(self: object, now: int, after: OutboxPosition, limit: int) -> DuePage:
        if failures:
            raise failures.pop()
        return await look(self, now, after, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store), "due_webhooks", fail_once)
    async with receiving() as receiver, a_post(server, limits=QUICK) as post:
        await post.webhook(receiver.url)
        await post.alert()
        with capture_logs() as lines:
            async with running(post):
                await until(lambda: post.outcomes)
    assert [line["event"] for line in lines] == [event, "webhook_delivered"]
    assert len(receiver.bodies) == 1


async def test_webhook_that_cannot_be_read_holds_up_no_other(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example because of an event of a kind that only a newer server knows."""
    store = server.services.store.webhooks
    claim = type(store).claim_due
    async with receiving() as receiver, a_post(server, limits=QUICK) as post:
        webhooks = [await post.webhook(f"{receiver.url}&webhook={n}") for n in range(3)]
        broken = min(webhooks, key=lambda one: one.id)

        async def fail_for_one(
            self: object, webhook: Webhook, now: int, until: int, limit: int
        ) -> Sequence[Delivery]:
            if webhook.id == broken.id:
                raise ValueError("unknown kind")
            return await claim(self, webhook, now, until, limit)  # type: ignore[arg-type]

        monkeypatch.setattr(type(store), "claim_due", fail_for_one)
        await post.alert()
        with capture_logs() as lines:
            async with running(post):
                await until(lambda: post.outcomes["delivered"] == 2)
    assert {line["webhook"] for line in lines if line["event"] == "failed"} == {str(broken.id)}
    assert len(receiver.bodies) == 2


async def test_round_seals_secrets_anew_once_for_each_key(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, cipher = server.services.store.webhooks, server.services.cipher
    find, asked = type(store).sealed_with_other_key, list[str]()

    async def ask(self: object, key_id: str, after: UUID, limit: int) -> Sequence[Webhook]:
        asked.append(key_id)
        return await find(self, key_id, after, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store), "sealed_with_other_key", ask)
    async with a_post(server) as post:
        await post.webhook("https://hooks.example/")
        first = cipher.keyring.active.id
        for _ in range(3):
            await post.dispatcher._round()
        assert asked == [first]
        cipher.reload(cipher.keyring.rotate(server.services.entropy, NOW))
        for _ in range(3):
            await post.dispatcher._round()
        # Once more than there are pages: the last one is empty.
        assert asked == [first, *[cipher.keyring.active.id] * 2]
        assert await find(store, cipher.keyring.active.id, UUID(int=0), 10) == ()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "delivered"), (204, "delivered"), (299, "delivered"), (300, "failed"),
     (302, "failed"), (404, "failed"), (410, "failed"), (500, "failed")],
)  # fmt: skip
async def test_only_a_2xx_says_that_a_message_arrived(
    server: Server, status: int, outcome: str
) -> None:
    answer = b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status
    async with receiving(answer) as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await post.alert()
        await post.dispatcher.deliver_due()
    assert post.outcomes == {outcome: 1}


async def test_delivery_in_progress_is_not_sent_again_when_the_clock_is_set(server: Server) -> None:
    """And it does not keep the next one, whose process has died, from being sent."""
    store, lease, now = server.services.store.webhooks, PATIENT.lease_seconds, server.clock.now()
    async with slow_endpoint("never answers") as endpoint, a_post(server, limits=PATIENT) as post:
        webhook = await post.webhook(endpoint.url)
        await alert(server, server.tenant)
        assert await post.dispatcher._start(webhook, 1) == 1
        await alert(server, server.tenant)
        assert len(await store.claim_due(webhook, now, now + lease + 1, 1)) == 1
        server.clock.advance(lease + 1)
        assert await post.dispatcher._start(webhook, 2) == 1  # both are due
        assert post.dispatcher.in_progress == 2
        await until(lambda: endpoint.accepted == 2)
        await finish(post)


@pytest.mark.parametrize(
    ("latency_ms", "state"), [(2000, WebhookState.ACTIVE), (2001, WebhookState.SLOW)]
)
async def test_endpoint_that_takes_longer_than_two_seconds_is_slow(
    server: Server, latency_ms: int, state: WebhookState
) -> None:
    store, now = server.services.store.webhooks, server.clock.now()
    async with a_post(server) as post:
        webhook = await post.webhook("https://hooks.example/")
        await alert(server, server.tenant)
        (delivery,) = await store.claim_due(webhook, now, now + 30, 1)
        await post.dispatcher._store_result(delivery, AttemptResult(latency_ms=latency_ms))
    found = await store.get(webhook.project, webhook.id)
    assert found is not None
    assert found.state is state


async def test_pause_of_an_endpoint_is_logged_once(server: Server) -> None:
    failed = b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"
    async with receiving(failed, failed) as receiver, a_post(server) as post:
        await post.webhook(receiver.url)
        await alert(server, server.tenant)
        events = []
        for _ in range(2):
            with capture_logs() as lines:
                assert await post.dispatcher.deliver_due() == 1
            events.append([line["event"] for line in lines])
            server.clock.advance(60)
    assert events == [["webhook_failed", "webhook_paused"], ["webhook_failed"]]


async def test_delivery_is_leased_while_it_is_sent(server: Server) -> None:
    """A process that is sending it is not disturbed; one that has died is replaced."""
    async with receiving(b"") as receiver, a_post(server) as post:
        webhook = await post.webhook(receiver.url)
        await post.alert()
        store, now = server.services.store.webhooks, server.clock.now()
        during: list[int] = []
        attempt = post.dispatcher._attempt

        async def look_meanwhile(delivery: Delivery) -> AttemptResult:
            for seconds in (29, 30):
                found = await store.claim_due(webhook, now + seconds, now + seconds, 10)
                during.append(len(found))
            return await attempt(delivery)

        post.dispatcher._attempt = look_meanwhile  # type: ignore[method-assign]
        assert await post.dispatcher.deliver_due() == 1
    assert during == [0, 1]
