"""The core: decides what to send, when to wait and what to return. No I/O, no clock.

A conversation is a generator. It yields a `Send` or a `Pause`, receives the outcome, and returns
the response's JSON. The two drivers in `_drivers` perform the steps, one of them with `await`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar, cast
from urllib.parse import urlencode

from satmint_sdk._retry import retry_after
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._endpoint import USER_AGENT, Endpoint
from satmint_sdk.rest._options import Resolved, resolve
from satmint_sdk.rest._resend import may_retry, retry_delay
from satmint_sdk.rest.errors import SignalWireRestError, SignalWireRestTransportError

T = TypeVar("T")

_REFRESH_RETRIES: Final = 2
_ABORT_POLL: Final = 1.0
_NO_CONTENT: Final = 204


@dataclass(frozen=True, slots=True)
class Send:
    """Send this request; the driver returns a `Response` or `NoResponse`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    timeout: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for `seconds`; the driver returns `Waited`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Response:
    """A response.

    Attributes:
        status: HTTP status.
        headers: Case-insensitive, or with names in lower case.
        content: The complete body.
        wall: When it arrived, in seconds since the epoch by this machine's clock.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    wall: float


@dataclass(frozen=True, slots=True)
class NoResponse:
    """There was no response; whether the request arrived is unknown."""

    cause: BaseException


@dataclass(frozen=True, slots=True)
class Waited:
    """The pause is over."""


Step = Send | Pause
Outcome = Response | NoResponse | Waited
Conversation = Generator[Step, Outcome, T]


def exchange(call: Call[T], endpoint: Endpoint, draw: Callable[[], float]) -> Conversation[T]:
    """The conversation for one call: attempts and pauses.

    Args:
        call: The request.
        endpoint: The server and the credentials.
        draw: Draws a number in [0, 1) for jitter.

    Raises:
        SignalWireRestError: The last response was not 2xx, or not a JSON object.
        SignalWireRestTransportError: The last attempt had no response, or the caller's abort signal
            was set.
    """
    options = resolve(endpoint.options, call.options, at_least=_REFRESH_RETRIES * call.repeatable)
    send = _compose(call, endpoint, options)
    attempt = 0
    while True:
        attempt += 1
        _stop_if_aborted(options, send)
        outcome = yield send
        if isinstance(outcome, Response) and _succeeded(outcome):
            return cast("T", _read(outcome, send))
        wait = _wait_before_next(attempt, outcome, call, options, draw)
        if wait is None:
            _give_up(outcome, send)
        yield from _pause(wait, options, send)


def _compose(call: Call[T], endpoint: Endpoint, options: Resolved) -> Send:
    query = urlencode(
        {name: _query_value(value) for name, value in call.query.items() if value is not None},
        doseq=True,
    )
    url = endpoint.base_url + call.path + (f"?{query}" if query else "")
    headers = {"accept": "application/json", "user-agent": USER_AGENT}
    if call.bearer is not None:
        headers["authorization"] = f"Bearer {call.bearer.reveal()}"
    elif endpoint.authorization is not None:
        headers["authorization"] = endpoint.authorization.reveal()
    content = None
    if call.body is not None:
        headers["content-type"] = "application/json"
        content = json.dumps(dict(call.body), allow_nan=False, separators=(",", ":")).encode()
    return Send(call.method, url, headers, content, options.timeout)


def _query_value(value: object) -> object:
    """Write a boolean as in JSON, not as in Python."""
    return str(value).lower() if isinstance(value, bool) else value


def _stop_if_aborted(options: Resolved, send: Send) -> None:
    if options.abort_signal is not None and options.abort_signal.is_set():
        raise SignalWireRestTransportError("aborted by its abort_signal", send.url, send.method)


def _succeeded(outcome: Response) -> bool:
    return 200 <= outcome.status < 300


def _wait_before_next(
    attempt: int,
    outcome: Outcome,
    call: Call[T],
    options: Resolved,
    draw: Callable[[], float],
) -> float | None:
    if attempt > options.retries:
        return None
    status = outcome.status if isinstance(outcome, Response) else None
    if not may_retry(call.method, status, options, repeatable=call.repeatable):
        return None
    asked = retry_after(outcome.headers, outcome.wall) if isinstance(outcome, Response) else None
    return retry_delay(attempt, asked, draw(), options)


def _pause(seconds: float, options: Resolved, send: Send) -> Generator[Step, Outcome, None]:
    """Pause; with an abort signal, in steps of a second."""
    while options.abort_signal is not None and seconds > _ABORT_POLL:
        yield Pause(_ABORT_POLL)
        _stop_if_aborted(options, send)
        seconds -= _ABORT_POLL
    yield Pause(seconds)


def _read(response: Response, send: Send) -> object:
    if response.status == _NO_CONTENT or not response.content:
        return {}
    try:
        answer = json.loads(response.content, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as broken:
        raise _error(response, send) from broken
    if not isinstance(answer, dict):
        raise _error(response, send)
    return answer


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # RFC 8259, section 6


def _give_up(outcome: Outcome, send: Send) -> NoReturn:
    if isinstance(outcome, NoResponse):
        text = f"{type(outcome.cause).__name__}: {outcome.cause}"
        raise SignalWireRestTransportError(text, send.url, send.method) from outcome.cause
    if isinstance(outcome, Response):
        raise _error(outcome, send)
    raise TypeError("the driver answered a request with the end of a pause")


def _error(response: Response, send: Send) -> SignalWireRestError:
    text = response.content.decode("utf-8", "replace")
    body: object = text
    if not _succeeded(response):
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = text
    return SignalWireRestError(response.status, body, send.url, send.method, response.headers)
