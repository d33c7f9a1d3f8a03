"""The core, fed by hand: no client, no transport, no clock."""

from __future__ import annotations

import json
import pickle
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk._secrets import SecretText
from satmint_sdk.rest import RequestOptions, SignalWireRestError, SignalWireRestTransportError
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.rest._exchange import exchange
from satmint_sdk.rest._steps import (
    NoResponse,
    Outcome,
    Outside,
    Pause,
    Response,
    Send,
    Waited,
)

ENDPOINT = Endpoint("https://example.test", loopback=False, authorization=SecretText("Basic cDp0"))

KEYLESS = replace(ENDPOINT, idempotency_keys=False)


class Time:
    """A monotonic clock, by hand."""

    now = 0.0


def outside(time: Time | None = None) -> Outside:
    return Outside(
        draw=lambda: 0.5,
        now=lambda: (time or Time()).now,
        new_key=lambda: "key-1",
    )


def feed(
    call: Call[Any],
    outcomes: list[Outcome],
    endpoint: Endpoint = ENDPOINT,
) -> tuple[list[Send | Pause], Any]:
    """Drive a conversation with prepared outcomes, and keep what it asked for."""
    time = Time()
    conversation = exchange(call, endpoint, outside(time))
    asked = [next(conversation)]
    try:
        for outcome in outcomes:
            while isinstance(asked[-1], Pause):
                time.now += asked[-1].seconds
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
        call(repeatable=True, default_retries=2),
        [answered(500), NoResponse(OSError()), answered(201, {"ok": 1})],
    )
    assert [type(step) for step in asked] == [Send, Pause, Send, Pause, Send]
    assert len({step.content for step in asked if isinstance(step, Send)}) == 1  # the same token


