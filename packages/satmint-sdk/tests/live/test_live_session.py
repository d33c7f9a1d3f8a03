"""A live session on the real gateway, on the real clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.killable_server import Mortal
from kit.server import Live
from kit.watching import Watch
from satmint_sdk._ambient import SYSTEM_CLOCK
from satmint_sdk.credentials import (
    AuthenticateContext,
    Connected,
    Credential,
    CredentialExpired,
    CredentialProvider,
    CredentialRefused,
    CredentialSession,
    Disconnected,
    DPoPKey,
    Ended,
    GatewayRefused,
    Reauthenticated,
    SessionClient,
    SessionRevoked,
    StaticCredentialProvider,
    SubscriberCredentialProvider,
    WentOnline,
)
from satmint_sdk.rest import AsyncRestClient


@contextlib.asynccontextmanager
async def connected(
    live: Live, reference: str
) -> AsyncIterator[tuple[CredentialSession, SessionClient]]:
    async with (
        session_on(live, reference) as session,
        SessionClient(session, host=live.host) as client,
    ):
        yield session, client


@contextlib.asynccontextmanager
async def session_on(live: Live, reference: str) -> AsyncIterator[CredentialSession]:
    async with live.async_client() as client:
        provider = SubscriberCredentialProvider(client, reference=reference)
        async with CredentialSession(provider) as session:
            yield session


async def expiring_in(client: AsyncRestClient, reference: str, seconds: int) -> Credential:
    """A token that ends so soon, and nobody knows."""
    expire_at = int(SYSTEM_CLOCK.now().wall) + seconds
    pair = await client.fabric.tokens.create_subscriber_token(
        reference=reference, expire_at=expire_at
    )
    return Credential(pair["token"])


async def seen(live: Live, subscriber: str, *, online: bool) -> None:
    """Wait until others see it too: the gateway tells them soon, and not at once."""
    for _ in range(200):
        if live.is_online(subscriber) is online:
            return
        await SYSTEM_CLOCK.asleep(0.05)
    raise AssertionError(f"others do not see that it is {'online' if online else 'offline'}")


def subscriber_of(client: SessionClient) -> str:
    authorization = client.state.authorization
    assert authorization is not None
    assert authorization.subscriber_id is not None
    return authorization.subscriber_id


async def test_connected_online_and_gone(live: Live) -> None:
    async with session_on(live, "nell") as session:
        async with SessionClient(session, host=live.host) as client:
            authorization = client.state.authorization
            assert authorization is not None
            assert authorization.project_id == live.project_id
            assert client.state.protocol
            subscriber = subscriber_of(client)
            await client.online()
            assert str(client.state.phase) == "online"
            await seen(live, subscriber, online=True)
            await client.offline()
            assert str(client.state.phase) == "connected"
            await seen(live, subscriber, online=False)
            await client.online()
        await seen(live, subscriber, online=False)


async def test_the_gateway_is_found_in_the_token(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the browser SDK does it: `ch`, over TLS, here with the server's own authority."""
    async with session_on(live, "otto") as session:
        stranger = SessionClient(session, max_wait=2.0)
        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.open()
        monkeypatch.setenv("SIGNALWIRE_REST_CA_FILE", live.ca_file)
        async with SessionClient(session) as client:
            await client.online()
            assert client.state.phase == "online"


async def test_every_refresh_is_accepted_on_the_same_connection(live: Live) -> None:
    async with connected(live, "pia") as (session, client):
        watch = Watch(client)
        for _ in range(3):
            await session.renew(await session.token())
            told = await watch.until(Reauthenticated)
            assert told.expires_at is not None
            assert session.credential.expiry_at is not None
            assert abs(told.expires_at - session.credential.expiry_at / 1000) < 60
        assert watch.kinds == ["connected"] + ["reauthenticated"] * 3


class Backend:
    """Binds every token to the key that it is told."""

    def __init__(self, client: AsyncRestClient, reference: str) -> None:
        self._client = client
        self._reference = reference

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        pair = await self._client.fabric.tokens.create_subscriber_token(
            reference=self._reference,
            fingerprint=None if context is None else context.fingerprint,
            scope="sat:refresh",
        )
        return Credential(pair["token"])


