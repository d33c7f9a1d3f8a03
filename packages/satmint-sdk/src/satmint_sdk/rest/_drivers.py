"""The sync and async drivers of the core: they send requests and sleep."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from satmint_sdk._ambient import SYSTEM_ENTROPY, Clock, Entropy, fraction
from satmint_sdk._forks import renew_in_children
from satmint_sdk._retry import http_date
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.rest._exchange import NoResponse, Outcome, Pause, Response, Send, Waited, exchange
from satmint_sdk.rest._pages import Cursor
from satmint_sdk.rest._request_ids import RequestIds
from satmint_sdk.rest.types import Item, Page

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

# A server that closes idle connections after 5 s (uvicorn's default) must not do so while we write.
_KEEPALIVE: Final = 3.0


class _Driver:
    """The common part of both drivers: the endpoint, and the server's clock and nonce."""

    def __init__(self, endpoint: Endpoint, clock: Clock, entropy: Entropy = SYSTEM_ENTROPY) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.closed = False
        self.clock_offset: float | None = None
        self.nonce: str | None = None
        self._entropy = entropy
        self._request_ids = RequestIds(entropy)

    def _draw(self) -> float:
        return fraction(self._entropy)

    def _pool_arguments(self) -> dict[str, Any]:
        import ssl

        import httpx

        ca_file = self.endpoint.ca_file
        return {
            "verify": True if ca_file is None else ssl.create_default_context(cafile=ca_file),
            # Never use a proxy from the environment for this machine itself.
            "trust_env": not self.endpoint.loopback,
            "follow_redirects": False,  # credentials go where they were meant to, or nowhere
            "limits": httpx.Limits(keepalive_expiry=_KEEPALIVE),
        }

    def _refuse_stray(self, answer: httpx.Response) -> None:
        """Refuse a response that belongs to another request.

        A hook of httpx, called before the body is read. Later, the connection is in the pool again:
        another thread could read the copy of this response before this one is remembered.

        Raises:
            ConnectionError: it belongs to another request. The connection is closed.
        """
        sent, answered = answer.request.headers["x-request-id"], answer.headers.get("x-request-id")
        if self._request_ids.is_of_another(sent, answered):
            raise ConnectionError(_STRAY)

    def _received(self, answer: httpx.Response) -> Response:
        wall = self.clock.now().wall
        date = http_date(answer.headers.get("date", ""))
        if date is not None:
            self.clock_offset = date - wall
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)  # RFC 9449, section 8.2
        return Response(answer.status_code, answer.headers, answer.content, wall)

    def _raise_if_closed(self) -> None:
        if self.closed:
            raise RuntimeError("the client is closed")


_STRAY: Final = "an answer to another request came, perhaps a copy of one that was had before"


def _without_tracebacks(error: BaseException) -> BaseException:
    """Remove the tracebacks of an error and of its causes.

    They hold the request, and reporters of errors show the variables of a frame.
    """
    behind: BaseException | None = error
    while behind is not None:
        behind.__traceback__ = None
        behind = behind.__cause__ or behind.__context__
    return error


def _transport_errors() -> tuple[type[Exception], ...]:
    """Exceptions without a response: of httpx, an invalid CA bundle, an invalid name."""
    import httpx

    return (httpx.RequestError, httpx.InvalidURL, OSError, UnicodeError)


def _httpx_arguments(send: Send, endpoint: Endpoint, request_id: str) -> dict[str, Any]:
    """The httpx arguments of a request."""
    arguments: dict[str, Any] = {
        "method": send.method,
        "url": send.url,
        "headers": {**send.headers, "x-request-id": request_id},
        "content": send.content,
        "timeout": send.timeout,
    }
    if endpoint.alias is not None:
        # Connect without asking a resolver; header, certificate and SNI keep the name.
        authority = endpoint.base_url.removeprefix("https://")
        arguments["url"] = send.url.replace(endpoint.alias, "127.0.0.1", 1)
        arguments["headers"]["host"] = authority
        arguments["extensions"] = {"sni_hostname": endpoint.alias}
    return arguments


class SyncDriver(_Driver):
    """Runs exchanges in the calling thread. Threads may share it."""

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        transport: httpx.BaseTransport | None,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(endpoint, clock, entropy)
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
        conversation = exchange(call, self.endpoint, self._draw)
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
            answer = self._open().request(**_httpx_arguments(step, self.endpoint, request_id))
        except _transport_errors() as lost:
            return NoResponse(_without_tracebacks(lost))
        return self._received(answer)

    def _open(self) -> httpx.Client:
        import httpx

        with self._lock:
            self._raise_if_closed()
            if self._pool is None:
                self._pool = httpx.Client(
                    transport=self._transport,
                    event_hooks={"response": [self._refuse_stray]},
                    **self._pool_arguments(),
                )
            return self._pool


class AsyncDriver(_Driver):
    """Runs exchanges in the running event loop, with separate connections for each loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(endpoint, clock, entropy)
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
        conversation = exchange(call, self.endpoint, self._draw)
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

    async def _refuse_stray_async(self, answer: httpx.Response) -> None:
        self._refuse_stray(answer)

    async def _do(self, step: Send | Pause) -> Outcome:
        if isinstance(step, Pause):
            await self.clock.asleep(step.seconds)
            return Waited()
        request_id = self._request_ids.next()
        try:
            answer = await self._open().request(**_httpx_arguments(step, self.endpoint, request_id))
        except _transport_errors() as lost:
            return NoResponse(_without_tracebacks(lost))
        return self._received(answer)

    def _open(self) -> httpx.AsyncClient:
        import asyncio

        import httpx

        self._raise_if_closed()
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # connections of another loop hang, or fail, in this one
            self._pool = None
            self._loop = loop
        if self._pool is None:
            self._pool = httpx.AsyncClient(
                transport=self._transport,
                event_hooks={"response": [self._refuse_stray_async]},
                **self._pool_arguments(),
            )
        return self._pool
