"""The gateway by itself: what it counts, logs and refuses, and what its periodic tasks do."""

import asyncio
from dataclasses import replace
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from satmint.flows.live import COUNTED_CAUSES
from satmint.gateway import Limits
from satmint.gateway import gateway as gateway_module
from satmint.model.lifetimes import ACCESS_SECONDS
from satmint.policies import limits_of
from satmint.settings import Settings
from tests.gateway.asgi_client import ADDRESS, LATER, AsgiClient, a_gateway
from tests.gateway.test_store_outages import broken
from tests.kit.clock import NOW
from tests.kit.gateway import Ticker, connect_params, reauthenticate_params
from tests.kit.polling import until
from tests.kit.service import Server, a_service


async def revoke(server: Server) -> None:
    """End all sessions of the tenant."""
    answer = await server.client.delete("/api/satmint/sessions", auth=server.tenant.auth)
    assert answer.is_success


def test_limits_by_default_are_those_of_the_settings() -> None:
    """The number of connections is reduced where the system does not have as many descriptors."""
    settings = Settings()
    assert Limits().connections == settings.gateway_connections == 20_000
    assert Limits() == replace(limits_of(settings), connections=20_000)


# Upgrades


async def test_upgrades_are_rejected_at_each_limit_and_not_before(server: Server) -> None:
    gateway = a_gateway(server, connections=3, per_address=2)
    async with AsgiClient(gateway, "192.0.2.1"):
        assert not gateway.rejects("192.0.2.1")
        async with AsgiClient(gateway, "192.0.2.1"):
            assert gateway.rejects("192.0.2.1")
            assert not gateway.rejects("192.0.2.2")
            async with AsgiClient(gateway, "192.0.2.2"):
                assert gateway.rejects("192.0.2.3")
            assert not gateway.rejects("192.0.2.3")
        assert not gateway.rejects("192.0.2.1")


async def test_upgrades_are_rejected_while_many_are_unauthenticated(server: Server) -> None:
    pair = await server.sign_in()
    gateway = a_gateway(server, per_address=20)
    clients = [AsgiClient(gateway) for _ in range(10)]
    for client in clients:
        await client.__aenter__()
    assert gateway.rejects(ADDRESS)
    await clients[0].connected(pair["token"])
    assert not gateway.rejects(ADDRESS), "authenticated connections are not among them"
    clients.append(AsgiClient(gateway))
    await clients[-1].__aenter__()
    assert gateway.rejects(ADDRESS)
    for client in clients:
        await client.leave()
    assert not gateway.rejects(ADDRESS)


async def test_upgrades_are_rejected_once_the_gateway_stops(server: Server) -> None:
    gateway = a_gateway(server)
    assert not gateway.rejects(ADDRESS)
    await gateway.stop()
    assert gateway.rejects(ADDRESS)


async def test_upgrades_are_rejected_once_a_connect_waited_in_vain_for_the_store(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "AUTHENTICATE_SECONDS", 0.02)
    monkeypatch.setattr(gateway_module, "_RETRY_SECONDS", 0.005)
    pair = await server.sign_in()
    gateway = a_gateway(server, refusal_delay_seconds=LATER)
    async with AsgiClient(gateway) as client:
        with broken(server), capture_logs() as lines:
            answer = await client.ask("signalwire.connect", connect_params(pair["token"]))
        assert answer["error"]["code"] == -32603
        assert gateway.rejects(ADDRESS)
        assert [line["event"] for line in lines] == ["store_down", "refused"]
        await gateway.revocations.poll()
        assert not gateway.rejects(ADDRESS)
    assert server.service.metrics.gateway.connects == {("connect", "store"): 1}


async def test_client_that_is_lost_during_its_upgrade_leaves_nothing(server: Server) -> None:
    gateway = a_gateway(server, connections=1)
    client = AsgiClient(gateway)
    client.lost = True
    await client.__aenter__()
    await client.leave()
    assert server.service.metrics.gateway.connections == 0
    assert not gateway.rejects(ADDRESS)
    assert gateway._by_network == {}
    assert ADDRESS not in gateway._by_network


async def test_connections_and_sessions_are_counted_from_begin_to_end(server: Server) -> None:
    one, other = await server.sign_in("alice"), await server.sign_in("bob")
    gateway, metrics, counted = a_gateway(server), server.service.metrics.gateway, []

    def count() -> None:
        counted.append((metrics.connections, metrics.sessions))

    async with AsgiClient(gateway) as first, AsgiClient(gateway) as second:
        count()
        await first.connected(one["token"])
        count()
        await second.connected(other["token"])
        count()
        await first.ask("signalwire.reauthenticate", reauthenticate_params(one["token"]))
        count()
        server.clock.advance(ACCESS_SECONDS)
        gateway.sweep()
        count()
    count()
    assert counted == [(2, 0), (2, 1), (2, 2), (2, 2), (2, 0), (0, 0)]


