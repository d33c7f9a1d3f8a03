"""A server whose database cannot be used yet: what each request is told."""

from typing import Any, Final

import pytest

from satmint.http.cors import Cors
from satmint.http.request_ids import SCOPE_KEY
from satmint.http.unavailable import UnavailableApplication
from tests.kit.entropy import SeededEntropy

JSON: Final = (b"content-type", b"application/json")
NAVIGATION: Final = [(b"accept", b"text/html"), (b"sec-fetch-dest", b"document")]


async def answer_to(
    path: str,
    method: str = "GET",
    headers: list[tuple[bytes, bytes]] | None = None,
    kind: str = "http",
) -> tuple[list[dict[str, Any]], int]:
    """What is sent for a request with the id `id-1`, and how often is received."""
    app = UnavailableApplication(
        SeededEntropy(), Cors(("*",)), "https://mint.test", lambda: "sqlite_full"
    )
    sent: list[dict[str, Any]] = []
    received = 0

    async def receive() -> dict[str, Any]:
        nonlocal received
        received += 1
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - any message
        sent.append(message)

    scope = {"type": kind, "method": method, "path": path, "headers": headers or []}
    await app({**scope, SCOPE_KEY: "id-1"}, receive, send)
    return sent, received


@pytest.mark.parametrize(
    ("method", "path", "status", "more"),
    [
        ("GET", "/livez", 200, ()),
        ("HEAD", "/livez", 200, ()),
        ("POST", "/livez", 503, ((b"retry-after", b"1"),)),
        ("GET", "/livez/x", 503, ((b"retry-after", b"1"),)),
        ("GET", "/api/x", 503, ((b"retry-after", b"1"),)),
        (
            "GET",
            "/readyz",
            503,
            ((b"retry-after", b"1"), (b"x-satmint-cause", b"sqlite_full")),
        ),
    ],
)
async def test_only_readiness_is_told_the_cause_and_only_life_is_fine(
    method: str, path: str, status: int, more: tuple[tuple[bytes, bytes], ...]
) -> None:
    (start, body), received = await answer_to(path, method)
    text = b'{"status":"ok"}' if status == 200 else b'{"error":"Service Unavailable"}'
    assert (start["type"], start["status"]) == ("http.response.start", status)
    assert start["headers"] == [
        JSON,
        *more,
        (b"x-request-id", b"id-1"),
        (b"content-length", b"%d" % len(text)),
    ]
    assert body["body"] == (b"" if method == "HEAD" else text)
    assert received == 0


@pytest.mark.parametrize(
    ("path", "headers", "reloads"),
    [("/", NAVIGATION, True), ("/", [], False), ("/livez", NAVIGATION, False)],
)
async def test_browser_loads_a_page_again_until_there_is_one(
    path: str, headers: list[tuple[bytes, bytes]], reloads: bool
) -> None:
    (start, _), _ = await answer_to(path, headers=headers)
    assert ((b"refresh", b"3") in start["headers"]) is reloads


async def test_upgrade_is_received_and_refused() -> None:
    sent, received = await answer_to("/", kind="websocket")
    assert sent == [
        {
            "type": "websocket.http.response.start",
            "status": 503,
            "headers": [JSON, (b"retry-after", b"1"), (b"x-request-id", b"id-1")],
        },
        {
            "type": "websocket.http.response.body",
            "body": b'{"error":"Service Unavailable"}',
        },
    ]
    assert received == 1
