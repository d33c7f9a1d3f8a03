"""ASGI applications: WebSockets, paths, what frameworks show, and a server that is away."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import fastapi
import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from kit.protected import token_of
from kit.server import Live
from satmint_sdk.credentials import DPoPKey
from satmint_sdk.rest import AsyncRestClient
from satmint_sdk.verify import AsyncVerifier, VerifiedToken
from satmint_sdk.verify.asgi import TokenMiddleware
from satmint_sdk.verify.fastapi import TokenRequired

BASE_URL: Final = "https://api.example.com"
NOWHERE: Final = "127.0.0.1:1"


@contextlib.asynccontextmanager
async def verifying(live: Live) -> AsyncIterator[AsyncVerifier]:
    async with live.async_client() as client, AsyncVerifier(client) as verifier:
        yield verifier


def asking(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside")


async def show_nothing() -> None:
    """An endpoint."""


async def handshake(app: Any, token: str | None, *extensions: str) -> list[dict[str, Any]]:
    """What an application sends when a WebSocket is to be opened."""
    sent: list[dict[str, Any]] = []
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    scope = {
        "type": "websocket", "path": "/socket", "raw_path": b"/socket", "root_path": "",
        "headers": headers, "query_string": b"", "extensions": {one: {} for one in extensions},
        "subprotocols": [], "scheme": "ws", "server": ("inside", 80), "client": ("outside", 1),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def welcome(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["user"].identity})


def with_middleware(verifier: AsyncVerifier) -> Any:
    return TokenMiddleware(welcome, verifier, base_url=BASE_URL)


def with_fastapi(verifier: AsyncVerifier) -> Any:
    app = fastapi.FastAPI()

    async def endpoint(
        websocket: fastapi.WebSocket,
        caller: VerifiedToken = fastapi.Depends(TokenRequired(verifier, base_url=BASE_URL)),  # noqa: B008
    ) -> None:
        await websocket.accept()
        await websocket.send_text(caller.subscriber)

    endpoint.__annotations__ |= {"websocket": fastapi.WebSocket, "caller": VerifiedToken}
    app.websocket("/socket")(endpoint)
    return app


@pytest.mark.parametrize("protect", [with_middleware, with_fastapi])
async def test_websocket_is_refused_before_it_is_accepted(live: Live, protect: Any) -> None:
    async with verifying(live) as verifier:
        app = protect(verifier)
        token = token_of(live, "socket")
        accepted, text = await handshake(app, token, "websocket.http.response")
        assert (accepted["type"], text["type"]) == ("websocket.accept", "websocket.send")
        start, _ = (await handshake(app, None, "websocket.http.response"))[:2]
        assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
        assert any(name.lower() == b"www-authenticate" for name, _ in start["headers"])
        (closed,) = await handshake(app, None)
        assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
        assert closed["reason"] == "token_missing"


@pytest.mark.parametrize("protect", [with_middleware, with_fastapi])
async def test_websocket_is_refused_for_now_while_satmint_is_away(live: Live, protect: Any) -> None:
    token = token_of(live, "socket")
    async with AsyncRestClient("p", "t", NOWHERE) as client, AsyncVerifier(client) as verifier:
        app = protect(verifier)
        start = (await handshake(app, token, "websocket.http.response"))[0]
        assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")
        (closed,) = await handshake(app, token)
        assert (closed["code"], closed["reason"]) == (1013, "cannot_verify")


async def test_while_satmint_is_away_requests_are_answered_503(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    token = token_of(live, "away")
    async with AsyncRestClient("p", "t", NOWHERE) as client, AsyncVerifier(client) as verifier:
        app = fastapi.FastAPI()
        app.get("/", dependencies=[fastapi.Depends(TokenRequired(verifier, base_url=BASE_URL))])(
            show_nothing
        )
        for protected in (app, TokenMiddleware(app, verifier, base_url=BASE_URL)):
            async with asking(protected) as http:
                answer = await http.get("/", headers={"Authorization": f"Bearer {token}"})
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                assert "www-authenticate" not in answer.headers
                # What needs no question is still refused.
                assert (await http.get("/")).status_code == 401
    assert "a request was answered 503" in caplog.text
    assert token not in caplog.text


async def test_paths_of_proofs_are_those_that_the_client_sent(live: Live) -> None:
    key = DPoPKey.generate()
    token = token_of(live, "paths", fingerprint=key.thumbprint, scope="sat:refresh")

    async def show(request: Request) -> JSONResponse:
        return JSONResponse(request.state.satmint.subscriber)

    async with verifying(live) as verifier:
        app = TokenMiddleware(
            Starlette(routes=[Mount("/files", routes=[Route("/{name:path}", show)])]),
            verifier,
            base_url=f"{BASE_URL}/storage/",
        )
        async with asking(app) as http:
            for path in (
                "/files/a%2Fb",
                "/files/ä ö",
                "/files/%7Euser",
                "/files/a;b=1,2",
                "/files/",
            ):
                url = http.build_request("GET", path).url.raw_path.decode()
                proof = key.http_proof("GET", f"{BASE_URL}/storage{url}", access_token=token)
                headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
                answer = await http.get(f"{path}?query=1", headers=headers)
                assert answer.status_code == 200, path
            proof = key.http_proof("GET", f"{BASE_URL}/storage/files/a", access_token=token)
            headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
            assert (await http.get("/files/b", headers=headers)).status_code == 401
            assert (await http.post("/files/a", headers=headers)).status_code == 401
            head = await http.head("/files/a")
            assert (head.status_code, head.content) == (401, b"")


async def test_paths_below_a_root_path_are_whole(live: Live) -> None:
    """With what a server leaves out of the path, and what it leaves in it."""
    key = DPoPKey.generate()
    token = token_of(live, "root", fingerprint=key.thumbprint, scope="sat:refresh")

    async def show(scope: Any, _: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    async with verifying(live) as verifier:
        app = TokenMiddleware(show, verifier, base_url=BASE_URL)
        for root, inside, path in (
            ("/api", "/me", "/api/me"),
            ("/api", "/api/me", "/api/me"),
            ("/api", "/api", "/api"),
            ("/api", "/apiary", "/api/apiary"),
            ("/api/", "/api/me", "/api/me"),
        ):
            transport = httpx.ASGITransport(app, root_path=root)
            async with httpx.AsyncClient(transport=transport, base_url="http://inside") as http:
                proof = key.http_proof("GET", f"{BASE_URL}{path}", access_token=token)
                headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
                answer = await http.get(inside, headers=headers)
                assert (answer.status_code, answer.text) == (200, inside), (root, inside)


async def test_starlette_shows_the_user_and_its_scopes(live: Live) -> None:
    token = token_of(live, "user", scope="sat:refresh")
    plain = token_of(live, "user")

    @requires("sat:refresh")
    async def endpoint(request: Request) -> JSONResponse:
        assert request.user.is_authenticated
        return JSONResponse([request.user.identity, request.user.token.scope == {"sat:refresh"}])

    async with verifying(live) as verifier:
        protect = Middleware(TokenMiddleware, verifier=verifier, base_url=BASE_URL)
        async with asking(Starlette(routes=[Route("/", endpoint)], middleware=[protect])) as http:
            shown = await http.get("/", headers={"Authorization": f"Bearer {token}"})
            assert shown.json()[1] is True
            refused = await http.get("/", headers={"Authorization": f"Bearer {plain}"})
            assert refused.status_code == 403


async def test_address_may_be_a_parameter_of_a_route_of_starlette(live: Live) -> None:
    good, other = live.addresses[:2]
    with live.client() as client:
        token = client.fabric.tokens.create_guest_token(allowed_addresses=[good])["token"]

    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(request.path_params["address"])

    async with verifying(live) as verifier:
        protect = Middleware(
            TokenMiddleware, verifier=verifier, base_url=BASE_URL, address_param="address"
        )
        app = Starlette(routes=[Route("/rooms/{address}", endpoint, middleware=[protect])])
        async with asking(app) as http:
            headers = {"Authorization": f"Bearer {token}"}
            assert (await http.get(f"/rooms/{good}", headers=headers)).json() == good
            assert (await http.get(f"/rooms/{other}", headers=headers)).status_code == 403


async def test_openapi_has_the_security_scheme() -> None:
    verifier = AsyncVerifier(AsyncRestClient("p", "t", NOWHERE))
    app = fastapi.FastAPI()
    token = TokenRequired(verifier, base_url=BASE_URL)
    app.get("/", dependencies=[fastapi.Depends(token), fastapi.Depends(token.requiring("x"))])(
        show_nothing
    )
    described = app.openapi()
    schemes = described["components"]["securitySchemes"]
    assert schemes["SAT"] | {"description": ""} == {
        "type": "http", "scheme": "bearer", "bearerFormat": "SAT", "description": "",
    }  # fmt: skip
    assert "`DPoP`" in schemes["SAT"]["description"]
    operation = described["paths"]["/"]["get"]
    assert operation["security"] == [{"SAT": []}]
    assert "parameters" not in operation
    await verifier.close()


@pytest.mark.parametrize(
    "base_url", ["", "api.example.com", "ftp://a.example", "https://a.example?x", "https://a b/"]
)
def test_base_url_must_be_a_url(base_url: str) -> None:
    verifier = AsyncVerifier(AsyncRestClient("p", "t", NOWHERE))
    with pytest.raises(ValueError, match="base_url must be"):
        TokenRequired(verifier, base_url=base_url)


async def test_connections_of_other_kinds_do_not_get_through() -> None:
    verifier = AsyncVerifier(AsyncRestClient("p", "t", NOWHERE))
    app: Any = with_middleware(verifier)
    with pytest.raises(NotImplementedError):
        await app({"type": "webtransport"}, None, None)
