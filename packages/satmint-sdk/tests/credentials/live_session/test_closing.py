"""Closing a live session, in every state that it can be in."""

from __future__ import annotations

import asyncio

import pytest

from kit.gateway import FakeGateway
from kit.live_sessions import ended, kinds, live
from kit.sessions import session_of
from satmint_sdk.credentials import (
    SessionClient,
    SessionClosed,
)
from satmint_sdk.testing import settle


async def test_closing_goes_offline_first(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        await client.close()
        assert [name for name, _ in gateway.calls][-1] == "subscriber.offline"
        assert gateway.live.hung_up
        assert kinds(client) == ["connected", "online"]
        with pytest.raises(SessionClosed) as closed:
            await client.online()
        assert str(closed.value) == "the session client is closed"


async def test_closing_does_not_wait_for_a_dead_gateway(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        gateway.silent = True
        began = gateway.clock.now().mono
        await ended(client.close(), gateway.clock)
        assert gateway.clock.now().mono - began == pytest.approx(2, abs=0.3)


async def test_closing_while_it_waits_for_the_next_attempt(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.go_down(5)
        gateway.break_off()
        await gateway.clock.advance(1)
        wish = asyncio.ensure_future(client.online())
        await settle()
        await client.close()
        with pytest.raises(SessionClosed):
            await wish
        assert client.state.phase == "closed"


async def test_an_unopened_client_can_be_closed_and_asked_nothing(gateway: FakeGateway) -> None:
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(SessionClosed) as closed:
            await client.online()
        assert str(closed.value) == "the session client is not open"
        await client.close()
        assert [event async for event in client.events()] == []


async def test_the_end_of_the_session_is_its_end(gateway: FakeGateway) -> None:
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        await client.open()
    await settle()
    assert isinstance(client.state.error, SessionClosed)
    assert str(client.state.error) == "the credential session is closed"
    assert gateway.live.hung_up
    await client.close()


async def test_a_session_that_is_closed_while_a_socket_opens(gateway: FakeGateway) -> None:
    service = gateway.service
    async with session_of(service) as session:
        client = SessionClient(session, transport=gateway)
        await client.open()
        gateway.break_off()
        await gateway.clock.advance(0.4)
        scheduler, session._scheduler = session._scheduler, None  # it is being closed
        await gateway.clock.advance(1)
        session._scheduler = scheduler
    await settle()
    assert isinstance(client.state.error, SessionClosed)
    await client.close()


async def test_a_client_whose_task_is_cancelled_leaves_nobody_waiting(
    gateway: FakeGateway,
) -> None:
    async with live(gateway) as (_, client):
        gateway.deaf = True
        wish = asyncio.ensure_future(client.online())
        await settle()
        assert client._running is not None
        client._running.cancel()
        await asyncio.wait([wish])
        assert wish.cancelled()
        assert gateway.live.hung_up
