"""The application: routes, guards, bodies, headers; and in which order they are judged."""

import dataclasses
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from satmint.http.application import Application
from satmint.http.cors import Cors
from satmint.http.operations import Authentication, Operation
from satmint.http.request_body import BODY_LIMIT
from satmint.http.request_ids import SCOPE_KEY
from satmint.http.resources import OPERATIONS
from tests.http.answer_contract import field_errors, of_the_contract, plain
from tests.kit.service import BASE_URL, INFO, REFRESH, TOKENS, Bearer, Server, a_service, said

NOBODY: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"
GUARDED: Final = [
    found for found in OPERATIONS if found.authentication is not Authentication.PUBLIC
]
WITH_BODY: Final = [found for found in GUARDED if found.body_schema is not None]

Message = dict[str, Any]


def path_of(operation: Operation) -> str:
    """The operation's path with an id for each placeholder."""
    return "/".join(NOBODY if part[:1] == "{" else part for part in operation.path.split("/"))


async def ask(
    server: Server,
    method: str,
    path: str,
    received: Iterable[Message] = (),
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> tuple[list[Message], int]:
    """Ask the bare ASGI application; returns what it sent and how often it received."""
    incoming, sent, count = iter(received), list[Message](), 0

    async def receive() -> Message:
        nonlocal count
        count += 1
        return next(incoming)

    async def send(message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        sent.append(dict(message))

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": list(headers),
        "client": ("127.0.0.1", 40_000),
    }
    await server.app(scope, receive, send)
    return sent, count


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def body_of(size: int) -> bytes:
    """A refresh request of so many bytes, sound but for its token."""
    frame = '{"refresh_token":""}'
    return frame.replace('""', '"' + "x" * (size - len(frame)) + '"').encode()


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/fabric",
        "/api/fabric/",
        f"{TOKENS}/",
        f"/{TOKENS}",
        f"{TOKENS}/refresh/x",
        f"{TOKENS}%0A",
        f"{TOKENS}%00",
        "/API/fabric/subscribers/tokens",
        "/api/fabric/addresses/",
        f"/api/fabric/addresses/{NOBODY}/x",
        f"/api/satmint/c2c-tokens/{NOBODY}/disable%0A",
        f"/api/satmint/c2c-tokens/{NOBODY}%2Fdisable%0A",
        "/api/fabric/../fabric/addresses%2F",
        "/.env",
        "/%FF%FE",
        "/%ED%A0%80",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
async def test_unknown_path_is_not_found_whoever_asks(
    server: Server, method: str, path: str
) -> None:
    for auth in (None, server.tenant.auth):
        plain(await server.client.request(method, path, auth=auth), 404)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", TOKENS, "OPTIONS, POST"),
        ("PUT", REFRESH, "OPTIONS, POST"),
        ("POST", INFO, "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/fabric/resources/subscribers", "GET, HEAD, OPTIONS, POST"),
        (
            "PATCH",
            f"/api/fabric/resources/subscribers/{NOBODY}",
            "DELETE, GET, HEAD, OPTIONS, PUT",
        ),
        ("GET", f"/api/project/tokens/{NOBODY}", "DELETE, OPTIONS, PATCH"),
        ("POST", "/livez", "GET, HEAD, OPTIONS"),
        ("TRACE", TOKENS, "OPTIONS, POST"),
        ("get", "/livez", "GET, HEAD, OPTIONS"),
        ("BREW", "/livez", "GET, HEAD, OPTIONS"),
    ],
)
async def test_wrong_method_is_told_the_right_ones(
    server: Server, method: str, path: str, allow: str
) -> None:
    sent, received = await ask(server, method, path)
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], json.loads(sent[1]["body"])) == (
        405,
        {"error": "Method Not Allowed"},
    )
    assert (headers[b"allow"], received) == (allow.encode(), 0)


