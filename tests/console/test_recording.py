"""What a development server records: texts on connections, long bodies, and no more than 500."""

import json
from collections.abc import Iterable
from typing import Final

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from satmint.control.recorder import MAX_EXCHANGES, Recorder, Recording
from satmint.jose import Keyring, TokenCipher
from satmint.model.clock import SystemClock
from satmint.model.recorded_exchange import ExchangeKind
from tests.kit.entropy import SeededEntropy

CIPHER: Final = TokenCipher(Keyring.new(SeededEntropy(), 0), SeededEntropy())
SECRET: Final = "a-password-that-nobody-sees"


async def handled(
    recorder: Recorder, app: ASGIApp, scope: Scope, messages: Iterable[Message]
) -> list[Message]:
    """Have an application handle a request; returns what it sent."""
    given, sent = iter(messages), list[Message]()

    async def receive() -> Message:
        return next(given)

    async def send(message: Message) -> None:
        sent.append(message)

    await Recording(app, recorder, lambda: CIPHER)(scope, receive, send)
    return sent


def scope(kind: str, path: str = "/api/x") -> Scope:
    return {"type": kind, "path": path, "method": "POST", "query_string": b"", "headers": []}


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it receives."""
    message = await receive()
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": (await receive())["text"]})


async def test_texts_on_a_connection_are_recorded_without_secrets() -> None:
    recorder = Recorder(SystemClock())
    text = json.dumps({"params": {"authentication": {"jwt_token": SECRET}}, "again": SECRET})
    messages = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": text}]
    sent = await handled(recorder, echo, scope("websocket"), messages)
    assert sent[-1]["text"] == text, "what is recorded is changed, not what is sent"
    request, received, answered = recorder.exchanges
    assert (request.method, request.status) == ("SOCKET", 101)
    assert (received.kind, answered.kind) == (ExchangeKind.RECEIVED, ExchangeKind.SENT)
    assert received.connection == answered.connection == request.number
    assert "[hidden: secret]" in received.request_body
    assert SECRET not in received.request_body + answered.response_body


@pytest.mark.parametrize(
    "token",
    [f"PT{'0123456789abcdef' * 3}", "c2c_0123456789abcdef", "eyJhbGciOiJk.a.b", "long-" * 20],
)
async def test_token_in_place_of_the_name_of_a_header_is_not_kept(token: str) -> None:
    recorder = Recorder(SystemClock())
    headers = [(token.lower().encode(), b"x"), (b"x-plain", b"y")]
    messages = [{"type": "http.request", "body": b"{}"}]
    await handled(recorder, echo, {**scope("http"), "headers": headers}, messages)
    (kept,) = recorder.exchanges
    assert token.lower() not in repr(kept)
    assert kept.request_headers == [("[hidden: name of a header]", "x"), ("x-plain", "y")]


async def test_bodies_that_are_long_or_no_json_are_not_kept() -> None:
    recorder = Recorder(SystemClock())
    for body in (f"password={SECRET}".encode(), json.dumps([SECRET] * 9000).encode(), b"[" * 9000):
        await handled(recorder, echo, scope("http"), [{"type": "http.request", "body": body}])
        kept = recorder.exchanges[-1]
        assert kept.request_body.startswith("[")
        assert len(kept.request_body) < 100
        assert SECRET not in repr(kept)
        assert [code for code, _ in kept.refusals] == ["bad_request"]


async def test_as_many_as_can_be_kept_and_only_those_of_the_api() -> None:
    recorder = Recorder(SystemClock())
    for _ in range(MAX_EXCHANGES + 5):
        await handled(recorder, echo, scope("http"), [{"type": "http.request", "body": b"{}"}])
    await handled(recorder, echo, scope("http", "/try"), [{"type": "http.request", "body": b""}])
    assert len(recorder.exchanges) == MAX_EXCHANGES
    assert recorder.exchanges[-1].number == MAX_EXCHANGES + 5
