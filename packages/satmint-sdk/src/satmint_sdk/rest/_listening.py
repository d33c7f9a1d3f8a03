"""Streams of events that a server sends for as long as somebody listens."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from satmint_sdk._secrets import HiddenMapping, one_line
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._driver import Driver, outcome_of
from satmint_sdk.rest._event_stream import EventStream, ServerSentEvent
from satmint_sdk.rest._exchange import compose
from satmint_sdk.rest._options import resolve
from satmint_sdk.rest.errors import SignalWireRestError, SignalWireRestTransportError

if TYPE_CHECKING:
    import httpx

    from satmint_sdk.rest._drivers import AsyncDriver, SyncDriver
    from satmint_sdk.rest._steps import Send

SILENCE_SECONDS: Final = 10.0
"""A server has something to say every 3 s; after so long without, the connection is given up."""
_LIFE_SECONDS: Final = 3600.0
_OK: Final = 200
_MAX_ERROR_BYTES: Final = 64 * 1024


class Listening:
    """The events of a stream. Iterate once; `close` may be called from any thread, and ends it.

    Iterating ends when the server ends the stream, or after an hour. It raises:

    - `SignalWireRestError`: the server refused.
    - `SignalWireRestTransportError`: there is no connection, or it was silent for 10 s.
    """

    def __init__(self, driver: SyncDriver, call: Call[Any]) -> None:
        self._driver = driver
        self._call = call
        self._lock = threading.Lock()
        self._is_closed = False
        self._response: httpx.Response | None = None

    def __iter__(self) -> Iterator[ServerSentEvent]:
        send = _send_of(self._driver, self._call)
        try:
            with self._driver.streaming(send) as response:
                if not self._is_ours(response):
                    return
                if response.status_code != _OK:
                    _refuse(response, send, b"".join(_first(response.iter_bytes())))
                stream = EventStream()
                for part in response.iter_bytes():
                    yield from stream.feed(part)
        except Exception as failed:  # noqa: BLE001 - raised again, if it is none of a transport
            if not self._is_closed:
                _raise_failure(failed, send)

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._is_closed = True
            response, self._response = self._response, None
        if response is not None:
            _shut_down(response)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _is_ours(self, response: httpx.Response) -> bool:
        with self._lock:
            if not self._is_closed:
                self._response = response
            return not self._is_closed


class AsyncListening:
    """As `Listening`, for `async for`. To end it, leave the loop, or cancel the task."""

    def __init__(self, driver: AsyncDriver, call: Call[Any]) -> None:
        self._driver = driver
        self._call = call

    async def leave_loop(self) -> None:
        """Close the connections of this event loop, which is about to end."""
        await self._driver.leave_loop()

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent, None]:
        send = _send_of(self._driver, self._call)
        try:
            async with self._driver.streaming(send) as response:
                if response.status_code != _OK:
                    _refuse(response, send, await _start_of(response))
                stream = EventStream()
                async for part in response.aiter_bytes():
                    for event in stream.feed(part):
                        yield event
        except Exception as failed:  # noqa: BLE001 - raised again, if it is none of a transport
            _raise_failure(failed, send)


def _send_of(driver: Driver, call: Call[Any]) -> Send:
    options = resolve(driver.endpoint.options, call.options)
    send = compose(call, driver.endpoint, options, None)
    added = {"accept": "text/event-stream", "connection": "close"}
    headers = HiddenMapping({**send.headers, **added})
    return replace(send, headers=headers, timeout=_LIFE_SECONDS, read_timeout=SILENCE_SECONDS)


def _refuse(response: httpx.Response, send: Send, content: bytes) -> NoReturn:
    """Raise what the server said instead of a stream."""
    import json

    text = content.decode("utf-8", "replace")
    body: object = text
    with contextlib.suppress(ValueError, RecursionError):
        body = json.loads(text)
    raise SignalWireRestError(response.status_code, body, send.url, send.method, response.headers)


def _first(parts: Iterator[bytes]) -> Iterator[bytes]:
    left = _MAX_ERROR_BYTES
    for part in parts:
        yield part[:left]
        left -= len(part)
        if left <= 0:
            return


async def _start_of(response: httpx.Response) -> bytes:
    found = b""
    async for part in response.aiter_bytes():
        found += part
        if len(found) >= _MAX_ERROR_BYTES:
            break
    return found[:_MAX_ERROR_BYTES]


def _raise_failure(failed: Exception, send: Send) -> NoReturn:
    """Raise an error of a transport as one of REST, and any other as it is."""
    outcome = outcome_of(failed, send)
    if outcome is None:
        raise failed
    text = one_line(f"{type(outcome.cause).__name__}: {outcome.cause}")
    raise SignalWireRestTransportError(
        text, send.url, send.method, permanent=outcome.permanent
    ) from outcome.cause


def _shut_down(response: httpx.Response) -> None:
    """End the reading of a response in another thread."""
    stream = response.extensions.get("network_stream")
    found = None if stream is None else stream.get_extra_info("socket")
    if found is not None:
        import socket

        with contextlib.suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
