"""Opening a live session: the connect message, where it is sent, and what bounds it."""

from __future__ import annotations

import asyncio
import logging
import pickle
import sys

import pytest

from kit.gateway import FakeGateway
from kit.live_sessions import CONNECT, ended, kinds, live, past
from kit.service import FakeTokenService
from kit.sessions import session_of
from satmint_sdk import __version__
from satmint_sdk.credentials import (
    Authorization,
    ClientState,
    Connected,
    GatewayRefused,
    GatewayUnreachable,
    InvalidCredential,
    SessionClient,
    SessionClosed,
)
from satmint_sdk.testing import FakeClock, settle
from satmint_sdk.testing._proofs import open_proof


async def test_it_connects_as_the_browser_does(gateway: FakeGateway) -> None:
    async with live(gateway) as (session, client):
        assert gateway.connected_to == ["https://puc.test"]
        (params,) = gateway.said(CONNECT)
        proof = params.pop("dpop_token")
        assert params == {
            "version": {"major": 4, "minor": 0, "revision": 0},
            "event_acks": True,
            "agent": f"satmint-sdk-python/{__version__}",
            "authentication": {"jwt_token": session.credential.token},
            "contexts": [],
            "eventing": [],
            "topics": [],
        }
        assert open_proof(proof).thumbprint == session.key.thumbprint
        assert past(client) == [Connected(resumed=False)]
        assert client.state == ClientState(
            phase="connected",
            resumed=False,
            failures=0,
            protocol="signalwire_1",
            authorization=Authorization("project-1", "alice", (), 1_800_007_200),
            error=None,
        )
    assert client.state.phase == "closed"
    assert gateway.live.hung_up


async def test_a_host_that_is_given_goes_before_the_header(gateway: FakeGateway) -> None:
    async with live(gateway, host="127.0.0.1:8080"):
        assert gateway.connected_to == ["http://127.0.0.1:8080"]


async def test_the_gateway_is_told_of_the_application(gateway: FakeGateway) -> None:
    async with live(gateway, application="billing/2.1"):
        (params,) = gateway.said(CONNECT)
        assert params["agent"].endswith(" billing/2.1")
    async with session_of(gateway.service) as session:
        with pytest.raises(ValueError):
            SessionClient(session, transport=gateway, application="two words")


async def test_a_token_that_names_no_gateway_is_not_sent_anywhere(clock: FakeClock) -> None:
    gateway = FakeGateway(FakeTokenService(clock))
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(InvalidCredential) as refused:
            await client.open()
        assert str(refused.value) == "the token names no gateway (it has no `ch`): give a host"
        assert gateway.connected_to == []
        assert client.state.phase == "ended"


async def test_a_bundle_that_is_not_there_is_told_at_once(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session_of(gateway.service) as session:
        monkeypatch.setenv("SIGNALWIRE_REST_CA_FILE", "/nowhere/ca.pem")
        with pytest.raises(ValueError) as refused:
            await SessionClient(session, transport=gateway).open()
        assert str(refused.value) == "SIGNALWIRE_REST_CA_FILE does not name a file"


async def test_without_a_live_credential_it_waits_for_one(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.service.disconnect(12)
        gateway.break_off()
        gateway.go_down(100)
        await gateway.clock.advance(6000)
        gateway._upgrades.clear()
        await gateway.clock.advance(1000)
        assert client.state.phase == "connected"


async def test_opening_is_bounded(gateway: FakeGateway) -> None:
    gateway.go_down(100)
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway, max_wait=15)
        began = gateway.clock.now().mono
        with pytest.raises(GatewayUnreachable) as unreachable:
            await ended(client.open(), gateway.clock)
        assert str(unreachable.value) == (
            "no connection to the gateway within 15 s: ConnectionRefusedError: nobody there"
        )
        assert gateway.clock.now().mono - began == pytest.approx(15, abs=0.5)
        assert client.state.phase == "closed"
        gateway._upgrades.clear()
        await client.open()  # after an error it may be tried again
        assert kinds(client)[-1] == "connected"
        for _ in range(2):
            with pytest.raises(SessionClosed) as twice:
                await client.open()
            assert str(twice.value) == "a session client can be opened only once"
            await client.close()


async def test_opening_that_is_cancelled_leaves_nothing_behind(gateway: FakeGateway) -> None:
    gateway.hang()
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        opening = asyncio.ensure_future(client.open())
        await settle()
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        assert client.state.phase == "closed"


async def test_a_client_of_an_unopened_session_cannot_be_opened(gateway: FakeGateway) -> None:
    client = SessionClient(session_of(gateway.service), transport=gateway)
    with pytest.raises(SessionClosed):
        await client.open()


async def test_a_missing_library_is_named(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    async with session_of(gateway.service) as session:
        with pytest.raises(ImportError) as missing:
            SessionClient(session)
        assert str(missing.value) == (
            "SessionClient needs the package websockets: pip install 'satmint-sdk[gateway]'"
        )


async def test_nothing_shows_a_token(
    gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with live(gateway) as (session, client):
        token = session.credential.token
        gateway.deny("subscriber.online", -32000, f"no {token}")
        with pytest.raises(GatewayRefused) as refused:
            await client.online()
        gateway.live.end(1011, f"bad {token} and state-1-of-1")
        gateway.deny(CONNECT, -32603, f"again {token}")
        await gateway.clock.advance(5)
        gateway.revoke()
        await settle()
        said = [repr(client), repr(client.state), str(refused.value), repr(refused.value)]
        said += [repr(event) for event in client._log._past]
        said += [record.getMessage() for record in caplog.records]
        said += [repr(client._connection.feed), repr(gateway.said(CONNECT)[:0])]
        assert not any("eyJ" in text for text in said)
        assert repr(client).endswith("ended>")
    assert f"{session.name}: session connected" in caplog.messages
    assert caplog.messages[-1].startswith(f"{session.name}: session ended: SessionRevoked: ")


async def test_a_session_client_cannot_be_pickled(gateway: FakeGateway) -> None:
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(TypeError) as refused:
            pickle.dumps(client)
        assert str(refused.value) == (
            "a session client cannot be pickled: open one where it is needed"
        )


async def test_a_child_process_leaves_the_connection_to_its_parent(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        client.renew_after_fork()
        with pytest.raises(SessionClosed):
            await client.online()
        await client.close()
        assert not gateway.live.hung_up
        client._forked = False
