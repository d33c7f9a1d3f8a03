"""The core: decides what to send, when to wait and what to return. No I/O.

A conversation is a generator. It yields a `Send` or a `Pause`, receives the outcome, and returns
the response's JSON. The two drivers in `_drivers` perform the steps, one of them with `await`.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Final, NoReturn, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from satmint_sdk._retry import retry_after
from satmint_sdk._secrets import HiddenMapping, one_line
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.rest._options import Resolved, resolve
from satmint_sdk.rest._resend import is_safe, may_retry, retry_delay, was_not_processed
from satmint_sdk.rest._steps import (
    NoResponse,
    Outcome,
    Outside,
    Pause,
    Response,
    Send,
    Step,
    TooLarge,
)
from satmint_sdk.rest.errors import (
    SignalWireRestError,
    SignalWireRestTooLargeError,
    SignalWireRestTransportError,
)

T = TypeVar("T")

Conversation = Generator[Step, Outcome, T]

_KEY: Final = "idempotency-key"
_ABORT_POLL: Final = 1.0
_NO_CONTENT: Final = 204
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_NOT_JSON: Final = object()


def exchange(call: Call[T], endpoint: Endpoint, outside: Outside) -> Conversation[T]:
    """The conversation for one call: attempts and pauses.

    Args:
        call: The request.
        endpoint: The server and the credentials.
        outside: Time and randomness.

    Raises:
        SignalWireRestError: The last response was not 2xx, or not a JSON object.
        SignalWireRestTooLargeError: The response is larger than `max_response_bytes`.
        SignalWireRestTransportError: The last attempt had no response, or the caller's abort signal
            was set.
    """
    options = resolve(endpoint.options, call.options, default_retries=call.default_retries)
    ends = outside.now() + options.total_timeout
    key = _key_of(call, endpoint, options, outside)
    send = compose(call, endpoint, options, key)
    attempt, maybe_done = 0, False
    while True:
        attempt += 1
        _stop_if_aborted(options, send)
        outcome = yield _within(send, ends - outside.now())
        if isinstance(outcome, Response):
            if _succeeded(outcome):
                return cast("T", _read(outcome, send, any_json=call.any_json))
            if maybe_done and call.method == "DELETE" and outcome.status == _NOT_FOUND:
                return cast("T", {})  # an attempt before this one has deleted it
        if not _may_repeat(call, outcome, options, has_key=key is not None, attempt=attempt):
            _give_up(outcome, send, options)
        asked = (
            retry_after(outcome.headers, outcome.wall) if isinstance(outcome, Response) else None
        )
        wait = retry_delay(attempt, asked, outside.draw(), options)
        if wait is None or outside.now() + wait >= ends:
            _give_up(outcome, send, options)
        maybe_done = maybe_done or _may_have_been_done(outcome)
        yield from _pause(wait, options, send, _reason(attempt, outcome, send, wait, options))


def _key_of(call: Call[T], endpoint: Endpoint, options: Resolved, outside: Outside) -> str | None:
    """The key of a POST that may be retried, and is not safe to repeat without one."""
    if call.method != "POST" or call.repeatable:
        return None
    if options.idempotency_key is not None:
        return options.idempotency_key
    if options.retries == 0 or not endpoint.idempotency_keys:
        return None
    return outside.new_key()


def compose(call: Call[T], endpoint: Endpoint, options: Resolved, key: str | None) -> Send:
    """The request of a call, with the time limits of its options."""
    query = urlencode(
        {name: _query_value(value) for name, value in call.query.items() if value is not None},
        doseq=True,
    )
    content = None if call.body is None else _json(call)
    authorization = endpoint.authorization
    return Send(
        call.method,
        endpoint.base_url + call.path + (f"?{query}" if query else ""),
        HiddenMapping(
            {"accept": "application/json", "user-agent": endpoint.user_agent}
            | ({} if content is None else {"content-type": "application/json"})
            | ({} if key is None else {_KEY: f'"{key}"'})
            | (
                {"authorization": f"Bearer {call.bearer.reveal()}"}
                if call.bearer is not None
                else {}
                if authorization is None
                else {"authorization": authorization.reveal()}
            )
        ),
        content,
        options.timeout,
        options.connect_timeout,
        options.read_timeout,
        options.max_response_bytes,
    )


def _json(call: Call[T]) -> bytes:
    """Write the body.

    Raises:
        TypeError: A member is not of a type that JSON has.
        ValueError: A number is not finite, or a member contains itself.
    """
    try:
        return json.dumps(dict(call.body or {}), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as failed:
        # Not that error: the variables of its frames are members of the body, such as a password.
        refused = (TypeError if isinstance(failed, TypeError) else ValueError)(str(failed))
    raise refused


def _query_value(value: object) -> object:
    """Write a boolean as in JSON, not as in Python."""
    return str(value).lower() if isinstance(value, bool) else value


def _within(send: Send, seconds: float) -> Send:
    """Shorten the limits of an attempt to what is left of the call."""
    if seconds >= send.timeout:
        return send
    seconds = max(seconds, 0.001)
    return replace(
        send,
        timeout=seconds,
        connect_timeout=min(send.connect_timeout, seconds),
        read_timeout=min(send.read_timeout, seconds),
    )


def _stop_if_aborted(options: Resolved, send: Send) -> None:
    if options.abort_signal is not None and options.abort_signal.is_set():
        raise SignalWireRestTransportError("aborted by its abort_signal", send.url, send.method)


def _succeeded(outcome: Response) -> bool:
    return 200 <= outcome.status < 300


def _may_repeat(
    call: Call[T], outcome: Outcome, options: Resolved, *, has_key: bool, attempt: int
) -> bool:
    if attempt > options.retries:
        return False
    match outcome:
        case NoResponse(permanent=True):
            return False
        case NoResponse(sent=sent):
            return not sent or has_key or is_safe(call.method, repeatable=call.repeatable)
        case Response(status=status):
            if status == _CONFLICT and has_key and attempt > 1:
                return True  # the server is still doing what the attempt before this one asked for
            return may_retry(call.method, status, options, repeatable=call.repeatable)
        case _:
            return False


def _may_have_been_done(outcome: Outcome) -> bool:
    if isinstance(outcome, NoResponse):
        return outcome.sent
    return isinstance(outcome, Response) and not was_not_processed(outcome.status)


def _reason(attempt: int, outcome: Outcome, send: Send, wait: float, options: Resolved) -> str:
    """What the log says about a retry."""
    what = (
        f"was answered {outcome.status}"
        if isinstance(outcome, Response)
        else f"got no answer ({_text(outcome.cause)})"
        if isinstance(outcome, NoResponse)
        else "failed"
    )
    path = urlsplit(send.url).path
    count = f"attempt {attempt} of {options.retries + 1}"
    return one_line(f"{send.method} {path}: {count} {what}; the next one in {wait:.1f} s")


def _pause(
    seconds: float, options: Resolved, send: Send, reason: str
) -> Generator[Step, Outcome, None]:
    """Pause; with an abort signal, in steps of a second."""
    while options.abort_signal is not None and seconds > _ABORT_POLL:
        yield Pause(_ABORT_POLL, reason)
        reason = ""
        _stop_if_aborted(options, send)
        seconds -= _ABORT_POLL
    yield Pause(seconds, reason)


def _read(response: Response, send: Send, *, any_json: bool) -> object:
    if response.status == _NO_CONTENT or not response.content:
        return {}
    answer = _parsed(response.content)
    if answer is _NOT_JSON or not (any_json or isinstance(answer, dict)):
        raise _error(response, send)
    return answer


def _parsed(content: bytes) -> object:
    """The JSON, or `_NOT_JSON`; the parser's error would hold the response, and so its tokens."""
    try:
        return json.loads(content, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # RFC 8259, section 6


def _text(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}"


def _give_up(outcome: Outcome, send: Send, options: Resolved) -> NoReturn:
    match outcome:
        case NoResponse(cause=cause, permanent=permanent):
            raise SignalWireRestTransportError(
                _text(cause), send.url, send.method, permanent=permanent
            ) from cause
        case TooLarge(status=status, headers=headers):
            sentence = f"the response is larger than {options.max_response_bytes} bytes"
            raise SignalWireRestTooLargeError(status, sentence, send.url, send.method, headers)
        case Response():
            raise _error(outcome, send)
        case _:
            raise TypeError("the driver answered a request with the end of a pause")


def _error(response: Response, send: Send) -> SignalWireRestError:
    text = response.content.decode("utf-8", "replace")
    body: object = _NOT_JSON if _succeeded(response) else _parsed(response.content)
    if body is _NOT_JSON:
        body = text
    return SignalWireRestError(response.status, body, send.url, send.method, response.headers)