async def test_head_is_get_without_a_body(server: Server) -> None:
    got, head = [await server.client.request(method, "/livez") for method in ("GET", "HEAD")]
    assert (got.status_code, got.json()) == (200, {"status": "ok"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    refused = await server.client.head(INFO)
    assert (refused.status_code, refused.content) == (401, b"")


async def test_options_without_a_preflight_tells_the_methods(server: Server) -> None:
    answer = await server.client.options(TOKENS)
    assert (answer.status_code, answer.headers["allow"]) == (204, "OPTIONS, POST")
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.id)
async def test_unknown_caller_is_told_nothing_and_its_body_is_not_read(
    server: Server, operation: Operation
) -> None:
    """401 goes before 404, 413 and 422: who is not known learns nothing about anything."""
    before = await server.rows()
    for headers in (
        [],
        [(b"content-length", b"999999999")],
        [(b"content-length", b"-1")],
        [(b"authorization", b"Basic !!!")],
        [(b"authorization", b"Bearer x.y.z")],
        [(b"authorization", b"Basic " + b"A" * 100_000)],
        [(b"authorization", b"\xff\xfe")],
    ):
        sent, received = await ask(server, operation.method, path_of(operation), (), headers)
        assert (sent[0]["status"], received) == (401, 0)
        assert json.loads(sent[1]["body"]) == {"error": "Unauthorized"}
        assert dict(sent[0]["headers"])[b"www-authenticate"] == operation.authentication.challenge
    assert await server.rows() == before


async def test_challenge_names_every_way_in(server: Server) -> None:
    for path, challenge in (
        (INFO, 'Bearer realm="satmint"'),
        ("/api/fabric/resources/subscribers", 'Basic realm="satmint"'),
        ("/api/satmint/events", 'Basic realm="satmint"'),
        ("/api/fabric/addresses", 'Bearer realm="satmint", Basic realm="satmint"'),
    ):
        answer = await server.client.get(path)
        plain(answer, 401)
        assert answer.headers["www-authenticate"] == challenge


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.id)
async def test_every_body_is_read_as_strict_json(server: Server, operation: Operation) -> None:
    auth: httpx.Auth = server.tenant.auth
    if (
        operation.authentication.requires_proof
        or operation.authentication is Authentication.SUBSCRIBER_TOKEN
    ):
        auth = Bearer((await server.sign_in(scope="sat:refresh"))["token"])
    for content, message in (
        (b"{", "The body is not valid JSON"),
        (b"[]", "The body must be a JSON object"),
        (b'{"a":1,"a":1}', "The body is not valid JSON: a member is repeated"),
        (b'{"a":"\\u0000","b":1}', "The body is not valid JSON: a string contains NUL or an"),
        (b'{"a":"\\ud800"}', "The body is not valid JSON: a string contains NUL or an"),
        (b'{"a":NaN,"b":1}', "The body is not valid JSON: NaN is not a number"),
        (b"\xff", "The body is not valid JSON"),
        (b"reference=alice", "The body is not valid JSON"),
    ):
        answer = await server.client.request(
            operation.method, path_of(operation), content=content, auth=auth
        )
        ((code, said_, attribute),) = field_errors(answer)
        assert (code, attribute) == ("not_a_valid_json", None)
        assert said_.startswith(message)


async def test_body_of_64_kib_is_read_and_one_byte_more_is_not(server: Server) -> None:
    longest, too_long = body_of(BODY_LIMIT), body_of(BODY_LIMIT + 1)
    pieces = [longest[at : at + 4096] for at in range(0, BODY_LIMIT, 4096)]
    for content in (longest, in_pieces(*pieces)):
        answer = await server.client.post(REFRESH, content=content, auth=server.tenant.auth)
        assert [code for code, _, _ in field_errors(answer)] == ["invalid_token_format"]
    for content in (too_long, in_pieces(too_long), in_pieces(too_long[:-1], too_long[-1:])):
        answer = await server.client.post(REFRESH, content=content, auth=server.tenant.auth)
        plain(answer, 413)
        assert answer.headers["connection"] == "close"


def let_in(server: Server) -> tuple[bytes, bytes]:
    request = httpx.Request("GET", "http://mint.test")
    next(server.tenant.auth.auth_flow(request))
    return b"authorization", request.headers["authorization"].encode()


@pytest.mark.parametrize(
    "declared", [b"65537", b"9999999999999999999999", b"-1", b"x", b"", b"1e3"]
)
async def test_declared_length_that_is_too_long_or_none_is_refused_unread(
    server: Server, declared: bytes
) -> None:
    headers = [let_in(server), (b"content-length", declared)]
    sent, received = await ask(server, "POST", REFRESH, (), headers)
    assert (sent[0]["status"], received) == (413, 0)


