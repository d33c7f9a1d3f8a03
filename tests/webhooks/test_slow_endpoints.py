"""One project's slow endpoints delay no other project's alerts."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from satmint.flows.revoke import revoke_project
from satmint.flows.webhooks import create_webhook
from satmint.model.events import EventKind
from satmint.model.webhooks import Webhook, WebhookState
from satmint.webhooks import DispatchLimits, resolver
from satmint.webhooks.slots import Slots
from tests.kit.databases import DATABASES, SQLITE, fresh_database
from tests.kit.polling import until, until_answered
from tests.kit.service import ORIGIN, Server, Tenant, a_service, a_tenant
from tests.kit.slow_endpoints import BEHAVIOURS, slow_endpoint
from tests.store.store_setup import ALL
from tests.webhooks.post import Post, a_post
from tests.webhooks.receiver import receiving
from tests.webhooks.test_dispatcher import running

SMALL: Final = DispatchLimits(
    poll_seconds=0.05, delivery_seconds=1.0, slow_seconds=0.3, body_seconds=0.2, stop_seconds=0.2
)
"""The limits of production with deadlines that a test can wait for."""
WITHIN_SECONDS: Final = 2.0
"""How soon another project must get its alert."""
TIMEOUT: Final = (WebhookState.PAUSED, "timeout")
EXPECTED: Final = {
    "answers late": (WebhookState.SLOW, ""),
    "endless body": (WebhookState.ACTIVE, ""),
    "trickles its body": (WebhookState.ACTIVE, ""),
}
"""The state and the last error of endpoints that do not time out."""


@asynccontextmanager
async def on(folder: Path, database: str = SQLITE) -> AsyncIterator[Server]:
    url = await fresh_database(database, folder)
    async with a_service(folder, private_webhooks=True, database=url) as server:
        yield server


async def alert(server: Server, tenant: Tenant, count: int = 1) -> None:
    """Have a project something to be told."""
    services = server.services
    for _ in range(count):
        now = services.clock.now()
        event = services.new_event(EventKind.SESSION_REVOKED, tenant.id, ORIGIN, now)
        await services.store.events.record(event)


async def webhooks_of(server: Server, tenant: Tenant) -> list[Webhook]:
    return list((await server.services.store.webhooks.list(tenant.id, ALL)).items)


async def seconds_of_an_alert(server: Server, victim: Tenant, bodies: list[bytes]) -> float:
    """How long a healthy endpoint waits for the alert of something that happens now."""
    begin = time.monotonic()
    await revoke_project(server.services, victim.id, ORIGIN)
    known = len(bodies)
    await until(lambda: len(bodies) > known)
    return time.monotonic() - begin


async def check(server: Server, behaviours: list[str]) -> None:
    """Ten endpoints that behave like that have twelve alerts; another project's comes in time."""
    victim = await server.another_tenant()
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving())
        post = await stack.enter_async_context(a_post(server, limits=SMALL))
        await create_webhook(server.services, victim.id, receiver.url, ORIGIN)
        urls: dict[str, str] = {}
        for number in range(10):
            behaviour = behaviours[number % len(behaviours)]
            endpoint = await stack.enter_async_context(slow_endpoint(behaviour))
            urls[endpoint.url] = behaviour
            await post.webhook(endpoint.url)
        await alert(server, server.tenant, 12)
        async with running(post):
            await until(lambda: post.dispatcher.in_progress)
            for _ in range(2):
                taken = await seconds_of_an_alert(server, victim, receiver.bodies)
                assert taken < WITHIN_SECONDS
            states: dict[str, tuple[WebhookState, str]] = {}

            async def all_tried() -> bool:
                found = await webhooks_of(server, server.tenant)
                states.update({one.url: (one.state, one.last_error) for one in found})
                return all(state is not WebhookState.NEW for state, _ in states.values())

            await until_answered(all_tried)
    expected = {url: EXPECTED.get(behaviour, TIMEOUT) for url, behaviour in urls.items()}
    assert states == expected


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_slow_endpoint_delays_no_other_project(tmp_path: Path, behaviour: str) -> None:
    async with on(tmp_path) as server:
        await check(server, [behaviour])


@pytest.mark.parametrize("database", DATABASES)
async def test_slow_endpoints_of_every_kind_delay_no_other_project(
    tmp_path: Path, database: str
) -> None:
    async with on(tmp_path, database) as server:
        await check(server, list(BEHAVIOURS))


