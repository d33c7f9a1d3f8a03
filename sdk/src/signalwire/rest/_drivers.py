"""The two shells around the core: one sends and sleeps, the other does it with `await`."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from signalwire._ambient import SYSTEM_ENTROPY, Clock, Entropy
from signalwire._forks import renew_in_children
from signalwire.rest._call import Call
from signalwire.rest._exchange import Lost, Outcome, Pause, Response, Send, Waited, exchange
from signalwire.rest._pages import Cursor
from signalwire.rest._place import Place
from signalwire.rest._request_ids import RequestIds
from signalwire.rest._retry import http_date
from signalwire.rest.types import Item, Page

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

# A server that closes idle connections after 5 s (uvicorn's default) must not do so while we write.
_KEEPALIVE: Final = 3.0


class _Driver:
    """What both shells share: where they speak to, and what they learn of the server."""

    def __init__(self, place: Place, clock: Clock, entropy: Entropy = SYSTEM_ENTROPY) -> None:
        self.place = place
        self.clock = clock
        self.closed = False
        self.clock_offset: float | None = None
        self.nonce: str | None = None
        self._entropy = entropy
        self._request_ids = RequestIds(entropy)

    def _pool_arguments(self) -> dict[str, Any]:
        import ssl

        import httpx

        ca_file = self.place.ca_file
        return {
            "verify": True if ca_file is None else ssl.create_default_context(cafile=ca_file),
            # No proxy of the environment may come between this machine and itself.
            "trust_env": not self.place.loopback,
            "follow_redirects": False,  # credentials go where they were meant to, or nowhere
            "limits": httpx.Limits(keepalive_expiry=_KEEPALIVE),
        }

    def _received(self, answer: httpx.Response, request_id: str) -> Response | None:
        """Take an answer; `None` where it is one to another request."""
        if self._request_ids.is_of_another(request_id, answer.headers.get("x-request-id")):
            return None
        wall = self.clock.now().wall
        date = http_date(answer.headers.get("date", ""))
        if date is not None:
            self.clock_offset = date - wall
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)  # RFC 9449, section 8.2
        return Response(answer.status_code, answer.headers, answer.content, wall)

    def _refuse_if_closed(self) -> None:
        if self.closed:
            raise RuntimeError("the client is closed")


_STRAY: Final = "an answer to another request came, perhaps a copy of one that was had before"


def _bare(error: BaseException) -> BaseException:
    """Take the frames off an error from below, and off those behind it.

    They hold the request, and reporters of errors show the variables of a frame.
    """
    behind: BaseException | None = error
    while behind is not None:
        behind.__traceback__ = None
        behind = behind.__cause__ or behind.__context__
    return error


def _no_answer() -> tuple[type[Exception], ...]:
    """What is raised where no answer comes: by httpx, a bad CA bundle, a name that is none."""
    import httpx

    return (httpx.RequestError, httpx.InvalidURL, OSError, UnicodeError)


def _as_arguments(send: Send, place: Place, request_id: str) -> dict[str, Any]:
    """Say a request in httpx's words."""
    arguments: dict[str, Any] = {
        "method": send.method,
        "url": send.url,
        "headers": {**send.headers, "x-request-id": request_id},
        "content": send.content,
        "timeout": send.timeout,
    }
    if place.alias is not None:
        # Connect without asking a resolver; header, certificate and SNI keep the name.
        authority = place.base_url.removeprefix("https://")
        arguments["url"] = send.url.replace(place.alias, "127.0.0.1", 1)
        arguments["headers"]["host"] = authority
        arguments["extensions"] = {"sni_hostname": place.alias}
    return arguments