async def test_body_without_an_end_is_read_up_to_the_limit_and_no_further(server: Server) -> None:
    piece = {"type": "http.request", "body": b"x" * 1024, "more_body": True}
    sent, received = await ask(server, "POST", REFRESH, [piece] * 1000, [let_in(server)])
    assert (sent[0]["status"], received) == (413, 65)


async def test_client_that_hangs_up_is_not_answered_and_changes_nothing(server: Server) -> None:
    before = await server.rows()
    pieces: list[Message] = [
        {"type": "http.request", "body": b'{"reference":"alice"}', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent, received = await ask(server, "POST", TOKENS, pieces, [let_in(server)])
    assert (sent, received) == ([], 2)
    assert await server.rows() == before


async def test_request_id_is_the_server_s_whatever_the_caller_sends(server: Server) -> None:
    """Else a caller could have its lines of the log bear the id of somebody else's request."""
    made = {(await server.client.get("/livez")).headers["x-request-id"]}
    for sent in (b"a", b"x" * 64, *map(str.encode, made), b"", b"x" * 65, b"a b", b"a\xff"):
        answer = await server.client.get("/livez", headers={b"X-Request-Id": sent})
        made.add(answer.headers["x-request-id"])
        assert answer.headers["x-request-id"] != sent.decode("latin-1")
    assert len(made) == 8


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/livez"),
        ("GET", "/nowhere"),
        ("POST", TOKENS),
        ("PUT", TOKENS),
        ("OPTIONS", TOKENS),
    ],
)
async def test_every_answer_carries_a_request_id(server: Server, method: str, path: str) -> None:
    of_the_contract(await server.client.request(method, path), [200, 204, 401, 404, 405])


