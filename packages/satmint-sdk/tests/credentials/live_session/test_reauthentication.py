"""Every fresh credential is sent to the gateway, with proofs where the session is bound."""

from __future__ import annotations

from typing import Any

import pytest

from kit.clients import async_client_of
from kit.gateway import FakeGateway
from kit.live_sessions import CONNECT, REAUTHENTICATE, kinds, live, past
from kit.sessions import BackendProvider, ScriptedProvider, credential_for
from satmint_sdk.credentials import (
    Connected,
    Credential,
    Reauthenticated,
    SubscriberCredentialProvider,
    Warned,
)
from satmint_sdk.testing import FakeClock, settle
from satmint_sdk.testing._proofs import open_proof


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
        connect_params = gateway.live.said[0]
        assert connect_params["params"]["authentication"]["jwt_token"] == old
        gateway.hear(gateway.live, connect_params | {"params": connect_params["params"] | {
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


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
async def test_proofs_are_dated_by_the_gateways_clock(
    skew: float, gateway: FakeGateway, clock: FakeClock
) -> None:
    """A backend binds, so no REST call of the holder has told the session about its clock."""
    gateway.service.clock_offset = skew
    gateway.says_date = True
    provider = SubscriberCredentialProvider(
        async_client_of(gateway.service), reference="alice", bind=True, clock=clock
    )
    async with live(gateway, provider) as (session, client):
        assert kinds(client) == ["connected"]
        assert gateway.claims.jkt == session.key.thumbprint


async def test_a_few_seconds_between_the_clocks_change_nothing(gateway: FakeGateway) -> None:
    gateway.service.clock_offset, gateway.says_date = 20.0, True
    async with live(gateway) as (_, client):
        (params,) = gateway.said(CONNECT)
        assert open_proof(params["dpop_token"]).claims["iat"] == 1_800_000_000
        assert client.state.phase == "connected"


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