def test_a_refresh_told_not_to_repeat_does_not() -> None:
    with pytest.raises(SignalWireRestError):
        feed(
            call(repeatable=True, default_retries=2, options=RequestOptions(retries=0)),
            [answered(500), answered(201)],
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
        next(exchange(call(options=RequestOptions(abort_signal=stop)), ENDPOINT, outside()))
    assert stopped.value.body == "aborted by its abort_signal"


def test_an_abort_ends_a_long_pause_within_a_second() -> None:
    stop = threading.Event()
    options = RequestOptions(retries=1, abort_signal=stop)
    conversation = exchange(call("GET", options=options), ENDPOINT, outside())
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
    conversation = exchange(call(), ENDPOINT, outside())
    next(conversation)
    with pytest.raises(TypeError):
        conversation.send(Waited())


def test_nan_is_not_sent() -> None:
    with pytest.raises(ValueError):
        next(exchange(Call("POST", "/x", body={"a": float("nan")}), ENDPOINT, outside()))


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_answer_is_a_dict_or_the_error(status: int, content: bytes) -> None:
    conversation = exchange(call(), ENDPOINT, outside())
    next(conversation)
    with pytest.raises((SignalWireRestError, StopIteration)) as end:
        conversation.send(Response(status, {}, content, 0.0))
    if isinstance(end.value, StopIteration):
        assert isinstance(end.value.value, dict)


POST: Call[Any] = Call("POST", "/api/x", body={"a": 1})
LOST, UNSENT = NoResponse(OSError("lost")), NoResponse(OSError("refused"), sent=False)
RETRIES = RequestOptions(retries=2)


def sends(asked: list[Send | Pause]) -> list[Send]:
    return [step for step in asked if isinstance(step, Send)]


def with_options(given: Call[Any], options: RequestOptions | None) -> Call[Any]:
    return replace(given, options=options)


def test_no_retries_of_the_client_are_none_for_a_refresh_too() -> None:
    endpoint = replace(ENDPOINT, options=RequestOptions(retries=0))
    with pytest.raises(SignalWireRestError):
        feed(call(repeatable=True, default_retries=2), [answered(503), answered(200, {})], endpoint)


def test_a_retry_after_beyond_the_time_of_the_call_is_told_at_once() -> None:
    refresh = call(repeatable=True, default_retries=2, options=RequestOptions(timeout=1))
    conversation = exchange(refresh, ENDPOINT, outside())
    next(conversation)
    with pytest.raises(SignalWireRestError) as refused:
        conversation.send(answered(429, None, **{"retry-after": "6"}))
    assert refused.value.status_code == 429


def test_who_says_nothing_of_time_waits_as_the_server_wishes() -> None:
    refresh = call(repeatable=True, default_retries=2)
    asked, _ = feed(refresh, [answered(429, None, **{"retry-after": "6"}), answered(200, {})])
    assert asked[1] == Pause(6.0)


def test_the_last_attempts_have_what_is_left_of_the_call() -> None:
    time = Time()
    options = RequestOptions(retries=9, timeout=10, total_timeout=12, retry_backoff=1)
    conversation = exchange(call("GET", options=options), ENDPOINT, outside(time))
    first = next(conversation)
    assert isinstance(first, Send)
    assert (first.timeout, first.connect_timeout) == (10, 10)
    time.now = 4.0
    assert conversation.send(LOST) == Pause(1.5)
    time.now += 1.5
    second = conversation.send(Waited())
    assert isinstance(second, Send)
    assert (second.timeout, second.connect_timeout, second.read_timeout) == (6.5, 6.5, 6.5)
    time.now = 11.0
    with pytest.raises(SignalWireRestTransportError):
        conversation.send(LOST)


def test_a_post_whose_answer_was_lost_is_not_repeated_if_the_server_ignores_keys() -> None:
    with pytest.raises(SignalWireRestTransportError):
        feed(with_options(POST, RETRIES), [LOST, answered(201, {})], KEYLESS)


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("endpoint", [ENDPOINT, KEYLESS])
def test_a_post_is_not_repeated_after_an_answer_that_says_nothing_of_its_fate(
    endpoint: Endpoint, status: int
) -> None:
    with pytest.raises(SignalWireRestError):
        feed(with_options(POST, RETRIES), [answered(status), answered(201, {})], endpoint)


@pytest.mark.parametrize("outcome", [UNSENT, answered(429), answered(503)])
def test_a_post_that_did_not_arrive_or_was_not_done_is_repeated(outcome: Outcome) -> None:
    assert feed(with_options(POST, RETRIES), [outcome, answered(201, {"ok": 1})])[1] == {"ok": 1}


def test_a_post_whose_answer_was_lost_is_repeated_with_its_key() -> None:
    asked, answer = feed(
        with_options(POST, RETRIES), [LOST, answered(409), answered(201, {"ok": 1})]
    )
    assert [send.headers["idempotency-key"] for send in sends(asked)] == ['"key-1"'] * 3
    assert answer == {"ok": 1}


def test_a_conflict_without_an_attempt_before_it_is_a_verdict() -> None:
    with pytest.raises(SignalWireRestError) as refused:
        feed(with_options(POST, RETRIES), [answered(409)])
    assert refused.value.status_code == 409


@pytest.mark.parametrize(
    ("given", "endpoint", "key"),
    [
        (POST, ENDPOINT, None),
        (with_options(POST, RETRIES), ENDPOINT, '"key-1"'),
        (with_options(POST, RETRIES), KEYLESS, None),
        (with_options(POST, RequestOptions(idempotency_key="mine")), ENDPOINT, '"mine"'),
        (with_options(call(repeatable=True), RETRIES), ENDPOINT, None),
        (with_options(call("GET"), RETRIES), ENDPOINT, None),
        (with_options(call("PUT"), RETRIES), ENDPOINT, None),
    ],
)
def test_a_key_is_sent_with_each_post_that_may_be_repeated(
    given: Call[Any], endpoint: Endpoint, key: str | None
) -> None:
    asked, _ = feed(given, [answered(201, {})], endpoint)
    assert sends(asked)[0].headers.get("idempotency-key") == key


@pytest.mark.parametrize("before", [LOST, answered(500), answered(502), answered(504)])
def test_a_deletion_that_a_repetition_does_not_find_is_done(before: Outcome) -> None:
    asked, answer = feed(with_options(call("DELETE"), RETRIES), [before, answered(404)])
    assert len(sends(asked)) == 2
    assert answer == {}


@pytest.mark.parametrize("before", [UNSENT, answered(429), answered(503)])
def test_a_deletion_that_nobody_has_done_is_not(before: Outcome) -> None:
    with pytest.raises(SignalWireRestError) as refused:
        feed(with_options(call("DELETE"), RETRIES), [before, answered(404)])
    assert refused.value.status_code == 404
    with pytest.raises(SignalWireRestError):
        feed(with_options(call("GET"), RETRIES), [LOST, answered(404)])


def test_what_is_wrong_on_this_machine_is_not_tried_again() -> None:
    with pytest.raises(SignalWireRestTransportError) as refused:
        feed(
            with_options(call("GET"), RETRIES),
            [NoResponse(OSError("unknown authority"), permanent=True), answered(200, {})],
        )
    assert refused.value.permanent
    assert pickle.loads(pickle.dumps(refused.value)).permanent  # noqa: S301 - our own


def test_every_retry_says_why() -> None:
    asked, _ = feed(
        with_options(call("GET"), RETRIES),
        [answered(500), NoResponse(OSError("lost eyJhbGciOiJkaXIi.x")), answered(200, {})],
    )
    assert [step.reason for step in asked if isinstance(step, Pause)] == [
        "GET /api/x: attempt 1 of 3 was answered 500; the next one in 0.8 s",
        "GET /api/x: attempt 2 of 3 got no answer (OSError: lost [hidden]); the next one in 1.2 s",
    ]