ANYBODY: Final = {"Origin": "https://app.example"}
PREFLIGHT: Final = {
    **ANYBODY,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}"
)
async def test_preflight_passes_without_credentials(server: Server, operation: Operation) -> None:
    answer = await server.client.options(path_of(operation), headers=PREFLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert operation.method in answer.headers["access-control-allow-methods"].split(", ")
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type"} <= set(allowed)
    assert answer.headers["access-control-max-age"] == "600"
    assert "access-control-allow-credentials" not in answer.headers


async def test_errors_can_be_read_across_origins(server: Server) -> None:
    auth = server.tenant.auth
    client, exposed = server.client, "access-control-expose-headers"
    answers = [
        await client.get("/nowhere", headers=ANYBODY),
        await client.get(INFO, headers=ANYBODY),
        await client.put(TOKENS, headers=ANYBODY),
        await client.post(TOKENS, headers=ANYBODY, auth=auth),
        await client.post(TOKENS, headers=ANYBODY, auth=auth, content=body_of(70_000)),
        await client.post("/api/embeds/tokens", headers=ANYBODY, json={"token": "c2c_x"}),
    ]
    assert [answer.status_code for answer in answers] == [404, 401, 405, 422, 413, 404]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert {"Date", "X-Request-Id"} <= set(answer.headers[exposed].split(", "))
        assert "vary" not in answer.headers


async def test_origins_can_be_a_list(tmp_path: Path) -> None:
    async with a_service(tmp_path, cors_origins=["https://app.example"]) as server:
        for path, status in (("/livez", 200), ("/nowhere", 404), (INFO, 401)):
            allowed = await server.client.get(path, headers=ANYBODY)
            other = await server.client.get(path, headers={"Origin": "https://evil.example"})
            assert allowed.status_code == other.status_code == status
            assert allowed.headers["access-control-allow-origin"] == "https://app.example"
            assert allowed.headers["vary"] == other.headers["vary"] == "Origin"
            assert "access-control-allow-origin" not in other.headers
        preflight = await server.client.options(
            TOKENS, headers={**PREFLIGHT, "Origin": "https://evil.example"}
        )
        assert "access-control-allow-origin" not in preflight.headers


async def test_without_an_origin_there_is_nothing_about_origins(server: Server) -> None:
    answer = await server.client.get("/livez")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(("path", "there_is_one"), [("/", False), ("/x", True)])
async def test_websocket_without_a_gateway_is_refused_before_it_is_one(
    server: Server, path: str, *, there_is_one: bool
) -> None:
    gateway = server.service.gateway if there_is_one else None
    app = Application(dataclasses.replace(server.context, gateway=gateway), (), Cors(("*",)))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        sent.append(dict(message))

    scope = {"type": "websocket", "path": path, "headers": [], SCOPE_KEY: "id-1"}
    await app(scope, receive, send)
    assert sent == [
        {
            "type": "websocket.http.response.start",
            "status": 404,
            "headers": [(b"content-type", b"application/json"), (b"x-request-id", b"id-1")],
        },
        {"type": "websocket.http.response.body", "body": b'{"error":"Not Found"}'},
    ]


async def test_lifespan_is_nobody_s_business(server: Server) -> None:
    async def never() -> Message:
        raise AssertionError("nothing is received")

    async def send(message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        raise AssertionError(message)

    await server.app({"type": "lifespan"}, never, send)


async def test_strangers_cannot_make_counters(server: Server) -> None:
    """Paths, methods and ids that somebody invents must not each get a counter for good."""
    metrics = server.service.metrics
    for number in range(50):
        await ask(server, f"BREW{number}", "/livez")
        await ask(server, "GET", f"/nowhere/{number}")
        await server.client.get(f"/api/fabric/addresses/{number}", auth=server.tenant.auth)
        await server.client.post(TOKENS, json={f"x{number}": 1}, auth=server.tenant.auth)
    assert set(metrics.requests) == {
        ("-", "-", 405),
        ("-", "-", 404),
        ("GET", "get-address", 404),
        ("POST", "create-subscriber-token", 422),
    }
    assert len(metrics.refusals) == 4


async def test_metrics_are_prometheus_text(server: Server) -> None:
    said(await server.client.get("/livez"), 200)
    text = await server.scrape()
    assert 'satmint_http_requests_total{method="GET",route="livez",status="200"} 1.0' in text
    assert 'satmint_http_request_seconds_bucket{le="+Inf"} 1.0' in text


async def test_admin_listener_has_nothing_that_is_public(server: Server) -> None:
    app = server.service.admin_app(BASE_URL)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        answer = await client.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "access-control-allow-origin" not in answer.headers
        for path in ("/", "/livez", INFO, "/openapi.json", "/api/satmint/events"):
            plain(await client.get(path, auth=server.tenant.auth), 404)
        plain(await client.post("/metrics"), 405)


@pytest.mark.parametrize("sent", ["Origin", "Sec-Fetch-Site"])
async def test_page_of_another_site_reads_nothing_of_the_admin_listener(
    server: Server, sent: str
) -> None:
    """Not even where a name of that site points to this machine (DNS rebinding)."""
    transport = httpx.ASGITransport(app=server.service.admin_app(BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        assert (await client.get("/metrics", headers={"Host": "satmint:9464"})).status_code == 200
        for host, status in (("evil.example", 404), ("127.0.0.1:9464", 200), ("localhost", 200)):
            headers = {"Host": host, sent: "same-origin"}
            assert (await client.get("/metrics", headers=headers)).status_code == status


async def test_health(server: Server) -> None:
    assert said(await server.client.get("/livez"), 200) == {"status": "ok"}
    assert said(await server.client.get("/readyz"), 200) == {"status": "ok"}
    await server.service.store.close()
    assert said(await server.client.get("/livez"), 200) == {"status": "ok"}
    answer = await server.client.get("/readyz")
    plain(answer, 503)
    assert answer.headers["retry-after"] == "1"


async def test_readiness_names_the_condition_that_does_not_hold(server: Server) -> None:
    server.database.rename(server.database.with_name("elsewhere"))
    answer = await server.client.get("/readyz")
    plain(answer, 503)
    assert answer.headers["x-satmint-cause"] == "sqlite_replaced"
    refused = await server.client.post(TOKENS, json={"reference": "a"}, auth=server.tenant.auth)
    plain(refused, 503)
    assert refused.headers["retry-after"] == "1"
    assert "x-satmint-cause" not in refused.headers
    await server.service.watch.check()
    assert "satmint_database_unusable 1.0" in await server.scrape()
    server.database.with_name("elsewhere").rename(server.database)
    assert said(await server.client.get("/readyz"), 200) == {"status": "ok"}
    await server.sign_in()
    await server.service.watch.check()
    assert "satmint_database_unusable 0.0" in await server.scrape()