# What is counted and logged of a connect


async def test_connect_is_counted_and_logged_with_all_that_identifies_it(server: Server) -> None:
    pair = await server.sign_in()
    gateway, metrics = a_gateway(server), server.service.metrics.gateway
    client = AsgiClient(gateway)
    client.scope["satmint.request_id"] = "from-the-upgrade"
    async with client:
        with capture_logs() as lines:
            await client.connected(pair["token"])
            await client.ask("signalwire.reauthenticate", reauthenticate_params(pair["token"]))
        (socket,) = gateway._sockets
    claims = server.claims(pair["token"])
    admitted = {
        "event": "admitted",
        "log_level": "info",
        "connection": str(socket.id),
        "request_id": "from-the-upgrade",
        "project": str(server.tenant.id),
        "subscriber": pair["subscriber_id"],
        "session": str(claims.sid),
        "bound": False,
    }
    assert lines == [{**admitted, "kind": "connect"}, {**admitted, "kind": "reauthenticate"}]
    assert metrics.connects == {("connect", "ok"): 1, ("reauthenticate", "ok"): 1}
    assert metrics.requests == {"signalwire.connect": 1, "signalwire.reauthenticate": 1}


async def test_refusal_is_counted_and_logged_with_its_cause(server: Server) -> None:
    gateway, metrics = a_gateway(server), server.service.metrics.gateway
    async with AsgiClient(gateway) as client:
        with capture_logs() as lines:
            await client.ask("signalwire.connect", connect_params("a.b.c.d.e"))
        (socket,) = gateway._sockets
        assert lines == [
            {
                "event": "refused",
                "log_level": "info",
                "connection": str(socket.id),
                "kind": "connect",
                "code": -32002,
                "cause": "cannot_open",
                "request_id": str(socket.id),
                "address": ADDRESS,
            }
        ]
        await client.ask("signalwire.connect", connect_params("a.b.c.d.e"))
    assert metrics.connects == {("connect", "cannot_open"): 2}


async def test_refusal_for_lack_of_room_is_logged_and_answered_at_once(server: Server) -> None:
    """However often: valid credentials are no guess, so that it does not count as a failure."""
    pair = await server.sign_in()
    gateway = a_gateway(server, per_session=0, refusal_delay_seconds=LATER)
    async with AsgiClient(gateway) as client:
        with capture_logs() as lines:
            answer = await client.ask("signalwire.connect", connect_params(pair["token"]))
    assert answer["error"]["code"] == -32000
    assert [(line["event"], line["cause"]) for line in lines] == [
        ("refused", "too_many_session_connections")
    ]


async def test_bug_is_logged_and_answered_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = a_gateway(server, refusal_delay_seconds=LATER)

    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(gateway, "_authenticate", fail)
    async with AsgiClient(gateway) as client:
        with capture_logs() as lines:
            answer = await client.ask("signalwire.connect", connect_params("x"))
        (socket,) = gateway._sockets
    assert answer["error"]["code"] == -32603
    failed, refused = lines
    assert (failed["event"], failed["kind"]) == ("failed", "connect")
    assert failed["connection"] == str(socket.id)
    assert refused["cause"] == "bug"
    assert server.service.metrics.gateway.connects == {("connect", "bug"): 1}
    assert not gateway.rejects(ADDRESS), "the store is not at fault"


