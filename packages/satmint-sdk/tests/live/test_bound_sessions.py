"""Refreshing by key against the real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.server import Live, running
from satmint_sdk.credentials import (
    AuthenticateContext,
    Credential,
    CredentialSession,
    DPoPKey,
    Failed,
    Refreshed,
    SessionClient,
    StaticCredentialProvider,
)
from satmint_sdk.credentials.bound._dpop import Algorithm
from satmint_sdk.rest import AsyncRestClient


class Backend:
    """What a page's backend does: signs in with the fingerprint that it is told."""

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


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_a_session_refreshes_by_key(live: Live, algorithm: Algorithm) -> None:
    key = DPoPKey.generate(algorithm)
    async with live.async_client() as client:
        provider = Backend(client, f"bound-{algorithm.lower()}")
        async with CredentialSession(provider, key=key, host=live.host) as session:
            assert session.mechanism == "bound"
            first = await session.token()
            for _ in range(3):
                await session.renew(await session.token())
            assert await session.token() != first
            events = session.events()
            kinds = [type(await anext(events)) for _ in range(4)]
            assert kinds == [Refreshed] * 4


async def test_another_key_cannot_take_a_bound_token_over(live: Live) -> None:
    async with live.async_client() as client:
        pair = await client.fabric.tokens.create_subscriber_token(
            reference="victim", fingerprint=DPoPKey.generate().thumbprint, scope="sat:refresh"
        )
        stolen = Credential(pair["token"])
        thief = CredentialSession(StaticCredentialProvider(stolen), host=live.host)
        async with thief:
            event = await anext(thief.events())
            assert isinstance(event, Failed)
            assert event.cause_code == "http_401"


async def test_a_project_that_is_strict_about_proofs(tmp_path: Path) -> None:
    """It wants the whole URL, and a nonce of its own in every proof."""
    with running(tmp_path, SATMINT_STRICT_PROOFS="*") as strict:
        async with (
            strict.async_client() as client,
            CredentialSession(Backend(client, "strict"), host=strict.host) as session,
            SessionClient(session, host=strict.host) as live,
        ):
            for _ in range(2):
                await session.renew(await session.token())
            assert session.stats.attempts == {"refreshed": 3}
            await live.online()
            bare = CredentialSession(Backend(client, "bare"), host=strict.host, proof_target="path")
            async with bare:
                event = await anext(bare.events())
                assert isinstance(event, Failed)
                assert event.cause_code == "http_401"


async def test_the_host_is_found_in_the_token(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the browser SDK does it: `ch` names the cluster, over https, with the server's own CA."""
    monkeypatch.setenv("SIGNALWIRE_REST_CA_FILE", live.ca_file)
    async with (
        live.async_client() as client,
        CredentialSession(Backend(client, "cluster")) as session,
    ):
        assert session.mechanism == "bound"
        await session.renew(await session.token())
