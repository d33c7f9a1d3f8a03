"""A session's token on the requests of httpx clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kit.clients import async_client_of
from kit.service import FakeTokenService
from kit.sessions import BackendProvider, credential_for, session_of
from satmint_sdk.credentials import (
    BlockingCredentialSession,
    StaticCredentialProvider,
    SubscriberAuth,
    SubscriberCredentialProvider,
)
from satmint_sdk.testing import FakeClock
from satmint_sdk.testing._proofs import open_proof

URL = "https://api.example.com/things?page=2"


class Resource(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A resource server that knows the tokens of the service, and refuses some of them."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(httpx.Request(request.method, URL, headers=request.headers))
        token = request.headers["authorization"].partition(" ")[2]
        refused = token in self.refused
        return httpx.Response(401 if refused else 200, headers={"dpop-nonce": "n"}, text="x")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


@pytest.fixture
def resource() -> Resource:
    return Resource()


async def test_a_refused_token_is_replaced_once_for_all_and_the_request_repeated(
    service: FakeTokenService, resource: Resource
) -> None:
    async with (
        session_of(service) as session,
        httpx.AsyncClient(transport=resource, auth=SubscriberAuth(session)) as client,
    ):
        assert (await client.get(URL)).status_code == 200
        old = await session.token()
        resource.refused.add(old)
        answers = await asyncio.gather(*(client.post(URL, json={"n": n}) for n in range(9)))
        assert [answer.status_code for answer in answers] == [200] * 9
        assert service.count("rotated") == 1
        assert len(resource.requests) <= 1 + 2 * 9
        assert resource.requests[-1].headers["authorization"] == f"Bearer {await session.token()}"
        assert "dpop" not in resource.requests[-1].headers


async def test_a_token_that_cannot_be_replaced_leaves_the_caller_with_the_401(
    service: FakeTokenService, clock: FakeClock, resource: Resource
) -> None:
    static = StaticCredentialProvider(credential_for(clock, 100))
    async with (
        session_of(service, static) as session,
        httpx.AsyncClient(transport=resource, auth=SubscriberAuth(session)) as client,
    ):
        resource.refused.add(await session.token())
        assert (await client.get(URL)).status_code == 401
        assert len(resource.requests) == 1


async def test_a_second_refusal_is_the_callers(
    service: FakeTokenService, resource: Resource
) -> None:
    class Deaf(Resource):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return httpx.Response(401)

    deaf = Deaf()
    async with (
        session_of(service) as session,
        httpx.AsyncClient(transport=deaf, auth=SubscriberAuth(session)) as client,
    ):
        assert (await client.get(URL)).status_code == 401
        assert (len(deaf.requests), resource.requests) == (2, [])


@pytest.mark.parametrize("scheme", ["Bearer", "DPoP"])
async def test_a_bound_token_goes_with_a_proof(
    scheme: Any, clock: FakeClock, resource: Resource
) -> None:
    service = FakeTokenService(clock, cluster="puc.test")
    session = session_of(service, BackendProvider(service))
    auth = SubscriberAuth(session, scheme=scheme)
    async with session, httpx.AsyncClient(transport=resource, auth=auth) as client:
        old = await session.token()
        resource.refused.add(old)
        asking = asyncio.ensure_future(client.put(URL, content=b"x"))
        await clock.advance(1)
        assert (await asking).status_code == 200
        first, second = (request.headers for request in resource.requests)
        assert first["authorization"] == f"{scheme} {old}"
        proofs = [open_proof(headers["dpop"]) for headers in (first, second)]
        for proof in proofs:
            assert (proof.claims["htm"], proof.claims["htu"]) == ("PUT", URL.partition("?")[0])
            assert proof.thumbprint == session.key.thumbprint
        assert proofs[0].claims["ath"] != proofs[1].claims["ath"]
        assert (proofs[0].claims.get("nonce"), proofs[1].claims["nonce"]) == (None, "n")


async def test_a_sync_client_in_a_thread_uses_the_session_of_a_loop(
    service: FakeTokenService, resource: Resource
) -> None:
    async with session_of(service) as session:
        resource.refused.add(await session.token())
        with httpx.Client(transport=resource, auth=SubscriberAuth(session)) as client:
            answer = await asyncio.to_thread(client.get, URL)
        assert (answer.status_code, service.count("rotated")) == (200, 1)


def test_a_blocking_session_serves_both_kinds_of_clients(
    service: FakeTokenService, clock: FakeClock, resource: Resource
) -> None:
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", clock=service.clock
    )
    with BlockingCredentialSession(provider, clock=service.clock) as session:
        auth = SubscriberAuth(session)
        resource.refused.add(session.token())
        with httpx.Client(transport=resource, auth=auth) as client:
            assert client.get(URL).status_code == 200

        clock.sleep(1)

        async def ask() -> int:
            resource.refused.add(await asyncio.to_thread(session.token))
            async with httpx.AsyncClient(transport=resource, auth=auth) as client:
                return (await client.get(URL)).status_code

        assert asyncio.run(ask()) == 200
        assert service.count("rotated") == 2


async def test_a_stream_that_is_gone_is_not_repeated(
    service: FakeTokenService, resource: Resource
) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"once"

    async with session_of(service) as session:
        resource.refused.add(await session.token())
        with httpx.Client(transport=resource, auth=SubscriberAuth(session)) as client:
            answer = await asyncio.to_thread(lambda: client.post(URL, content=chunks()))
        assert (answer.status_code, len(resource.requests)) == (401, 1)
        assert service.count("rotated") == 1  # the next request has another token


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_another_server_gets_no_token_and_cannot_have_it_replaced(
    service: FakeTokenService, *, is_async: bool
) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.host == "api.example.com":
            return httpx.Response(307, headers={"location": "https://elsewhere.example.net/"})
        return httpx.Response(401)

    transport = httpx.MockTransport(answer)
    async with session_of(service) as session:
        auth = SubscriberAuth(session)
        if is_async:
            async with httpx.AsyncClient(
                transport=transport, auth=auth, follow_redirects=True
            ) as client:
                assert (await client.get(URL)).status_code == 401
        else:
            with httpx.Client(transport=transport, auth=auth, follow_redirects=True) as blocking:
                assert (await asyncio.to_thread(blocking.get, URL)).status_code == 401
    assert ["authorization" in request.headers for request in seen] == [True, False]
    assert service.count("rotated") == 0


@pytest.mark.parametrize("session", ["a token", None, httpx.Client])
def test_what_is_no_session_is_refused(session: Any) -> None:
    with pytest.raises(TypeError) as refused:
        SubscriberAuth(session)
    assert str(refused.value) == (
        "session must be a CredentialSession or a BlockingCredentialSession"
    )
