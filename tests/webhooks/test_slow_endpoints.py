"""One project's slow endpoints delay no other project's alerts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from satmint.flows.webhooks import create_webhook
from satmint.webhooks import DispatchLimits
from satmint.webhooks.slots import Slots
from tests.kit.databases import SQLITE, fresh_database
from tests.kit.polling import until
from tests.kit.service import ORIGIN, Server, a_service, a_tenant
from tests.kit.slow_endpoints import slow_endpoint
from tests.webhooks.post import a_post, alert, finish, running
from tests.webhooks.receiver import receiving

SMALL: Final = DispatchLimits(
    poll_seconds=0.05, delivery_seconds=1.0, slow_seconds=0.3, body_seconds=0.2, stop_seconds=0.2
)
"""The limits of production with deadlines that a test can wait for."""


@asynccontextmanager
async def on(folder: Path, database: str = SQLITE) -> AsyncIterator[Server]:
    url = await fresh_database(database, folder)
    async with a_service(folder, private_webhooks=True, database=url) as server:
        yield server


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
