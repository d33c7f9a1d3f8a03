"""The core: decides what to send, when to wait and what the answer is. No I/O, no clock.

A conversation is a generator. It yields a `Send` or a `Pause`, is sent what came of it, and
returns the answer's JSON. The two drivers in `_drivers` do what it says, one of them with `await`.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar, cast
from urllib.parse import urlencode

from signalwire.rest._call import Call
from signalwire.rest._options import Resolved, resolve
from signalwire.rest._place import USER_AGENT, Place
from signalwire.rest._retry import pause, repeats, retry_after
from signalwire.rest.errors import SignalWireRestError, SignalWireRestTransportError

T = TypeVar("T")

_REFRESH_RETRIES: Final = 2
_ABORT_LOOK: Final = 1.0
_NO_CONTENT: Final = 204


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and come back with a `Response` or with `Lost`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    timeout: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds, and come back with `Waited`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Response:
    """An answer came.

    Attributes:
        status: HTTP status.
        headers: Names are found in any case, or are in lower case.
        content: The whole body.
        wall: When it came, in seconds since the epoch by this machine's clock.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    wall: float


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came; whether the request arrived is not known."""

    cause: BaseException


@dataclass(frozen=True, slots=True)
class Waited:
    """The pause is over."""


Step = Send | Pause
Outcome = Response | Lost | Waited
Conversation = Generator[Step, Outcome, T]


def exchange(call: Call[T], place: Place) -> Conversation[T]:
    """Hold the conversation for one call: attempts, pauses, verdict.

    Raises:
        SignalWireRestError: The last answer was no 2xx, or no JSON object.
        SignalWireRestTransportError: The last attempt brought no answer, or the caller's
            abort signal was set.
    """
    options = resolve(place.options, call.options, at_least=_REFRESH_RETRIES * call.repeatable)
    send = _compose(call, place, options)
    attempt = 0
    while True:
        attempt += 1
        _stop_if_aborted(options, send)
        outcome = yield send
        if isinstance(outcome, Response) and _succeeded(outcome):
            return cast("T", _read(outcome, send))
        wait = _wait_before_next(attempt, outcome, call, options)
        if wait is None:
            _give_up(outcome, send)
        yield from _hold(wait, options, send)


def _compose(call: Call[T], place: Place, options: Resolved) -> Send:
    query = urlencode(
        {name: _plain(value) for name, value in call.query.items() if value is not None}, doseq=True
    )
    url = place.base_url + call.path + (f"?{query}" if query else "")
    headers = {"accept": "application/json", "user-agent": USER_AGENT}
    if call.bearer is not None:
        headers["authorization"] = f"Bearer {call.bearer.reveal()}"
    elif place.authorization is not None:
        headers["authorization"] = place.authorization.reveal()
    content = None
    if call.body is not None:
        headers["content-type"] = "application/json"
        content = json.dumps(dict(call.body), allow_nan=False, separators=(",", ":")).encode()
    return Send(call.method, url, headers, content, options.timeout)


def _plain(value: object) -> object:
    """Write a boolean as JSON does, and not as Python does."""
    return str(value).lower() if isinstance(value, bool) else value


def _stop_if_aborted(options: Resolved, send: Send) -> None:
    if options.abort_signal is not None and options.abort_signal.is_set():
        raise SignalWireRestTransportError("given up by its abort_signal", send.url, send.method)


def _succeeded(outcome: Response) -> bool:
    return 200 <= outcome.status < 300


def _wait_before_next(
    attempt: int, outcome: Outcome, call: Call[T], options: Resolved
) -> float | None:
    if attempt > options.retries:
        return None
    status = outcome.status if isinstance(outcome, Response) else None
    if not repeats(call.method, status, options, repeatable=call.repeatable):
        return None
    asked = retry_after(outcome.headers, outcome.wall) if isinstance(outcome, Response) else None
    return pause(attempt, asked, options)


def _hold(seconds: float, options: Resolved, send: Send) -> Generator[Step, Outcome, None]:
    """Wait in one piece, or, where the caller may change its mind, in pieces of a second."""
    while options.abort_signal is not None and seconds > _ABORT_LOOK:
        yield Pause(_ABORT_LOOK)
        _stop_if_aborted(options, send)
        seconds -= _ABORT_LOOK
    yield Pause(seconds)


def _read(response: Response, send: Send) -> object:
    if response.status == _NO_CONTENT or not response.content:
        return {}
    try:
        answer = json.loads(response.content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as broken:
        raise _error(response, send) from broken
    if not isinstance(answer, dict):
        raise _error(response, send)
    return answer


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # RFC 8259, section 6


def _give_up(outcome: Outcome, send: Send) -> NoReturn:
    if isinstance(outcome, Lost):
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
