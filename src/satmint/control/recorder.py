"""Middleware that keeps the last requests to a development server, without their secrets."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from time import perf_counter
from typing import Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from satmint.control.masking import KEPT_BYTES, Masking
from satmint.control.server_date import ACCEPTED, RESPONSE_HEADS
from satmint.http.call import HeaderList
from satmint.http.request_log import Refused, RequestLog
from satmint.http.statuses import code_of
from satmint.jose import TokenCipher
from satmint.model.clock import Clock
from satmint.model.recorded_exchange import Exchange, ExchangeKind

MAX_EXCHANGES: Final = 500
_CAUSE: Final = "x-satmint-cause"
_REQUEST_ID: Final = "x-request-id"
_TEXTS: Final = frozenset({"websocket.receive", "websocket.send"})
_BODIES: Final = frozenset({"http.response.body", "websocket.http.response.body"})


class Recorder:
    """The last requests to the API and the texts on connections, oldest first."""

    def __init__(self, clock: Clock) -> None:
        """Keep nothing yet.

        Args:
            clock: Says when a request came; a clock that nobody moves.
        """
        self.exchanges: deque[Exchange] = deque(maxlen=MAX_EXCHANGES)
        self._clock = clock
        self._number = 0
        self._causes: dict[str, str] = {}
        """By request id, until the response was recorded."""

    def add(self, kind: ExchangeKind, method: str, target: str) -> Exchange:
        """Begin a record."""
        self._number += 1
        exchange = Exchange(
            number=self._number, kind=kind, at=self._clock.now(), method=method, target=target
        )
        self.exchanges.append(exchange)
        return exchange

    def add_cause(self, request_id: str, cause: str) -> None:
        """Say why a request was refused."""
        if len(self._causes) >= MAX_EXCHANGES:  # of requests whose responses were never recorded
            self._causes.clear()
        self._causes[request_id] = cause

    def take_cause(self, request_id: str) -> str:
        """Return why a request was refused; "" if it was not."""
        return self._causes.pop(request_id, "")


class CauseLog(RequestLog):
    """Tells the recorder why requests are refused, in addition to the log."""

    def __init__(self, recorded: Callable[[str, str], None]) -> None:
        super().__init__()
        self._recorded = recorded

    def log_refusal(
        self,
        refused: Refused,
        request_id: str,
        address: str,
        headers: HeaderList,
        *,
        authenticated: bool,
    ) -> None:
        """See `RequestLog.log_refusal`."""
        self._recorded(request_id, refused.cause)
        super().log_refusal(refused, request_id, address, headers, authenticated=authenticated)


class _Body:
    """The beginning of a body, and its size."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.size = 0

    def add(self, part: bytes) -> None:
        self.size += len(part)
        self.kept += part[: KEPT_BYTES - len(self.kept)]


class Recording:
    """ASGI middleware that records requests below `/api/`, and WebSocket connections."""

    def __init__(self, app: ASGIApp, recorder: Recorder, cipher: Callable[[], TokenCipher]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            recorder: Keeps the records.
            cipher: Returns what opens tokens.
        """
        self._app = app
        self._recorder = recorder
        self._cipher = cipher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        kind = scope["type"]
        if kind == "websocket" or (kind == "http" and scope["path"].startswith("/api/")):
            await self._record(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _record(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, masking = perf_counter(), Masking(self._cipher())
        headers = masking.headers(scope["headers"])
        target = masking.target(scope["path"], scope["query_string"])
        method = "SOCKET" if scope["type"] == "websocket" else masking.text(scope["method"])
        exchange = self._recorder.add(ExchangeKind.REQUEST, method, target)
        exchange.request_headers = headers
        asked, answered = _Body(), _Body()

        def end() -> None:
            exchange.milliseconds = round((perf_counter() - began) * 1000, 1)
            self._end(exchange, masking, asked, answered)

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                asked.add(message.get("body", b""))
            self._frame(ExchangeKind.RECEIVED, exchange, message)
            return message

        async def sending(message: Message) -> None:
            self._frame(ExchangeKind.SENT, exchange, message)
            if message["type"] in RESPONSE_HEADS:
                exchange.status = 101 if message["type"] == ACCEPTED else message["status"]
                exchange.response_headers = masking.headers(message.get("headers", ()))
            elif message["type"] in _BODIES:
                answered.add(message.get("body", b""))
                if not message.get("more_body", False):
                    end()
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        finally:
            if exchange.milliseconds is None:
                end()

    def _end(self, exchange: Exchange, masking: Masking, asked: _Body, answered: _Body) -> None:
        body = masking.body(bytes(asked.kept), asked.size)
        answer = masking.body(bytes(answered.kept), answered.size)
        # What was learnt to be a secret in one part may be in another, too.
        exchange.request_body, exchange.response_body = masking.sweep(body), masking.sweep(answer)
        exchange.target = masking.sweep(exchange.target)
        for headers in ("request_headers", "response_headers"):
            lines = getattr(exchange, headers)
            setattr(exchange, headers, [(name, masking.sweep(value)) for name, value in lines])
        exchange.tokens = masking.tokens
        answers = dict(exchange.response_headers)
        exchange.request_id = answers.get(_REQUEST_ID, "")
        exchange.cause = self._recorder.take_cause(exchange.request_id) or answers.get(_CAUSE, "")
        if exchange.status is not None and exchange.status >= HTTPStatus.BAD_REQUEST:
            exchange.refusals = [
                (masking.text(one.code), masking.text(one.message))
                for one in _errors(bytes(answered.kept), exchange.status)
            ]

    def _frame(self, kind: ExchangeKind, request: Exchange, message: Message) -> None:
        """Record a message if it is a text on a connection."""
        if message["type"] not in _TEXTS:
            return
        body = message.get("bytes") or (message.get("text") or "").encode()
        masking = Masking(self._cipher())
        exchange = self._recorder.add(kind, "SOCKET", request.target)
        shown = masking.sweep(masking.body(body[:KEPT_BYTES], len(body)))
        if kind is ExchangeKind.RECEIVED:
            exchange.request_body = shown
        else:
            exchange.response_body = shown
        exchange.connection, exchange.milliseconds = request.number, 0.0
        exchange.tokens = masking.tokens


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct):
    errors: Sequence[_Error] = ()


def _errors(body: bytes, status: int) -> Sequence[_Error]:
    """The errors of a response: those in its body, or the one that its status stands for."""
    try:
        found = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.DecodeError, RecursionError):
        found = ()
    with suppress(KeyError):
        return found or [_Error(code_of(status))]
    return found
