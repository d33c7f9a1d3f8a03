"""Messages on an open connection: presence, pings, and requests of the gateway."""

from __future__ import annotations

import asyncio

import pytest

from kit.gateway import FakeGateway
from kit.live_sessions import CONNECT, ended, kinds, live, past, static
from satmint_sdk.credentials import (
    GatewayError,
    GatewayRefused,
    Warned,
)
from satmint_sdk.testing import settle


async def test_online_and_offline(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        assert (client.state.phase, gateway.live.online) == ("online", True)
        await client.online()
        await client.offline()
        assert (client.state.phase, gateway.live.online) == ("connected", False)
        await client.offline()
        assert kinds(client) == ["connected", "online", "offline"]
        assert [name for name, _ in gateway.calls] == [
            CONNECT, "subscriber.online", "subscriber.offline",
        ]  # fmt: skip


async def test_going_offline_ends_a_wait_for_online(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.deaf = True
        first = asyncio.ensure_future(client.online())
        await settle()
        second = asyncio.ensure_future(client.offline())
        await settle()
        assert not second.done()  # the first one's request is on its way
        with pytest.raises(GatewayError) as overruled:
            await first
        assert str(overruled.value) == "another call requested the opposite presence"
        gateway.deaf = False
        await ended(second, gateway.clock)
        await gateway.clock.advance(60)
        assert (client.state.phase, gateway.live.online) == ("connected", False)


async def test_presence_that_is_refused_is_told(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.deny("subscriber.online", -32000, "not today")
        with pytest.raises(GatewayRefused) as refused:
            await client.online()
        assert str(refused.value) == "subscriber.online was refused with -32000: not today"
        assert past(client)[-1] == Warned("presence_refused", "refused", str(refused.value))
        assert str(client.state.phase) == "connected"
        await client.online()
        assert str(client.state.phase) == "online"


async def test_pings_are_answered_for_hours(gateway: FakeGateway) -> None:
    async with live(gateway, static(gateway.service)) as (_, client):
        gateway.answers.clear()
        await gateway.clock.advance(7100)
        assert len(gateway.answers) == 788
        assert gateway.answers[0]["id"] == "ping-1"
        assert gateway.answers[0]["result"] == {"timestamp": 1}
        assert (len(gateway.sockets), kinds(client)) == (1, ["connected"])


async def test_what_the_gateway_asks_is_answered(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.answers.clear()
        gateway.live.ask("a", "signalwire.event", {"event_type": "anything"})
        gateway.live.ask(7, "call.invite", None)
        gateway.live.ask(None, "a.notification", [])
        for text in ("", "{", "[]", "null", '{"id":"x"}', '{"id":"1","result":{}}', "[" * 9999):
            gateway.live.tell(text)
        await settle()
        assert gateway.answers == [
            {"jsonrpc": "2.0", "id": "a", "result": {}},
            {"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "unknown method"}},
        ]
        assert client.state.phase == "connected"
