"""What happens before a request is whole: heads that never end, and bytes that never come.

The edge limits the size of bodies. The size of a head, and the time in which a request arrives,
are limited here, in the protocol, because no application is called before the head is complete;
and because here the common case, a request that arrives in one piece, costs no timer.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from satmint.http.whole_answers import answer_whole
from satmint.model.entropy import SystemEntropy

HEAD_LIMIT: Final = 32 * 1024
"""Bytes of a request line and its headers."""
ARRIVAL_SECONDS: Final = 10.0
"""How long a request may take to arrive, from the connection or from its first bytes on."""
CLOSING_SECONDS: Final = 1.0
"""How long the other side may take to close, once this one has, while the server stops."""

_entropy: Final = SystemEntropy()


def bare_answer(status: HTTPStatus) -> bytes:
    """A whole answer, as bytes, to what no application hears of; the connection ends with it."""
    body = b'{"error":"%b"}' % status.phrase.encode()
    # Which origin asks is not known here; a fixed sentence may be read by any.
    return (
        b"HTTP/1.1 %d %b\r\n"
        b"content-type: application/json\r\n"
        b"content-length: %d\r\n"
        b"x-request-id: %b\r\n"
        b"access-control-allow-origin: *\r\n"
        b"connection: close\r\n\r\n%b"
    ) % (status, status.phrase.encode(), len(body), _entropy.take(12).hex().encode(), body)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on a head's size and on a request's arrival."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._upgraded = False
        self._timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._disarm()
        super().connection_lost(exc)
        self._let_go()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        # A head that is too large may come whole in one chunk; then no request must begin.
        if len(data) > HEAD_LIMIT and not self._in_body and b"\r\n\r\n" not in data[:HEAD_LIMIT]:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        super().data_received(data)
        cycle = self._cycle
        if cycle is not None and not cycle.more_body and cycle.scope is self.scope:
            if self._timer is not None:
                self._disarm()
            return
        if self._upgraded:
            return
        self._head_bytes = 0 if self._in_body else self._head_bytes + len(data)
        if self._head_bytes > HEAD_LIMIT:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._timer is None:
            self._arm()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer in one write: see `satmint.http.whole_answers`."""
        task = self.loop.create_task(answer_whole(cycle, app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def shutdown(self) -> None:
        """Close what is idle. A TLS connection is only closed once both sides say so.

        Browsers keep idle ones without looking at them, and would hold up the end until the grace
        period is over.
        """
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(CLOSING_SECONDS, self.transport.abort)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over: from here another protocol watches it."""
        cycle = self._cycle
        if cycle is not None and not cycle.response_complete:
            # Its answer would come in the middle of the other protocol, and a timer after it.
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._upgraded = True
        self._disarm()
        super().handle_websocket_upgrade()
        self._let_go()

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The request that came last; None before the first, whatever its annotation says."""
        return self.cycle

    @property
    def _in_body(self) -> bool:
        """Whether the request that is arriving has its head already."""
        cycle = self._cycle
        return cycle is not None and cycle.more_body and cycle.scope is self.scope

    def _let_go(self) -> None:
        """Undo the circles of references, so that what is over is gone at once.

        The collector comes by rarely (see `satmint.http.listen`), and connections are many.
        """
        self._unset_keepalive_if_required()
        self.parser = self.cycle = None  # type: ignore[assignment]
        self.pipeline.clear()

    def _refuse(self, status: HTTPStatus) -> None:
        self._disarm()
        if not self.transport.is_closing():
            self.transport.write(bare_answer(status))
            self.transport.close()

    def _arm(self) -> None:
        self._timer = self.loop.call_later(ARRIVAL_SECONDS, self._out_of_time)

    def _disarm(self) -> None:
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _out_of_time(self) -> None:
        """Close; say why if a head has come and nothing was answered yet."""
        self._timer = None
        if self._in_body and not self.cycle.response_started:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif not self.transport.is_closing():
            self.transport.close()
