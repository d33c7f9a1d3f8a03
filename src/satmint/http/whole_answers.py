"""Answers in one piece: status, headers and body in a single write.

uvicorn writes the head of an answer when it is told of it and the body when that comes: two system
calls, and two searches through every header for what must not be in one. Our answers are whole and
small, and their headers are all written in this program, so both can be saved: a tenth of what a
refresh costs. Everything else, from parsing to keep-alive and pipelining, stays uvicorn's.
"""

from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_CLOSE: Final = (b"connection", b"close")


class WholeAnswer:
    """The `send` of one request (ASGI 3), for an application that sends its body in one message."""

    __slots__ = ("_cycle", "_start")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._start: Message = {}

    async def send(self, message: Message) -> None:
        """Take `http.response.start`, then `http.response.body`, which ends the answer."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.transport.is_closing():
            # `cycle.disconnected` is told to the last request of a connection only.
            return
        if message["type"] == "http.response.start":
            self._start = message
            cycle.response_started = True
            cycle.waiting_for_100_continue = False
            return
        headers = [*cycle.default_headers, *self._start["headers"]]
        if _CLOSE in headers:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            headers.append(_CLOSE)
        head = b"".join([b"%b: %b\r\n" % header for header in headers])
        cycle.transport.write(STATUS_LINE[self._start["status"]] + head + b"\r\n" + message["body"])
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


async def answer_whole(cycle: RequestResponseCycle, app: ASGIApp) -> None:
    """Have `app` answer the request of `cycle`; a connection without an answer is closed."""
    scope: Any = cycle.scope
    receive: Any = cycle.receive
    try:
        await app(scope, receive, WholeAnswer(cycle).send)
    except Exception:  # noqa: BLE001 - the edge answers what it can; this is beyond it
        structlog.get_logger("satmint.http").exception("not_answered")
    if not cycle.response_complete:
        cycle.transport.close()