class SyncDriver(_Driver):
    """Drives conversations in the calling thread. Any number of threads may share it."""

    def __init__(self, place: Place, clock: Clock, transport: httpx.BaseTransport | None) -> None:
        super().__init__(place, clock)
        self._transport = transport
        self._lock = threading.Lock()
        self._pool: httpx.Client | None = None
        self._left_to_parent: list[object] = []
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Leave the parent's connections alone, and do not even close them: they are shared."""
        self._lock = threading.Lock()
        self._left_to_parent.append(self._pool)
        self._pool = None
        self._request_ids = RequestIds(self._entropy)

    def run(self, call: Call[T]) -> T:
        """Hold one conversation and return its answer."""
        conversation = exchange(call, self.place)
        step = next(conversation)
        while True:
            outcome = self._do(step)
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                answer: T = end.value
                return answer

    def walk(self, first: Call[Page[Item]]) -> Iterator[Item]:
        """Yield every item of every page, asking for a page when it is reached."""
        cursor = Cursor(first)
        while (call := cursor.pending) is not None:
            yield from cursor.take(self.run(call))

    def close(self) -> None:
        """Close the connections. A second time does nothing."""
        with self._lock:
            self.closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _do(self, step: Send | Pause) -> Outcome:
        if isinstance(step, Pause):
            self.clock.sleep(step.seconds)
            return Waited()
        request_id = self._request_ids.next()
        try:
            answer = self._open().request(**_as_arguments(step, self.place, request_id))
        except _no_answer() as lost:
            return Lost(_bare(lost))
        received = self._received(answer, request_id)
        if received is None:
            stream = answer.extensions.get("network_stream")
            if stream is not None:
                stream.close()  # what else lies on this connection is no answer of ours either
            return Lost(ConnectionError(_STRAY))
        return received

    def _open(self) -> httpx.Client:
        import httpx

        with self._lock:
            self._refuse_if_closed()
            if self._pool is None:
                self._pool = httpx.Client(transport=self._transport, **self._pool_arguments())
            return self._pool


class AsyncDriver(_Driver):
    """Drives conversations in the running event loop, with connections of that loop's own."""

    def __init__(
        self, place: Place, clock: Clock, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        super().__init__(place, clock)
        self._transport = transport
        self._pool: httpx.AsyncClient | None = None
        self._loop: object = None
        self._left_to_parent: list[object] = []
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Leave the parent's connections alone, and do not even close them: they are shared."""
        self._left_to_parent.append(self._pool)
        self._pool = None
        self._request_ids = RequestIds(self._entropy)

    async def run(self, call: Call[T]) -> T:
        """Hold one conversation and return its answer."""
        conversation = exchange(call, self.place)
        step = next(conversation)
        while True:
            outcome = await self._do(step)
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                answer: T = end.value
                return answer

    async def walk(self, first: Call[Page[Item]]) -> AsyncIterator[Item]:
        """Yield every item of every page, asking for a page when it is reached."""
        cursor = Cursor(first)
        while (call := cursor.pending) is not None:
            for item in cursor.take(await self.run(call)):
                yield item

    async def close(self) -> None:
        """Close the connections. A second time does nothing."""
        import asyncio

        self.closed = True
        pool, self._pool = self._pool, None
        if pool is not None and self._loop is asyncio.get_running_loop():
            await pool.aclose()

    async def _do(self, step: Send | Pause) -> Outcome:
        if isinstance(step, Pause):
            await self.clock.asleep(step.seconds)
            return Waited()
        request_id = self._request_ids.next()
        try:
            answer = await self._open().request(**_as_arguments(step, self.place, request_id))
        except _no_answer() as lost:
            return Lost(_bare(lost))
        received = self._received(answer, request_id)
        if received is None:
            stream = answer.extensions.get("network_stream")
            if stream is not None:
                await stream.aclose()  # what else lies on it is no answer of ours either
            return Lost(ConnectionError(_STRAY))
        return received

    def _open(self) -> httpx.AsyncClient:
        import asyncio

        import httpx

        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # connections of another loop hang, or fail, in this one
            self._pool = None
            self._loop = loop
        if self._pool is None:
            self._pool = httpx.AsyncClient(transport=self._transport, **self._pool_arguments())
        return self._pool
