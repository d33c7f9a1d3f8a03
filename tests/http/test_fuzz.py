"""Whatever arrives, what goes back is an answer of the contract: never a 500, never silence."""

import json
from base64 import b64encode
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from satmint.http.operations import Operation
from satmint.http.resources import OPERATIONS
from tests.http.answer_contract import of_the_contract
from tests.kit.devices import REFRESH, TOKEN, a_browser
from tests.kit.service import BASE_URL, Bearer, Server

STATUSES: Final = {200, 201, 204, 401, 403, 404, 405, 413, 422, 429}
# Pages are made for people and have a test file of their own.
API: Final = [found for found in OPERATIONS if found.media_type == "application/json"]
PATHS: Final = sorted({found.path for found in API})
NAMES: Final = sorted(
    {name for found in API if found.body_schema for name in found.body_schema.fields}
)
PIECES: Final = ("/", "//", "%2e%2e", "%00", "%0a", "%ff", "?", "x", ";")
QUERIES: Final = sorted({name for found in API for name in found.query})

ids = st.sampled_from(["c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f", "", "x", "%00", "..", "%2F"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(max_size=300)
    | st.sampled_from(["alice@example.com", "c2c_" + "0" * 32, "a.b.c.d.e", "us-central"])
    | st.uuids().map(str)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=15,
)
bodies = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=20), values, max_size=12)
header_bytes = st.binary(max_size=200).map(lambda raw: raw.translate(None, b"\0\r\n"))


def in_path(operation: Operation, place: str) -> str:
    parts = operation.path.split("/")
    return "/".join(place if part[:1] == "{" else part for part in parts)


async def asked(
    server: Server,
    method: str,
    url: str,
    *,
    content: bytes = b"",
    headers: dict[bytes, bytes] | None = None,
    auth: httpx.Auth | None = None,
) -> httpx.Response:
    """The answer, which is of the contract."""
    answer = await server.client.request(
        method, httpx.URL(BASE_URL).join(url), content=content, headers=headers or {}, auth=auth
    )
    of_the_contract(answer, STATUSES)
    return answer


@settings(max_examples=150)
@given(operation=st.sampled_from(API), place=ids, body=bodies)
async def test_any_json_as_a_body(
    server: Server, operation: Operation, place: str, body: dict[str, Any]
) -> None:
    content = json.dumps(body).encode()
    path = in_path(operation, place)
    await asked(server, operation.method, path, content=content, auth=server.tenant.auth)


@settings(max_examples=100)
@given(operation=st.sampled_from(API), content=st.binary(max_size=2000))
@example(operation=API[0], content=b"[" * 60_000)
@example(operation=API[0], content=b'{"a":' + b"[" * 60_000)
@example(operation=API[0], content=b"\xef\xbb\xbf{}")
@example(operation=API[0], content=b'{"reference":"\\ud800"}')
@example(operation=API[0], content=b"{" + b'"x":1,' * 9_000 + b'"y":1}')
async def test_any_bytes_as_a_body(server: Server, operation: Operation, content: bytes) -> None:
    path = in_path(operation, "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f")
    await asked(server, operation.method, path, content=content, auth=server.tenant.auth)


@settings(max_examples=100)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]),
    pieces=st.lists(st.sampled_from([*PATHS, *PIECES]), max_size=5),
)
async def test_any_path(server: Server, method: str, pieces: list[str]) -> None:
    path = "/" + "".join(pieces).replace("{", "%7B").replace("}", "%7D").lstrip("/")
    answer = await server.client.request(method, BASE_URL + path, auth=server.tenant.auth)
    assert answer.status_code in STATUSES
    assert answer.headers["x-request-id"]


@settings(max_examples=150)
@given(
    operation=st.sampled_from([found for found in API if found.query and found.method == "GET"]),
    query=st.lists(
        st.tuples(
            st.sampled_from(QUERIES) | st.text(max_size=5),
            st.text(max_size=40) | st.integers().map(str) | st.binary(max_size=30),
        ),
        max_size=6,
    ),
    raw=st.binary(max_size=10),
)
async def test_any_query(
    server: Server, operation: Operation, query: list[tuple[str, str | bytes]], raw: bytes
) -> None:
    text = urlencode(query, errors="surrogatepass") + quote(raw, safe="&=%;+")
    path = in_path(operation, "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f")
    await asked(server, "GET", f"{path}?{text}", auth=server.tenant.auth)