async def test_a_bound_session_proves_its_key_each_time(live: Live) -> None:
    async with live.async_client() as rest:
        provider = Backend(rest, "quinn")
        async with CredentialSession(provider, host=live.host) as session:
            async with SessionClient(session, host=live.host) as client:
                watch = Watch(client)
                await session.renew(await session.token())
                await watch.until(Reauthenticated)
                assert watch.kinds == ["connected", "reauthenticated"]
                authorization = client.state.authorization
                assert authorization is not None
                assert authorization.scope == ("sat:refresh",)
            stolen = StaticCredentialProvider(Credential(await session.token()))
            thief = CredentialSession(stolen, key=DPoPKey.generate(), host=live.host)
            async with thief:
                with pytest.raises(GatewayRefused) as refused:
                    await SessionClient(thief, host=live.host).open()
                assert str(refused.value) == (
                    "signalwire.connect was refused with -32002: Authentication failed"
                )


async def test_a_killed_gateway_is_resumed_where_it_comes_back(tmp_path: Path) -> None:
    with Mortal(tmp_path) as server:
        async with connected(server.live, "rosa") as (session, client):
            watch = Watch(client)
            await client.online()
            await watch.until(WentOnline)
            for end, cause in ((server.kill, "closed"), (server.stop, "told_to")):
                await asyncio.to_thread(end)
                assert (await watch.until(Disconnected)).cause_code == cause
                await asyncio.to_thread(server.start)
                assert await watch.until(Connected) == Connected(resumed=True)
                await watch.until(WentOnline)
                await seen(server.live, subscriber_of(client), online=True)
            # What it got before the restart is worth as much as ever.
            await session.renew(await session.token())
            await watch.until(Reauthenticated)


async def test_revocation_ends_it_at_once(live: Live) -> None:
    async with session_on(live, "sven") as session:
        async with SessionClient(session, host=live.host) as client:
            watch = Watch(client)
            await client.online()
            subscriber = subscriber_of(client)
            live.revoke(subscriber)
            ended = await watch.until(Ended)
            assert isinstance(ended.error, SessionRevoked)
            assert (client.state.phase, client.state.error) == ("ended", ended.error)
            with pytest.raises(SessionRevoked):
                await client.online()
        await seen(live, subscriber, online=False)
        # Neither does a new client get in: the token is dead, and so is what refreshes it.
        with pytest.raises(GatewayRefused):
            await SessionClient(session, host=live.host).open()


async def test_a_revocation_during_an_outage_is_found_out_after_it(tmp_path: Path) -> None:
    with Mortal(tmp_path) as server:
        async with connected(server.live, "tess") as (_, client):
            watch = Watch(client)
            await watch.until(Connected)
            subscriber = subscriber_of(client)
            server.kill()
            await watch.until(Disconnected)
            server.start()
            server.live.revoke(subscriber)
            ended = await watch.until(Ended)
            assert isinstance(ended.error, GatewayRefused)


async def test_expiry_ends_what_nothing_refreshes(live: Live) -> None:
    async with live.async_client() as rest:
        provider = StaticCredentialProvider(await expiring_in(rest, "ulla", 2))
        async with (
            CredentialSession(provider, host=live.host) as session,
            SessionClient(session, host=live.host) as client,
        ):
            watch = Watch(client)
            gone = await watch.until(Disconnected)
            assert (gone.cause_code, gone.close_code) == ("expired", 4401)
            ended = await watch.until(Ended)
            assert isinstance(ended.error, CredentialExpired | CredentialRefused)


async def test_a_fresh_credential_resumes_after_expiry(live: Live) -> None:
    """The provider was wrong about the end of its token; the gateway was not."""

    class Mistaken(SubscriberCredentialProvider):
        async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
            credential = await super().authenticate(context)
            return Credential(credential.token, int((SYSTEM_CLOCK.now().wall + 7200) * 1000))

    async with live.async_client() as rest:
        provider: CredentialProvider = Mistaken(rest, reference="vera", lifetime=2)
        async with (
            CredentialSession(provider, host=live.host) as session,
            SessionClient(session, host=live.host) as client,
        ):
            watch = Watch(client)
            gone = await watch.until(Disconnected)
            assert gone.close_code == 4401
            assert await watch.until(Connected) == Connected(resumed=True)
            await client.online()