async def test_names_that_never_resolve_delay_no_other_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many names as there are threads, of one project and of others that do the same."""
    answer, find = threading.Event(), socket.getaddrinfo

    def stalled(host: str, *rest: object, **options: object) -> object:
        if host.endswith(".stalled.example"):
            answer.wait(30)
        return find(host, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", stalled)
    async with (
        on(tmp_path) as server,
        receiving() as receiver,
        a_post(server, limits=SMALL) as post,
    ):
        victim = await server.another_tenant()
        url = receiver.url.replace("127.0.0.1", "localhost")
        await create_webhook(server.services, victim.id, url, ORIGIN)
        for number in range(10):
            await post.webhook(f"https://{number}.stalled.example/")
        await alert(server, server.tenant, 12)
        try:
            async with running(post):
                await until(lambda: post.dispatcher.in_progress)
                for _ in range(3):
                    taken = await seconds_of_an_alert(server, victim, receiver.bodies)
                    assert taken < WITHIN_SECONDS
                await until(lambda: post.outcomes["timeout"] >= 4)
                names = [one.name for one in threading.enumerate()]
                assert names.count("satmint-resolver") <= resolver._THREADS_PER_PROJECT
        finally:
            answer.set()


async def test_a_crowd_of_slow_projects_leaves_room_for_those_that_answer(tmp_path: Path) -> None:
    """An endpoint that has answered fast has half of all slots for itself and its like."""
    async with (
        on(tmp_path) as server,
        slow_endpoint("never answers") as silent,
        receiving() as receiver,
        a_post(server, limits=SMALL) as post,
    ):
        victim = await server.another_tenant()
        await create_webhook(server.services, victim.id, receiver.url, ORIGIN)
        await alert(server, victim)
        assert await post.dispatcher.deliver_due() == 1
        crowd = [await a_tenant(server.services, f"slow-{number}") for number in range(12)]
        for tenant in crowd:
            for _ in range(10):
                await create_webhook(server.services, tenant.id, silent.url, ORIGIN)
            await alert(server, tenant, 3)
        async with running(post):
            await until(lambda: post.dispatcher.in_progress >= SMALL.unproven)
            assert post.dispatcher.in_progress == SMALL.unproven
            assert await seconds_of_an_alert(server, victim, receiver.bodies) < WITHIN_SECONDS


async def test_every_endpoint_gets_its_turn(tmp_path: Path) -> None:
    limits = DispatchLimits(total=8, per_project=4)
    async with (
        on(tmp_path) as server,
        receiving() as receiver,
        a_post(server, limits=limits) as post,
    ):
        for number in range(10):
            tenant = await a_tenant(server.services, f"tenant-{number}")
            url = receiver.url.replace("key=1", f"tenant={number}")
            await create_webhook(server.services, tenant.id, url, ORIGIN)
            await alert(server, tenant, 50)
        # Each round begins behind the last endpoint that had a slot: ten reach all of them, with a
        # few of their alerts.
        told: set[str] = set()
        # A round on a busy machine may end before all of its deliveries have.
        for _ in range(30):
            await post.dispatcher.deliver_due()
            told = {headers[""] for headers in receiver.headers}
            if len(told) == 10:
                break
        assert len(told) == 10
        assert len(receiver.headers) < 100


async def test_ten_thousand_endpoints_take_no_more_memory_than_the_slots(tmp_path: Path) -> None:
    async with (
        on(tmp_path) as server,
        slow_endpoint("never answers") as silent,
        a_post(server, limits=DispatchLimits(delivery_seconds=60)) as post,
    ):
        db = server.services.store.webhooks.db  # type: ignore[attr-defined]
        first = await post.webhook(silent.url)
        await alert(server, server.tenant)
        ids = [(server.services.new_id(), server.services.new_id()) for _ in range(10_000)]
        copy = (
            "INSERT INTO webhooks (project_id, webhook_id, url, sealed_secret, created_at)"
            " SELECT $1, $2, url, sealed_secret, created_at FROM webhooks"
            " WHERE project_id = $3 AND webhook_id = $4"
        )
        await db.execute_many(copy, [(*one, first.project, first.id) for one in ids])
        copy = (
            "INSERT INTO events (project_id, event_id, kind, at, subscriber_id, session_id,"
            " subject_id, generation, cause, request_id, address, agent)"
            " SELECT $1, event_id, kind, at, subscriber_id, session_id,"
            " subject_id, generation, cause, request_id, address, agent FROM events"
            " WHERE project_id = $2 AND kind = 'session_revoked'"
        )
        await db.execute_many(copy, [(project, server.tenant.id) for project, _ in ids])
        copy = (
            "INSERT INTO deliveries (project_id, webhook_id, event_id, next_at, attempts)"
            " SELECT $1, $2, event_id, 0, 0 FROM events WHERE project_id = $1"
        )
        await db.execute_many(copy, ids)
        rounds = [await post.dispatcher.start_due() for _ in range(2)]
        assert rounds == [SMALL.unproven // 2] * 2
        assert await post.dispatcher.start_due() == 0
        counts = post.dispatcher._slots
        kept = (post.dispatcher._tasks, counts._endpoints, counts._projects, counts._unproven)
        assert [len(one) for one in kept] == [SMALL.unproven] * 4
        await until(lambda: silent.accepted == SMALL.unproven)
        await finish(post)
        assert [len(one) for one in kept] == [0] * 4


async def test_a_stopped_server_lets_attempts_end(tmp_path: Path) -> None:
    limits = DispatchLimits(poll_seconds=0.05)
    async with (
        on(tmp_path) as server,
        slow_endpoint("answers late") as late,
        a_post(server, limits=limits) as post,
    ):
        await post.webhook(late.url)
        await alert(server, server.tenant)
        async with running(post):
            await until(lambda: late.accepted)
        assert post.outcomes == {"delivered": 1}
        assert post.dispatcher.in_progress == 0
        assert await post.dispatcher.deliver_due() == 0


async def test_what_a_stopped_server_did_not_finish_is_sent_by_another_one_at_once(
    tmp_path: Path,
) -> None:
    async with (
        on(tmp_path) as server,
        slow_endpoint("never answers") as silent,
        a_post(server, limits=SMALL) as post,
        a_post(server) as successor,
    ):
        await post.webhook(silent.url)
        await alert(server, server.tenant, 3)
        begin = time.monotonic()
        async with running(post):
            await until(lambda: silent.accepted)
        assert time.monotonic() - begin < SMALL.delivery_seconds
        assert post.outcomes == {}
        await until(lambda: not silent.connections)
        started = asyncio.create_task(successor.dispatcher.start_due())
        assert await started == 1
        successor.dispatcher._stopping = True
        await finish(successor)


async def finish(post: Post) -> None:
    """End the attempts of a dispatcher that was not run."""
    for task in list(post.dispatcher._tasks.values()):
        task.cancel()
    await post.dispatcher._drained()


async def test_connections_of_abandoned_handshakes_are_closed(tmp_path: Path) -> None:
    async with (
        on(tmp_path) as server,
        slow_endpoint("stalls the TLS handshake") as stalled,
        a_post(server, limits=DispatchLimits(delivery_seconds=0.2)) as post,
    ):
        await post.webhook(stalled.url)
        await alert(server, server.tenant)
        assert await post.dispatcher.deliver_due() == 1
        assert (stalled.accepted, post.outcomes) == (1, {"timeout": 1})
        await until(lambda: not stalled.connections)


async def test_a_clock_that_is_set_back_sends_nothing_twice(tmp_path: Path) -> None:
    async with (
        on(tmp_path) as server,
        slow_endpoint("answers late") as late,
        a_post(server) as post,
    ):
        await post.webhook(late.url)
        await alert(server, server.tenant)
        assert await post.dispatcher.start_due() == 1
        server.clock.advance(-3600)
        assert await post.dispatcher.start_due() == 0
        await post.dispatcher._drained()
        assert await post.dispatcher.deliver_due() == 0
    assert (late.accepted, post.outcomes) == (1, {"delivered": 1})


def test_limits_of_production() -> None:
    limits = DispatchLimits()
    assert limits.delivery_seconds == 10  # as the guide says
    assert limits.connect_seconds < limits.delivery_seconds / 2
    assert limits.lease_seconds == 30 > limits.delivery_seconds + limits.stop_seconds
    assert (limits.poll_seconds, limits.slow_seconds, limits.stop_seconds) == (1, 2, 5)
    assert (limits.total, limits.per_project, limits.per_endpoint) == (64, 8, 4)
    assert (limits.unproven, limits.unproven_per_project) == (32, 4)
    assert Slots(limits).used == 0