async def test_guess_over_the_limit_is_slow_and_not_logged(
    tmp_path: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Causes that count by themselves (`COUNTED_CAUSES`) are not counted a second time."""
    delays = list[float]()
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        delays.append(seconds)
        await real(0)

    async with a_service(tmp_path, failures_per_minute=2) as server:
        gateway = a_gateway(server, refusal_delay_seconds=7.0)
        async with AsgiClient(gateway) as client:
            monkeypatch.setattr(asyncio, "sleep", sleep)
            with capture_logs() as lines:
                for _ in range(4):
                    answer = await client.ask("signalwire.connect", connect_params("a.b.c.d.e"))
                    assert answer["error"]["code"] == -32002
        assert [line["event"] for line in lines] == ["refused", "refused"]
        assert delays == [7.0, 7.0]
        assert server.service.metrics.gateway.connects == {("connect", "cannot_open"): 4}
        assert "cannot_open" not in COUNTED_CAUSES


# How connections end


LABELS: Final[dict[int | None, str]] = {
    None: "1005",
    **{code: str(code) for code in (1000, 1001, 1005, 1006, 1007, 1008, 1009)},
    **dict.fromkeys((999, 1002, 1003, 1004, 1010, 3000, 4403, 4999), "other"),
}
"""What a close counts as, by the code of the client; None: it gives no code."""


async def test_close_by_the_client_is_counted_by_its_code(server: Server) -> None:
    gateway, closes = a_gateway(server), server.service.metrics.gateway.closes
    with capture_logs() as lines:
        for code, label in LABELS.items():
            closes.clear()
            async with AsgiClient(gateway) as one, AsgiClient(gateway) as other:
                for client in (one, other):
                    await client.leave(**({} if code is None else {"code": code}))
            assert closes == {label: 2}, code
    assert lines == [], "an unauthenticated client could fill the log"


async def test_close_by_an_authenticated_client_is_logged(server: Server) -> None:
    pair = await server.sign_in()
    gateway = a_gateway(server)
    async with AsgiClient(gateway) as client:
        await client.connected(pair["token"])
        (socket,) = gateway._sockets
        with capture_logs() as lines:
            await client.leave(code=4001)
    assert lines == [
        {
            "event": "closed_by_client",
            "log_level": "info",
            "connection": str(socket.id),
            "code": 4001,
            "request_id": str(socket.id),
            "address": ADDRESS,
        }
    ]
    assert server.service.metrics.gateway.closes == {"other": 1}


async def test_close_by_the_server_is_logged_and_counted_once(server: Server) -> None:
    pair = await server.sign_in()
    gateway = a_gateway(server)
    with capture_logs() as lines:
        async with AsgiClient(gateway) as client:
            await client.connected(pair["token"])
            (socket,) = gateway._sockets
            lines.clear()
            await revoke(server)
            await gateway.revocations.poll()
            assert await client.close_code() == 4403
            await client.leave(code=4403)
    assert [line for line in lines if line.get("connection")] == [
        {
            "event": "closed",
            "log_level": "info",
            "connection": str(socket.id),
            "code": 4403,
            "request_id": str(socket.id),
            "address": ADDRESS,
        }
    ]
    assert server.service.metrics.gateway.closes == {"4403": 1}


async def test_session_that_is_shortened_expires_then_and_no_other_does(server: Server) -> None:
    one, other = await server.sign_in("alice"), await server.sign_in("bob")
    gateway = a_gateway(server)
    async with (
        AsgiClient(gateway),
        AsgiClient(gateway) as shortened,
        AsgiClient(gateway) as beside,
    ):
        await shortened.connected(one["token"])
        await beside.connected(other["token"])
        session = server.claims(one["token"]).sid
        gateway.shorten_session(session, NOW + 60)
        gateway.shorten_session(session, NOW + 90)
        expiries = {socket.connection.expires_at for socket in gateway._sockets if socket.admission}
        assert expiries == {NOW + 60, NOW + ACCESS_SECONDS}


async def test_client_that_leaves_is_forgotten(server: Server) -> None:
    pair = await server.sign_in()
    gateway, metrics = a_gateway(server, per_session=1), server.service.metrics.gateway
    for _ in range(2):
        async with AsgiClient(gateway) as client:
            await client.connected(pair["token"])
            await client.ask("subscriber.online")
            await gateway.presence.flush()
            assert len((await server.rows("presence"))["presence"]) == 1
        await gateway.presence.flush()
        assert (await server.rows("presence"))["presence"] == []
        assert (metrics.connections, metrics.sessions) == (0, 0)
        assert not gateway._sockets
        assert not len(gateway._quotas)
        assert not gateway.presence._online


# Frames over the limit


@pytest.mark.parametrize("limit", [1, 3])
async def test_frames_over_the_limit_wait_for_the_next_second(
    server: Server, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monotonic, delays = Ticker(), list[float]()
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        delays.append(seconds)
        monotonic.at += seconds
        await real(0)

    monotonic.at = 1000.25
    gateway = a_gateway(server, monotonic, requests_per_second=limit)
    async with AsgiClient(gateway) as client:
        monkeypatch.setattr(asyncio, "sleep", sleep)
        for _ in range(limit):
            await client.ask("x")
        assert delays == []
        await client.ask("x")
        assert delays == [0.75]
        for _ in range(limit):  # the frame that waited is not counted for the second it waited for
            await client.ask("x")
        assert delays == [0.75]
        await client.ask("x")
        assert delays == [0.75, 1.0]


async def test_frame_is_not_processed_before_the_previous_answer_is_sent(server: Server) -> None:
    gateway, requests = a_gateway(server), server.service.metrics.gateway.requests
    async with AsgiClient(gateway) as client:
        client.reads.clear()
        for _ in range(3):
            client.say("x")
        await until(lambda: requests["-"])
        for _ in range(10):
            await asyncio.sleep(0)
        assert requests["-"] == 1
        client.reads.set()
        for _ in range(3):
            await client.hear()
        assert requests["-"] == 3
