"""A lost connection: attempts, their delays, and resuming with the state of the session."""

from __future__ import annotations

import asyncio

import pytest

from kit.gateway import FakeGateway
from kit.live_sessions import CONNECT, ended, kinds, live, past
from satmint_sdk.credentials import (
    Connected,
    Disconnected,
)
from satmint_sdk.testing import FakeEntropy, settle


async def test_a_broken_connection_is_resumed_and_still_online(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        gateway.break_off()
        await settle()
        assert str(client.state.phase) == "waiting"
        await gateway.clock.advance(1)
        assert str(client.state.phase) == "online"
        assert client.state.resumed
        assert gateway.live.online
        second = gateway.said(CONNECT)[1]
        assert second["authorization_state"] == "state-1-of-1"
        assert second["protocol"] == "signalwire_1"
        disconnected = past(client)[2]
        assert disconnected == Disconnected(
            "closed",
            "no reason was given",
            pytest.approx(0.5),  # type: ignore[arg-type]
        )
        assert kinds(client) == ["connected", "online", "disconnected", "connected", "online"]


async def test_a_wish_during_an_outage_is_granted_after_it(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.go_down(3)
        gateway.break_off()
        wish = asyncio.ensure_future(client.online())
        await gateway.clock.advance(1)
        assert not wish.done()
        await ended(wish, gateway.clock)
        assert gateway.live.online


async def test_who_went_offline_during_an_outage_is_offline_after_it(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        gateway.break_off()
        await settle()
        await ended(client.offline(), gateway.clock)
        assert (client.state.phase, gateway.live.online) == ("connected", False)


async def test_a_state_of_another_session_is_not_kept(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        event = {"event_type": "signalwire.authorization.state", "event_channel": "other"}
        gateway.live.ask("1", "signalwire.event", event | {"params": {"authorization_state": "x"}})
        event["event_channel"] = "signalwire_1"
        for useless in ({}, {"authorization_state": ""}, {"authorization_state": 5}, None):
            gateway.live.ask("2", "signalwire.event", event | {"params": useless})
        gateway.break_off()
        await gateway.clock.advance(1)
        assert client.state.resumed


async def test_attempts_are_spread_and_become_rare(gateway: FakeGateway) -> None:
    async with live(gateway, entropy=FakeEntropy()) as (_, client):
        gateway.go_down(40)
        gateway.break_off()
        await gateway.clock.advance(900)
        pauses = [event.retry_in for event in past(client) if isinstance(event, Disconnected)]
        assert len(set(pauses)) == len(pauses) == 41
        for number, pause in enumerate(pauses, start=1):
            assert 0.5 <= pause <= min(0.5 * 2**number, 30)
        assert max(pauses) > 20
        assert client.state.phase == "connected"


async def test_a_busy_gateway_is_left_alone_for_as_long_as_it_asks(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.be_busy(1, not_before=45.0)
        gateway.break_off()
        await gateway.clock.advance(44)
        assert len(gateway.connected_to) == 2
        assert past(client)[-1] == Disconnected(
            "http_503", "UpgradeRefused: the upgrade was answered 503", 45.0
        )
        await gateway.clock.advance(3)
        assert client.state.phase == "connected"


async def test_a_gateway_that_accepts_and_closes_causes_no_storm(gateway: FakeGateway) -> None:
    async with live(gateway, entropy=FakeEntropy()) as (_, client):
        before = len(gateway.sockets)
        for _ in range(1200):
            await gateway.clock.advance(0.5)
            gateway.live.end(1011)
        assert len(gateway.sockets) - before < 45
        assert client.state.failures > 10


async def test_a_connection_that_lived_for_a_while_is_a_success(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        for _ in range(5):
            await gateway.clock.advance(30)
            gateway.break_off()
            await settle()
            assert client.state.failures == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32003, "Requester validation failed"),
        (-32002, "expired"),
        (-32602, "bad state"),
        (-32099, "Requester validation failed"),
    ],
)
async def test_a_refused_resume_becomes_a_fresh_start_on_the_same_connection(
    code: int, message: str, gateway: FakeGateway
) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        gateway.deny(CONNECT, code, message)
        gateway.break_off()
        await gateway.clock.advance(1)
        assert len(gateway.sockets) == 2
        assert "authorization_state" not in gateway.said(CONNECT)[-1]
        assert (client.state.phase, client.state.resumed) == ("online", False)
        assert past(client)[-2] == Connected(resumed=False)


async def test_a_gateway_that_forgot_everything_is_begun_with_anew(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.forget()
        gateway.break_off()
        await gateway.clock.advance(1)
        assert (client.state.phase, client.state.resumed) == ("connected", False)


async def test_a_resume_that_fails_for_now_is_tried_again(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.deny(CONNECT, -32603, "store unreachable")
        gateway.break_off()
        await gateway.clock.advance(5)
        assert client.state.resumed
        assert past(client)[-2] == Disconnected(
            "refused", "signalwire.connect was refused with -32603: store unreachable", 0.5
        )


async def test_a_graceful_stop_is_survived(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        gateway.stop_gracefully()
        await gateway.clock.advance(1)
        assert {"jsonrpc": "2.0", "id": "bye", "result": {}} in gateway.answers
        assert (client.state.phase, client.state.resumed) == ("online", True)
        assert past(client)[2].cause_code == "told_to"


async def test_a_gateway_that_goes_away_is_survived(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.live.end(1001, "going away\r\n" + str(gateway.said(CONNECT)))
        await gateway.clock.advance(1)
        assert client.state.resumed
        disconnected = past(client)[1]
        assert (disconnected.cause_code, disconnected.close_code) == ("closed", 1001)
        assert disconnected.detail.startswith("going away")
        assert "eyJ" not in disconnected.detail


async def test_a_silent_gateway_is_taken_for_dead(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await gateway.clock.advance(100)
        gateway.silent = True
        await gateway.clock.advance(18)  # the last ping came a second before
        assert "disconnected" not in kinds(client)
        await gateway.clock.advance(2)
        assert past(client)[1].cause_code == "silence"
        assert gateway.sockets[0].hung_up
        gateway.silent = False
        await gateway.clock.advance(60)
        assert client.state.phase == "connected"


async def test_a_request_without_an_answer_ends_a_connection(gateway: FakeGateway) -> None:
    async with live(gateway) as (session, client):
        gateway.deaf = True
        await session.renew(session.credential.token)
        await gateway.clock.advance(11)
        assert past(client)[1] == Disconnected(
            "no_answer", "signalwire.reauthenticate was not answered in 10 s", 0.5
        )
        gateway.deaf = False
        await gateway.clock.advance(60)
        assert gateway.claims is gateway.service.tokens[session.credential.token]


async def test_a_connection_that_hangs_is_given_up(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.hang()
        gateway.break_off()
        await gateway.clock.advance(17)
        assert past(client)[-2] == Disconnected(
            "timeout", "TimeoutError: the attempt took longer than 15 s", 0.5
        )
        assert client.state.resumed
