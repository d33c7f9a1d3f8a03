"""A live session on the gateway: connected, kept up to date, and there again when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kit.clients import async_client_of
from kit.clock import Dice, FakeClock, settle
from kit.gateway import FakeGateway
from kit.proofs import open_proof
from kit.service import FakeTokenService, Family
from kit.sessions import BackendProvider, ScriptedProvider, credential_for, session_of
from signalwire.credentials import (
    Authorization,
    ClientState,
    Connected,
    Credential,
    CredentialExpired,
    CredentialSession,
    Disconnected,
    Ended,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    InvalidCredential,
    Reauthenticated,
    SessionClient,
    SessionClosed,
    SessionRevoked,
    StaticCredentialProvider,
    SubscriberCredentialProvider,
    Warned,
)

CONNECT = "signalwire.connect"
REAUTHENTICATE = "signalwire.reauthenticate"


@pytest.fixture
def service(clock: FakeClock) -> FakeTokenService:
    return FakeTokenService(clock, cluster="puc.test")


@pytest.fixture
def gateway(service: FakeTokenService) -> FakeGateway:
    return FakeGateway(service)


@contextlib.asynccontextmanager
async def live(
    gateway: FakeGateway, provider: Any = None, **options: Any
) -> AsyncIterator[tuple[CredentialSession, SessionClient]]:
    """Open both; what is left open is closed, time going by meanwhile."""
    session = session_of(gateway.service, provider)
    async with session:
        client = SessionClient(session, transport=gateway, **options)
        await client.open()
        await settle()
        try:
            yield session, client
        finally:
            await ended(client.close(), gateway.clock)


async def ended(work: Any, clock: FakeClock) -> Any:
    """Wait for something that takes time."""
    working = asyncio.ensure_future(work)
    for _ in range(400):
        await settle()
        if working.done():
            break
        await clock.advance(0.25)
    return await working


def static(service: FakeTokenService, seconds: float = 7200) -> StaticCredentialProvider:
    """A credential that nothing refreshes."""
    token = service._issue("SAT", Family("x"), service.now() + seconds, [], None)
    return StaticCredentialProvider(Credential(token))


def past(client: SessionClient) -> list[Any]:
    return list(client._log._past)


def kinds(client: SessionClient) -> list[str]:
    return [event.kind for event in past(client)]


async def test_it_connects_as_the_browser_does(gateway: FakeGateway) -> None:
    async with live(gateway) as (session, client):
        assert gateway.places == ["https://puc.test"]
        (params,) = gateway.said(CONNECT)
        proof = params.pop("dpop_token")
        assert params == {
            "version": {"major": 4, "minor": 0, "revision": 0},
            "event_acks": True,
            "agent": "satmint-sdk-python/0.1.0",
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
        assert gateway.places == ["http://127.0.0.1:8080"]


async def test_a_token_that_names_no_gateway_is_not_sent_anywhere(clock: FakeClock) -> None:
    gateway = FakeGateway(FakeTokenService(clock))
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(InvalidCredential) as refused:
            await client.open()
        assert str(refused.value) == "the token names no gateway (it has no `ch`): give a host"
        assert gateway.places == []
        assert client.state.phase == "ended"


async def test_a_bundle_that_is_not_there_is_told_at_once(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session_of(gateway.service) as session:
        monkeypatch.setenv("SIGNALWIRE_REST_CA_FILE", "/nowhere/ca.pem")
        with pytest.raises(ValueError) as refused:
            await SessionClient(session, transport=gateway).open()
        assert str(refused.value) == "SIGNALWIRE_REST_CA_FILE does not name a file"


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


async def test_who_changes_the_wish_releases_who_waits(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.deaf = True
        first = asyncio.ensure_future(client.online())
        await settle()
        second = asyncio.ensure_future(client.offline())
        await settle()
        assert not second.done()  # the first one's request is on its way
        with pytest.raises(GatewayError) as overruled:
            await first
        assert str(overruled.value) == "another call wished for the opposite"
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
        assert client.state.phase == "connected"
        await client.online()
        assert client.state.phase == "online"


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


async def test_every_refresh_is_shown_to_the_gateway(gateway: FakeGateway) -> None:
    async with live(gateway) as (session, client):
        await client.online()
        for _ in range(24):
            await gateway.clock.advance(3600)
            assert gateway.claims is gateway.service.tokens[session.credential.token]
        assert len(gateway.sockets) == 1
        shown = gateway.said(REAUTHENTICATE)
        assert len(shown) == gateway.service.count("rotated") == 15
        assert {params["authentication"]["project"] for params in shown} == {"project-1"}
        assert set(kinds(client)) == {"connected", "online", "reauthenticated"}
        assert past(client)[-1] == Reauthenticated(int(gateway.claims.exp))
        authorization = client.state.authorization
        assert authorization is not None
        assert authorization.expires_at == int(gateway.claims.exp)


async def test_a_bound_session_stays_bound(gateway: FakeGateway) -> None:
    async with live(gateway, BackendProvider(gateway.service)) as (session, client):
        await gateway.clock.advance(7200)
        gateway.break_off()
        await gateway.clock.advance(7200)
        assert session.mechanism == "bound"
        assert gateway.claims.jkt == session.key.thumbprint
        assert [event for event in past(client) if isinstance(event, Connected)] == [
            Connected(resumed=False), Connected(resumed=True),
        ]  # fmt: skip


async def test_a_refresh_during_the_greeting_is_shown_after_it(gateway: FakeGateway) -> None:
    async with live(gateway) as (session, client):
        gateway.deaf = True
        gateway.break_off()
        await gateway.clock.advance(1)
        old = session.credential.token
        await session.renew(old)
        gateway.deaf = False
        greeting = gateway.live.said[0]
        assert greeting["params"]["authentication"]["jwt_token"] == old
        gateway.hear(gateway.live, greeting | {"params": greeting["params"] | {
            "dpop_token": session.key.rpc_proof(CONNECT, issued_at=int(gateway.service.now()))
        }})  # fmt: skip
        await settle()
        assert gateway.claims is gateway.service.tokens[session.credential.token]
        assert kinds(client)[-1] == "reauthenticated"


async def test_a_new_sign_in_is_noticed(gateway: FakeGateway) -> None:
    """It emits no event, so the credential is looked at whenever something happens."""
    async with live(gateway) as (session, _):
        await session.login()
        await gateway.clock.advance(10)
        assert gateway.claims is gateway.service.tokens[session.credential.token]


async def test_a_sign_in_as_somebody_else_begins_a_session_anew(
    gateway: FakeGateway, clock: FakeClock
) -> None:
    service = gateway.service

    class Changing(BackendProvider):
        async def authenticate(self, _: Any = None) -> Credential:
            self.logins += 1
            pair = await self._client.fabric.tokens.create_subscriber_token(
                reference=f"user-{self.logins}"
            )
            return Credential(pair["token"], int((clock.now().wall + 7200) * 1000))

    async with live(gateway, Changing(service)) as (session, client):
        await session.login()
        await clock.advance(15)
        assert kinds(client) == ["connected", "warning", "disconnected", "connected"]
        assert past(client)[1] == Warned(
            "reauthentication_refused",
            "refused",
            "signalwire.reauthenticate was refused with -32002: another subscriber",
        )
        assert past(client)[-1] == Connected(resumed=False)
        assert client.state.authorization is not None
        assert client.state.authorization.subscriber_id == "user-2"


async def test_a_broken_connection_is_resumed_and_still_online(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        await client.online()
        gateway.break_off()
        await settle()
        assert client.state.phase == "waiting"
        await gateway.clock.advance(1)
        assert client.state.phase == "online"
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
    async with live(gateway, entropy=Dice()) as (_, client):
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
        assert len(gateway.places) == 2
        assert past(client)[-1] == Disconnected(
            "http_503", "UpgradeRefused: the upgrade was answered 503", 45.0
        )
        await gateway.clock.advance(3)
        assert client.state.phase == "connected"


async def test_a_gateway_that_accepts_and_closes_causes_no_storm(gateway: FakeGateway) -> None:
    async with live(gateway, entropy=Dice()) as (_, client):
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
        assert len(gateway.places) == 1


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


@contextlib.asynccontextmanager
async def live_slowly(gateway: FakeGateway) -> AsyncIterator[SessionClient]:
    """As `live`, where opening takes time."""
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        await ended(client.open(), gateway.clock)
        yield client
        await ended(client.close(), gateway.clock)


async def test_an_expired_session_comes_back_with_a_fresh_credential(
    gateway: FakeGateway,
) -> None:
    """The refresh was late: the gateway closes at the end, and a fresh credential resumes."""
    gateway.service.access_life = 100.0
    provider = SubscriberCredentialProvider(
        async_client_of(gateway.service),
        reference="alice",
        refreshed_lifetime=100,
        lifetime=100,
        clock=gateway.clock,
    )
    async with live(gateway, provider) as (session, client):
        gateway.service.go_down(70)
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
        assert isinstance(client.state.error, CredentialExpired)
        assert past(client)[-1] == Ended(client.state.error)
        assert len(gateway.places) == 1
        with pytest.raises(CredentialExpired):
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
        events = [event async for event in client.events()]
        assert events == [Connected(resumed=False), Ended(revoked.value)]
        await gateway.clock.advance(1000)
        assert (len(gateway.places), client.state.phase) == (1, "ended")
        with pytest.raises(SessionRevoked):
            await client.offline()


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


async def test_without_a_live_credential_it_waits_for_one(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        gateway.service.go_down(12)
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
        with pytest.raises(SessionClosed) as twice:
            await client.open()
        assert str(twice.value) == "a session client is opened once"


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
        keeper, session._keeper = session._keeper, None  # it is being closed
        await gateway.clock.advance(1)
        session._keeper = keeper
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


async def test_a_client_of_an_unopened_session_cannot_be_opened(gateway: FakeGateway) -> None:
    client = SessionClient(session_of(gateway.service), transport=gateway)
    with pytest.raises(SessionClosed):
        await client.open()


async def test_a_child_process_leaves_the_connection_to_its_parent(gateway: FakeGateway) -> None:
    async with live(gateway) as (_, client):
        client.renew_after_fork()
        with pytest.raises(SessionClosed):
            await client.online()
        await client.close()
        assert not gateway.live.hung_up
        client._inherited = False


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
async def test_proofs_are_dated_by_the_gateways_clock(
    skew: float, gateway: FakeGateway, clock: FakeClock
) -> None:
    """A backend binds, so no REST call of the holder has told the session about its clock."""
    gateway.service.skew = skew
    gateway.says_date = True
    provider = SubscriberCredentialProvider(
        async_client_of(gateway.service), reference="alice", bind=True, clock=clock
    )
    async with live(gateway, provider) as (session, client):
        assert kinds(client) == ["connected"]
        assert gateway.claims.jkt == session.key.thumbprint


async def test_a_few_seconds_between_the_clocks_change_nothing(gateway: FakeGateway) -> None:
    gateway.service.skew, gateway.says_date = 20.0, True
    async with live(gateway) as (_, client):
        (params,) = gateway.said(CONNECT)
        assert open_proof(params["dpop_token"]).claims["iat"] == 1_800_000_000
        assert client.state.phase == "connected"


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
        said += [repr(client._line.feed), repr(gateway.said(CONNECT)[:0])]
        assert not any("eyJ" in text for text in said)
        assert repr(client).endswith("ended>")
    assert "session connected" in caplog.messages
    assert caplog.messages[-1].startswith("session ended: SessionRevoked: ")


async def test_it_cannot_be_copied(gateway: FakeGateway) -> None:
    async with session_of(gateway.service) as session:
        client = SessionClient(session, transport=gateway)
        with pytest.raises(TypeError) as refused:
            pickle.dumps(client)
        assert str(refused.value) == (
            "a session client cannot be pickled: open one where it is needed"
        )


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


async def test_a_token_that_comes_while_a_socket_opens_is_not_forgotten(
    gateway: FakeGateway, clock: FakeClock
) -> None:
    """Neither is an older one shown in its place."""
    service = gateway.service
    first = await async_client_of(service).fabric.tokens.create_subscriber_token(reference="a")
    second = await async_client_of(service).fabric.tokens.refresh_subscriber_token(
        refresh_token=first["refresh_token"]
    )
    ends = credential_for(clock, 7000).expiry_at
    provider = ScriptedProvider(
        Credential(first["token"], ends), Credential(second["token"], (ends or 0) + 5)
    )
    async with live(gateway, provider) as (session, _):
        gateway.hang()
        gateway.break_off()
        await clock.advance(1)
        await session.renew(first["token"])
        await clock.advance(30)
        assert gateway.claims is service.tokens[second["token"]]
        assert gateway.said(REAUTHENTICATE) == []
