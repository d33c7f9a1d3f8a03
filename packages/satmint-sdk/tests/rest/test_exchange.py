"""The core, fed by hand: no client, no transport, no clock."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk._secrets import SecretText
from satmint_sdk.rest import RequestOptions, SignalWireRestError, SignalWireRestTransportError
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.rest._exchange import NoResponse, Outcome, Pause, Response, Send, Waited, exchange

ENDPOINT = Endpoint("https://example.test", loopback=False, authorization=SecretText("Basic cDp0"))


def feed(
    call: Call[Any], outcomes: list[Outcome], endpoint: Endpoint = ENDPOINT
) -> tuple[list[Send | Pause], Any]:
    """Drive a conversation with prepared outcomes, and keep what it asked for."""
    conversation = exchange(call, endpoint, lambda: 0.5)
    asked = [next(conversation)]
    try:
        for outcome in outcomes:
            while isinstance(asked[-1], Pause):
                asked.append(conversation.send(Waited()))
            asked.append(conversation.send(outcome))
    except StopIteration as end:
        return asked, end.value
    raise AssertionError("the conversation goes on")


def answered(status: int, body: object = None, **headers: str) -> Response:
    content = b"" if body is None else json.dumps(body).encode()
    return Response(status, headers, content, 1_800_000_000.0)


def call(method: str = "POST", **more: Any) -> Call[Any]:
    return Call(method, "/api/x", body={"a": 1} if method == "POST" else None, **more)


def test_what_is_sent() -> None:
    asked, answer = feed(call(), [answered(201, {"token": "t"})])
    (send,) = asked
    assert isinstance(send, Send)
    assert (send.method, send.url, send.timeout) == ("POST", "https://example.test/api/x", 30.0)
    assert send.content == b'{"a":1}'
    assert send.headers["authorization"] == "Basic cDp0"
    assert send.headers["content-type"] == "application/json"
    assert send.headers["accept"] == "application/json"
    assert send.headers["user-agent"].startswith("satmint-sdk-python/")
    assert answer == {"token": "t"}
    assert "cDp0" not in repr(send)


def test_a_token_of_the_call_goes_before_the_clients_own_credentials() -> None:
    asked, _ = feed(call("GET", bearer=SecretText("sat")), [answered(200, {})])
    assert isinstance(asked[0], Send)
    assert asked[0].headers["authorization"] == "Bearer sat"
    assert asked[0].content is None
    assert "content-type" not in asked[0].headers


def test_the_query_leaves_out_what_is_not_given_and_repeats_lists() -> None:
    query = {"a": None, "b": ["1", "2"], "c": True, "d": "x&y", "e": 0}
    asked, _ = feed(Call("GET", "/l", query=query), [answered(200, {})])
    assert isinstance(asked[0], Send)
    assert asked[0].url == "https://example.test/l?b=1&b=2&c=true&d=x%26y&e=0"


@pytest.mark.parametrize("response", [answered(204), answered(200), answered(201)])
def test_nothing_is_an_empty_dict(response: Response) -> None:
    assert feed(call(), [response])[1] == {}


@pytest.mark.parametrize("status", [100, 301, 302, 304, 400, 401, 403, 404, 405, 413, 422, 599])
def test_every_other_status_is_an_error(status: int) -> None:
    with pytest.raises(SignalWireRestError) as refused:
        feed(call(), [answered(status, {"error": "No"}, **{"x-request-id": "r"})])
    assert refused.value.status_code == status
    assert refused.value.body == {"error": "No"}
    assert refused.value.request_id == "r"
    assert (refused.value.url, refused.value.method) == ("https://example.test/api/x", "POST")


@pytest.mark.parametrize(
    "content",
    [b"<html>", b'{"token": "e', b"\xff\xfe", b'{"a": NaN}', b"[]", b'"text"', b"5", b"null",
     b"[" * 100_000],
    ids=["html", "cut", "binary", "nan", "list", "string", "number", "null", "deep"],
)  # fmt: skip
def test_a_2xx_that_is_no_json_object_is_an_error(content: bytes) -> None:
    with pytest.raises(SignalWireRestError) as refused:
        feed(call(), [Response(200, {}, content, 0.0)])
    assert refused.value.status_code == 200
    assert isinstance(refused.value.body, str)


def test_an_error_page_is_kept_as_text() -> None:
    with pytest.raises(SignalWireRestError) as refused:
        feed(call(), [Response(502, {}, b"<h1>Bad gateway</h1>", 0.0)])
    assert refused.value.body == "<h1>Bad gateway</h1>"


def test_no_answer_carries_its_cause() -> None:
    cause = OSError("refused")
    with pytest.raises(SignalWireRestTransportError) as lost:
        feed(call(), [NoResponse(cause)])
    assert lost.value.__cause__ is cause
    assert lost.value.body == "OSError: refused"


def test_nothing_is_repeated_unless_asked_for() -> None:
    with pytest.raises(SignalWireRestError):
        feed(call(), [answered(503), answered(200, {})])


def test_attempts_and_pauses_alternate() -> None:
    options = RequestOptions(retries=3)
    asked, answer = feed(
        call("GET", options=options),
        [answered(500), NoResponse(OSError()), answered(429, None, **{"retry-after": "7"}),
         answered(200, {"ok": 1})],
    )  # fmt: skip
    assert [step.seconds if isinstance(step, Pause) else "send" for step in asked] == [
        "send", 0.75, "send", 1.25, "send", 7.0, "send",
    ]  # fmt: skip
    assert answer == {"ok": 1}


def test_retries_end() -> None:
    with pytest.raises(SignalWireRestError) as refused:
        feed(call("GET", options=RequestOptions(retries=2)), [answered(500)] * 9)
    assert refused.value.status_code == 500


def test_a_refresh_is_tried_three_times_by_itself() -> None:
    asked, _ = feed(
        call(repeatable=True), [answered(500), NoResponse(OSError()), answered(201, {"ok": 1})]
    )
    assert [type(step) for step in asked] == [Send, Pause, Send, Pause, Send]
    assert len({id(step) for step in asked if isinstance(step, Send)}) == 1  # the same token


def test_a_refresh_told_not_to_repeat_does_not() -> None:
    with pytest.raises(SignalWireRestError):
        feed(
            call(repeatable=True, options=RequestOptions(retries=0)), [answered(500), answered(201)]
        )


def test_a_wait_beyond_an_hour_is_told_and_not_waited_for() -> None:
    with pytest.raises(SignalWireRestError) as refused:
        feed(
            call("GET", options=RequestOptions(retries=5)),
            [answered(503, None, **{"retry-after": "86400"})],
        )
    assert refused.value.headers is not None
    assert refused.value.headers["retry-after"] == "86400"


def test_an_abort_before_the_first_attempt_sends_nothing() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(SignalWireRestTransportError) as stopped:
        next(exchange(call(options=RequestOptions(abort_signal=stop)), ENDPOINT, lambda: 0.5))
    assert stopped.value.body == "aborted by its abort_signal"


def test_an_abort_ends_a_long_pause_within_a_second() -> None:
    stop = threading.Event()
    options = RequestOptions(retries=1, abort_signal=stop)
    conversation = exchange(call("GET", options=options), ENDPOINT, lambda: 0.5)
    assert isinstance(next(conversation), Send)
    assert conversation.send(answered(503, None, **{"retry-after": "60"})) == Pause(1.0)
    stop.set()
    with pytest.raises(SignalWireRestTransportError):
        conversation.send(Waited())


def test_a_pause_in_pieces_is_as_long_as_in_one() -> None:
    options = RequestOptions(retries=1, abort_signal=threading.Event())
    asked, _ = feed(
        call("GET", options=options),
        [answered(503, None, **{"retry-after": "2.5"}), answered(200, {})],
    )
    assert [step.seconds for step in asked if isinstance(step, Pause)] == [1.0, 1.0, 0.5]


def test_a_driver_that_mixes_things_up_is_told() -> None:
    conversation = exchange(call(), ENDPOINT, lambda: 0.5)
    next(conversation)
    with pytest.raises(TypeError):
        conversation.send(Waited())


def test_nan_is_not_sent() -> None:
    with pytest.raises(ValueError):
        next(exchange(Call("POST", "/x", body={"a": float("nan")}), ENDPOINT, lambda: 0.5))


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_answer_is_a_dict_or_the_error(status: int, content: bytes) -> None:
    conversation = exchange(call(), ENDPOINT, lambda: 0.5)
    next(conversation)
    with pytest.raises((SignalWireRestError, StopIteration)) as end:
        conversation.send(Response(status, {}, content, 0.0))
    if isinstance(end.value, StopIteration):
        assert isinstance(end.value.value, dict)
