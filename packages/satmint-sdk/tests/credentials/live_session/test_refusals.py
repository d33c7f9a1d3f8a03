"""Errors of the gateway: what replaces a credential, what is retried, and what ends the session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kit.clients import async_client_of
from kit.gateway import FakeGateway
from kit.live_sessions import CONNECT, ended, kinds, live, live_slowly, past, static
from kit.sessions import session_of
from satmint_sdk.credentials import (
    Connected,
    CredentialRefused,
    Disconnected,
    Ended,
    GatewayRefused,
    SessionClient,
    SessionRevoked,
    SubscriberCredentialProvider,
)
from satmint_sdk.testing import settle


async def test_a_refused_credential_is_replaced_once(gateway: FakeGateway) -> None:
    gateway.deny(CONNECT, -32002, "expired")
    async with session_of(gateway.service) as session:
        first = session.credential.token
        client = SessionClient(session, transport=gateway)
        await ended(client.open(), gateway.clock)
        assert session.credential.token != first
        assert kinds(client) == ["disconnected", "connected"]
        await ended(client.close(), gateway.clock)


async def test_two_refused_credentials_are_the_end(gateway: FakeGateway) -> None:
    gateway.deny(CONNECT, -32002, "no such project", times=2)
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(GatewayRefused) as refused:
            await ended(client.open(), gateway.clock)
        assert str(refused.value) == ("signalwire.connect was refused with -32002: no such project")
        tokens = {params["authentication"]["jwt_token"] for params in gateway.said(CONNECT)}
        assert len(tokens) == 2
        assert past(client)[-1] == Ended(refused.value)
        assert client.state.error is refused.value


async def test_a_refused_credential_that_nothing_replaces_is_the_end(gateway: FakeGateway) -> None:
    gateway.deny(CONNECT, -32002, "wrong key")
    async with session_of(gateway.service, static(gateway.service)) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(GatewayRefused) as refused:
            await ended(client.open(), gateway.clock)
        assert (refused.value.method, refused.value.code) == (CONNECT, -32002)
        await gateway.clock.advance(1000)
        assert len(gateway.connected_to) == 1


@pytest.mark.parametrize("code", [-32602, -32600, -32601, -32700])
async def test_what_no_credential_helps_against_is_the_end(code: int, gateway: FakeGateway) -> None:
    gateway.deny(CONNECT, code, "what?")
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(GatewayRefused):
            await ended(client.open(), gateway.clock)
        assert gateway.service.count("rotated") == 0


@pytest.mark.parametrize("code", [-32003, -32000, -32603, 0])
async def test_any_other_refusal_may_pass(code: int, gateway: FakeGateway) -> None:
    gateway.deny(CONNECT, code, times=3)
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        await ended(client.open(), gateway.clock)
        assert kinds(client) == ["disconnected"] * 3 + ["connected"]
        await ended(client.close(), gateway.clock)


@pytest.mark.parametrize(
    "result",
    [None, [], {}, {"protocol": "p"}, {"authorization": {"project_id": 5}, "protocol": "p"}],
)
async def test_an_answer_that_makes_no_sense_is_asked_for_again(
    result: Any, gateway: FakeGateway
) -> None:
    gateway.unreadable = [result]
    async with live_slowly(gateway) as client:
        assert kinds(client) == ["disconnected", "connected"]
        assert past(client)[0].cause_code == "unreadable"


async def test_an_expired_session_comes_back_with_a_fresh_credential(
    gateway: FakeGateway,
) -> None:
    """The refresh was late: the gateway closes at the end, and a fresh credential resumes."""
    gateway.service.lifetime = 100.0
    provider = SubscriberCredentialProvider(
        async_client_of(gateway.service),
        reference="alice",
        refreshed_lifetime=100,
        lifetime=100,
        clock=gateway.clock,
    )
    async with live(gateway, provider) as (session, client):
        gateway.service.disconnect(70)
        await gateway.clock.advance(110)
        assert "disconnected" in kinds(client)
        expired = next(event for event in past(client) if isinstance(event, Disconnected))
        assert (expired.cause_code, expired.close_code, expired.detail) == (
            "expired", 4401, "expired",
        )  # fmt: skip
        await gateway.clock.advance(60)
        assert client.state.phase == "connected"
        assert client.state.resumed
        assert gateway.claims is gateway.service.tokens[session.credential.token]


async def test_an_expired_session_that_nothing_refreshes_is_over(gateway: FakeGateway) -> None:
    async with live(gateway, static(gateway.service, 100)) as (_, client):
        await gateway.clock.advance(105)
        assert client.state.phase == "ended"
        assert isinstance(client.state.error, CredentialRefused)
        assert past(client)[-1] == Ended(client.state.error)
        assert len(gateway.connected_to) == 1
        with pytest.raises(CredentialRefused):
            await client.online()


async def test_revocation_ends_it(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.deaf = True
        wish = asyncio.ensure_future(client.online())
        await settle()
        gateway.revoke()
        with pytest.raises(SessionRevoked) as revoked:
            await wish
        assert str(revoked.value) == "the gateway ended the session: it is revoked"
        assert past(client) == [Connected(resumed=False), Ended(revoked.value)]
        await gateway.clock.advance(1000)
        assert (len(gateway.connected_to), client.state.phase) == (1, "ended")
        with pytest.raises(SessionRevoked):
            await client.offline()


async def test_a_new_sign_in_brings_a_revoked_client_back(gateway: FakeGateway) -> None:
    async with live(gateway) as (session, client):
        await client.online()
        events = client.events()
        gateway.service.revoke_sessions()
        gateway.revoke()
        await settle()
        assert str(client.state.phase) == "ended"
        with pytest.raises(SessionRevoked):
            await client.online()
        await session.login()
        await settle()
        assert str(client.state.phase) == "online"
        assert client.state.error is None
        token = gateway.said(CONNECT)[-1]["authentication"]["jwt_token"]
        assert token == await session.token()
        kinds_ = [(await anext(events)).kind for _ in range(5)]
        assert kinds_ == ["connected", "online", "ended", "connected", "online"]
        await gateway.clock.advance(6000)
        assert kinds(client)[-1] == "reauthenticated"


async def test_a_client_that_ended_ends_with_its_session(gateway: FakeGateway) -> None:
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        await client.open()
        gateway.revoke()
        await settle()
    await settle()
    assert str(client.state.phase) == "ended"
    assert [type(event) async for event in client.events()] == [Connected, Ended]
    await client.close()
