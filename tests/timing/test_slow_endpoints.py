"""One project's slow endpoints delay no other project's alerts, by a clock."""

import asyncio
import socket
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from satmint.flows.revoke import revoke_project
from satmint.flows.webhooks import create_webhook
from satmint.model.webhooks import Webhook, WebhookState
from satmint.webhooks import resolver
from tests.kit.databases import DATABASES
from tests.kit.polling import until, until_answered
from tests.kit.service import ORIGIN, Server, Tenant, a_tenant
from tests.kit.slow_endpoints import BEHAVIOURS, slow_endpoint
from tests.store.store_setup import ALL
from tests.webhooks.post import a_post, alert, finish, running
from tests.webhooks.receiver import receiving
from tests.webhooks.test_slow_endpoints import SMALL, on

WITHIN_SECONDS: Final = 2.0
"""How soon another project must get its alert."""
TIMEOUT: Final = (WebhookState.PAUSED, "timeout")
EXPECTED: Final = {
    "answers late": (WebhookState.SLOW, ""),
    "endless body": (WebhookState.ACTIVE, ""),
    "trickles its body": (WebhookState.ACTIVE, ""),
}
"""The state and the last error of endpoints that do not time out."""


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