@settings(max_examples=100)
@given(
    operation=st.sampled_from(API),
    name=st.sampled_from(
        [
            *(b"authorization", b"origin", b"x-request-id", b"user-agent", b"host"),
            *(b"content-type", b"accept", b"cookie", b"access-control-request-method"),
        ]
    ),
    value=header_bytes,
)
async def test_any_bytes_as_a_header(
    server: Server, operation: Operation, name: bytes, value: bytes
) -> None:
    path = in_path(operation, "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f")
    auth = None if name == b"authorization" else server.tenant.auth
    await asked(server, operation.method, path, headers={name: value}, auth=auth)


@settings(max_examples=100)
@given(scheme=st.sampled_from([b"Basic ", b"Bearer ", b"basic", b"Bearer\t"]), secret=header_bytes)
async def test_any_bytes_as_a_credential(server: Server, scheme: bytes, secret: bytes) -> None:
    for shown in (scheme + secret, scheme + b64encode(secret)):
        for path in ("/api/fabric/subscriber/info", "/api/fabric/addresses", "/api/satmint/events"):
            answer = await asked(server, "GET", path, headers={b"authorization": shown})
            assert answer.status_code in (401, 429)


@settings(max_examples=100)
@given(text=st.text(max_size=400) | st.text("eyJhbGci.-_=", max_size=400))
@pytest.mark.parametrize("path", ["/api/fabric/subscribers/tokens/refresh", "/api/embeds/tokens"])
async def test_any_text_as_a_token(server: Server, path: str, text: str) -> None:
    for body in ({"refresh_token": text, "token": text}, {"refresh_token": text}, {"token": text}):
        content = json.dumps(body).encode()
        answer = await asked(server, "POST", path, content=content, auth=server.tenant.auth)
        assert answer.status_code in (403, 404, 422, 429)


@settings(max_examples=60)
@given(cut=st.integers(0, 400), text=st.text("AQgw.-_", max_size=9))
async def test_any_beginning_of_a_sat_is_refused(server: Server, cut: int, text: str) -> None:
    pair = await server.sign_in()
    token = pair["token"]
    shown = token[:cut] + text
    answer = await server.client.get("/api/fabric/subscriber/info", auth=Bearer(shown))
    assert answer.status_code in ({200} if shown == token else {401, 429})


@settings(max_examples=100)
@given(
    path=st.sampled_from([TOKEN, REFRESH]),
    text=st.text(max_size=400) | st.text("eyJhbGci.-_=", max_size=400),
    expire_in=values,
    lines=st.lists(header_bytes, max_size=2),
)
async def test_anything_as_a_proof(
    server: Server, path: str, text: str, expire_in: object, lines: list[bytes]
) -> None:
    browser = await a_browser(server)
    content = json.dumps({"dpop_token": text, "expire_in": expire_in}).encode()
    shown = (b"authorization", b"Bearer " + browser.token.encode())
    headers = [shown, *((b"dpop", line) for line in lines)]
    answer = await server.client.post(path, content=content, headers=headers)
    of_the_contract(answer, {401, 422})


@settings(max_examples=100)
@given(
    header=st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "crit", "x"]), values),
    jwk=st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d"]), values),
    payload=st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce"]), values),
)
async def test_anything_within_a_proof_that_is_signed(
    server: Server, header: dict[str, Any], jwk: dict[str, Any], payload: dict[str, Any]
) -> None:
    browser = await a_browser(server)
    good = browser.signer.header(jwk=jwk)
    claims = {"jti": "1", "htm": "POST", "htu": TOKEN, "iat": server.clock.now()}
    proof = browser.signer.compact({**good, **header}, {**claims, **payload})
    answer = await browser.activate(proof=proof)
    of_the_contract(answer, {201, 401})
