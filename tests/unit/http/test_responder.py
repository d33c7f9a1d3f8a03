"""How responses are sent: their headers, their bodies, and pages for browsers."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import pytest

from satmint.http.call import Response, json_response
from satmint.http.cors import Cors
from satmint.http.event_stream import ServerSentEvent, event_stream
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.request_body import BodyTooLarge
from satmint.http.responder import Responder
from satmint.http.statuses import plain_error
from satmint.model.refusals import Code, NotFound, Refusal, Unauthorized, Unproven

JSON: Final = (b"content-type", b"application/json")
REQUEST_ID: Final = (b"x-request-id", b"id-1")
NAVIGATION: Final = {b"accept": b"text/html", b"sec-fetch-dest": b"document"}
RESPONDER: Final = Responder(Cors(("https://a.example",)), "https://mint.test/errors")


async def handler(_context: HandlerContext, _call: object) -> object:
    raise AssertionError("nobody calls it")


OPERATION: Final = Operation(
    id="one",
    method="GET",
    path="/one",
    tag="One",
    summary="One",
    authentication=Authentication.API_TOKEN,
    handler=handler,
)


async def sent(
    response: Response, method: str = "GET", headers: Mapping[bytes, bytes] | None = None
) -> list[dict[str, Any]]:
    """The messages of a response."""
    messages: list[dict[str, Any]] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - any message
        messages.append(message)

    await RESPONDER.send(response, "id-1", method, headers or {}, send)
    return messages


async def test_response_is_sent_with_its_length_and_the_id_of_the_request() -> None:
    start, body = await sent(json_response(200, {}, ((b"cache-control", b"no-store"),)))
    assert start == {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            JSON,
            (b"cache-control", b"no-store"),
            REQUEST_ID,
            (b"content-length", b"2"),
        ],
    }
    assert body == {"type": "http.response.body", "body": b"{}"}


async def test_response_to_head_has_the_length_of_the_body_that_is_left_out() -> None:
    start, body = await sent(json_response(200, {}), "HEAD")
    assert start["headers"] == [JSON, REQUEST_ID, (b"content-length", b"2")]
    assert body["body"] == b""


@pytest.mark.parametrize(("status", "has_length"), [(200, True), (204, False), (205, True)])
async def test_only_a_response_without_content_has_no_length(status: int, has_length: bool) -> None:
    start, body = await sent(Response(status))
    assert start["status"] == status
    assert ((b"content-length", b"0") in start["headers"]) is has_length
    assert body["body"] == b""


async def test_of_a_stream_the_head_alone_is_sent() -> None:
    async def events() -> AsyncGenerator[ServerSentEvent]:
        yield ServerSentEvent("a")

    (start,) = await sent(event_stream(events()))
    assert start["status"] == 200
    names = [name for name, _ in start["headers"]]
    assert b"content-length" not in names
    assert REQUEST_ID in start["headers"]


async def test_page_of_another_origin_may_read_a_response_and_its_headers() -> None:
    for web_origin, allowed in ((b"https://a.example", True), (b"https://b.example", False)):
        start, _ = await sent(json_response(200, {}), headers={b"origin": web_origin})
        headers = dict(start["headers"])
        assert headers[b"vary"] == b"Origin"
        assert (headers.get(b"access-control-allow-origin") == web_origin) is allowed
    start, _ = await sent(json_response(200, {}))
    assert b"vary" not in dict(start["headers"])


HTML: Final = b"text/html; charset=utf-8"


@pytest.mark.parametrize("code", [Code.BAD_REQUEST, Code.UNAUTHORIZED, Code.UNAVAILABLE])
async def test_browser_gets_a_page_of_an_error(code: Code) -> None:
    start, body = await sent(plain_error(code), headers=NAVIGATION)
    assert start["status"] == plain_error(code).status
    assert dict(start["headers"])[b"content-type"] == HTML
    assert b"id-1" in body["body"]


@pytest.mark.parametrize(
    ("response", "method", "headers"),
    [
        (json_response(399, {}), "GET", NAVIGATION),
        (plain_error(Code.NOT_FOUND), "POST", NAVIGATION),
        (plain_error(Code.NOT_FOUND), "GET", {}),
        (Response(404, b"<h1>", ((b"content-type", b"text/plain"),)), "GET", NAVIGATION),
    ],
    ids=["no error", "a form", "a program", "no JSON"],
)
async def test_anything_else_is_sent_as_it_is(
    response: Response, method: str, headers: Mapping[bytes, bytes]
) -> None:
    start, body = await sent(response, method, headers)
    assert dict(start["headers"])[b"content-type"] == dict(response.headers)[b"content-type"]
    assert body["body"] == response.body


def test_body_that_is_too_large_closes_the_connection() -> None:
    response = RESPONDER.error_response(BodyTooLarge(), OPERATION)
    assert (response.status, response.body) == (413, b'{"error":"Payload Too Large"}')
    assert tuple(response.headers) == (JSON, (b"connection", b"close"))


def test_bug_is_an_error_of_the_server() -> None:
    response = RESPONDER.error_response(ValueError("a detail"), OPERATION)
    assert (response.status, response.body) == (500, b'{"error":"Internal Server Error"}')
    assert tuple(response.headers) == (JSON,)


@pytest.mark.parametrize(
    ("error", "operation", "challenges"),
    [
        (Unauthorized("no_credentials"), OPERATION, [b'Basic realm="satmint"']),
        (Unauthorized("no_credentials"), None, []),
        (NotFound("no_such_thing"), OPERATION, []),
        (
            Unproven("proof_missing"),
            OPERATION,
            [b'DPoP error="invalid_dpop_proof", algs="RS256 PS256 ES256 EdDSA Ed25519"'],
        ),
    ],
    ids=["credentials", "no operation", "not found", "a proof"],
)
def test_missing_credentials_have_the_challenge_of_the_operation(
    error: Refusal, operation: Operation | None, challenges: list[bytes]
) -> None:
    response = RESPONDER.error_response(error, operation)
    found = [value for name, value in response.headers if name == b"www-authenticate"]
    assert found == challenges
