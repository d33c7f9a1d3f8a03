"""The sync and async drivers of the core: they send requests and sleep."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from satmint_sdk._ambient import SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._forks import renew_in_children
from satmint_sdk.rest._body import BodyTooLarge
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._driver import (
    Driver,
    Misconfigured,
    Progress,
    body_of,
    outcome_of,
    request_of,
    timed_out,
    too_large,
)
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.rest._exchange import exchange
from satmint_sdk.rest._handed_in import HandedIn
from satmint_sdk.rest._last_response import remember
from satmint_sdk.rest._pages import Cursor
from satmint_sdk.rest._request_ids import RequestIds
from satmint_sdk.rest._steps import Outcome, Pause, Response, Send, TooLarge, Waited
from satmint_sdk.rest.types import Item, Page

if TYPE_CHECKING:
    import asyncio

    import httpx

T = TypeVar("T")

_CLOSE_GRACE: Final = 2.0
"""Seconds for closing connections, after which they are dropped."""


class SyncDriver(Driver):
    """Runs exchanges in the calling thread. Threads may share it."""

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        transport: httpx.BaseTransport | Callable[[], httpx.BaseTransport] | None,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(endpoint, clock, entropy)
        self._given: HandedIn[httpx.BaseTransport] | None = (
            None if transport is None else HandedIn(transport, is_async=False)
        )
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
        conversation = exchange(call, self.endpoint, self._outside)
        step = next(conversation)
        attempts = 0
        while True:
            attempts += isinstance(step, Send)
            outcome = self._do(step)
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                remember(self, call, outcome, attempts)
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
            self._log_retry(step)
            self.clock.sleep(step.seconds)
            return Waited()
        try:
            return self._attempt(step)
        except BaseException as failed:
            outcome = outcome_of(failed, step)
            if outcome is None:
                raise
            return outcome

    def _attempt(self, send: Send) -> Response | TooLarge:
        from satmint_sdk.rest._network import monotonic

        ends = monotonic() + send.timeout
        with self.streaming(send) as answer:
            try:
                body = body_of(answer, send)
                for part in (answer.content,) if answer.is_stream_consumed else answer.iter_raw():
                    if monotonic() >= ends:
                        raise timed_out(send)
                    body.add(part)
                return self._received(answer, body.content())
            except BodyTooLarge:
                return too_large(answer)

    @contextlib.contextmanager
    def streaming(self, send: Send) -> Iterator[httpx.Response]:
        """Send a request, and close its response in the end. Its body is not read yet.

        Raises:
            httpx.RequestError, OSError, Misconfigured: There is no response; see `outcome_of`.
        """
        from satmint_sdk.rest._network import monotonic

        pool = self._open()
        ends = monotonic() + send.timeout
        request = request_of(pool, send, self.endpoint, self._request_ids.next(), ends)
        answer = pool.send(request, stream=True)
        try:
            self._refuse_stray(answer)
            yield answer
        finally:
            answer.close()

    def _open(self) -> httpx.Client:
        import httpx

        with self._lock:
            self._raise_if_closed()
            if self._pool is None:
                self._pool = httpx.Client(
                    transport=self._transport(),
                    trust_env=False,
                    follow_redirects=False,  # credentials go where they were meant to, or nowhere
                )
            return self._pool

    def _transport(self) -> httpx.BaseTransport:
        if self._given is not None:
            return self._given.for_pool()
        from satmint_sdk.rest._transports import SyncTransport

        try:
            return SyncTransport(self.endpoint.connection, in_clear=self.endpoint.in_clear)
        except OSError as failed:
            raise Misconfigured from failed


class AsyncDriver(Driver):
    """Runs exchanges in the running event loop, with separate connections for each loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | Callable[[], httpx.AsyncBaseTransport] | None,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        super().__init__(endpoint, clock, entropy)
        self._given: HandedIn[httpx.AsyncBaseTransport] | None = (
            None if transport is None else HandedIn(transport, is_async=True)
        )
        self._lock = threading.Lock()
        self._pools: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._left_to_parent: list[object] = []
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Leave the parent's connections alone, and do not even close them: they are shared."""
        self._lock = threading.Lock()
        self._left_to_parent.append(self._pools)
        self._pools = {}
        self._request_ids = RequestIds(self._entropy)

    async def run(self, call: Call[T]) -> T:
        """Hold one conversation and return its answer."""
        conversation = exchange(call, self.endpoint, self._outside)
        step = next(conversation)
        attempts = 0
        while True:
            attempts += isinstance(step, Send)
            outcome = await self._do(step)
            try:
                step = conversation.send(outcome)
            except StopIteration as end:
                remember(self, call, outcome, attempts)
                answer: T = end.value
                return answer

    async def walk(self, first: Call[Page[Item]]) -> AsyncIterator[Item]:
        """Yield every item of every page, asking for a page when it is reached."""
        cursor = Cursor(first)
        while (call := cursor.pending) is not None:
            for item in cursor.take(await self.run(call)):
                yield item

    async def close(self) -> None:
        """Close the connections of this loop, and drop those of others. Twice does nothing."""
        with self._lock:
            self.closed = True
            pools, self._pools = self._pools, {}
        await self._close_here(pools)

    async def leave_loop(self) -> None:
        """Close the connections of this loop, which is about to end."""
        import asyncio

        loop = asyncio.get_running_loop()
        with self._lock:
            pools = {one: pool for one, pool in self._pools.items() if one is loop}
            self._pools.pop(loop, None)
        await self._close_here(pools)

    async def _close_here(
        self, pools: Mapping[asyncio.AbstractEventLoop, httpx.AsyncClient]
    ) -> None:
        import asyncio

        pool = pools.get(asyncio.get_running_loop())
        if pool is not None:
            try:
                async with asyncio.timeout(_CLOSE_GRACE):  # noqa: TID251 - as in `_attempt`
                    await pool.aclose()
            except TimeoutError:
                return

    async def _do(self, step: Send | Pause) -> Outcome:
        if isinstance(step, Pause):
            self._log_retry(step)
            await self.clock.asleep(step.seconds)
            return Waited()
        progress = Progress() if self._given is None else None
        try:
            return await self._attempt(step, progress)
        except BaseException as failed:
            outcome = outcome_of(failed, step, progress)
            if outcome is None:
                raise
            return outcome

    async def _attempt(self, send: Send, progress: Progress | None) -> Response | TooLarge:
        import asyncio

        from satmint_sdk.rest._network import monotonic

        pool = self._open()
        ends = monotonic() + send.timeout
        request = request_of(pool, send, self.endpoint, self._request_ids.next(), ends)
        if progress is not None:
            request.extensions["trace"] = progress
        async with asyncio.timeout(send.timeout):  # noqa: TID251 - the network has its own time
            answer = await pool.send(request, stream=True)
            try:
                self._refuse_stray(answer)
                body = body_of(answer, send)
                if answer.is_stream_consumed:
                    body.add(answer.content)
                else:
                    async for part in answer.aiter_raw():
                        body.add(part)
                return self._received(answer, body.content())
            except BodyTooLarge:
                return too_large(answer)
            finally:
                await answer.aclose()

    @contextlib.asynccontextmanager
    async def streaming(self, send: Send) -> AsyncIterator[httpx.Response]:
        """See `SyncDriver.streaming`."""
        from satmint_sdk.rest._network import monotonic

        pool = self._open()
        ends = monotonic() + send.timeout
        request = request_of(pool, send, self.endpoint, self._request_ids.next(), ends)
        answer = await pool.send(request, stream=True)
        try:
            self._refuse_stray(answer)
            yield answer
        finally:
            await answer.aclose()

    def _open(self) -> httpx.AsyncClient:
        import asyncio

        import httpx

        self._raise_if_closed()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(_NO_LOOP) from None
        with self._lock:
            for other in [other for other in self._pools if other.is_closed()]:
                del self._pools[other]
            pool = self._pools.get(loop)
            if pool is None:
                pool = self._pools[loop] = httpx.AsyncClient(
                    transport=self._transport(loop),
                    trust_env=False,
                    follow_redirects=False,  # credentials go where they were meant to, or nowhere
                )
            return pool

    def _transport(self, loop: object) -> httpx.AsyncBaseTransport:
        if self._given is not None:
            return self._given.for_pool(loop)
        from satmint_sdk.rest._transports import AsyncTransport

        try:
            return AsyncTransport(self.endpoint.connection, in_clear=self.endpoint.in_clear)
        except OSError as failed:
            raise Misconfigured from failed


_NO_LOOP: Final = (
    "AsyncRestClient needs a running asyncio loop; under trio, call a RestClient in a thread"
)
