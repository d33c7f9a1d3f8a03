"""The network below httpcore, with a deadline for everything that an attempt does.

httpx applies its time limits to each operation on a socket anew, so that a server that sends a byte
a second is never too slow, and `getaddrinfo` has no limit at all. Here the limits of blocking
operations are `Until` values: seconds that also know when the attempt ends. Attempts of the async
client are cancelled at their deadline, so that only resolving and connecting are different.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, Final

import httpcore

from satmint_sdk.rest._resolver import RESOLVER, Lookup

SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)

_PIECE: Final = 16 * 1024
_NEXT_ADDRESS: Final = 2.0
"""Seconds after which the next address of a name is tried, if it has one (RFC 8305, section 5)."""


def monotonic() -> float:
    """The machine's monotonic clock, which the network goes by whatever a test's clock says."""
    return time.monotonic()  # noqa: TID251 - sockets have no other time


class Until(float):
    """Seconds for one operation, and the moment when the attempt that it belongs to ends."""

    __slots__ = ("deadline",)
    deadline: float

    def __new__(cls, seconds: float, deadline: float) -> Until:
        """Make one of `seconds` and a deadline by the monotonic clock."""
        made = super().__new__(cls, seconds)
        made.deadline = deadline
        return made


def left(limit: float | None, too_late: type[Exception]) -> float | None:
    """Seconds that an operation may take from now on.

    Raises:
        Exception: of the type `too_late`: the attempt's deadline has passed.
    """
    if not isinstance(limit, Until):
        return limit
    remaining = limit.deadline - monotonic()
    if remaining <= 0:
        raise too_late("timed out")
    return min(float(limit), remaining)


class SyncNetwork(httpcore.NetworkBackend):
    """Blocking sockets whose operations end at the deadline of the attempt."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve a name, and connect to the first of its addresses that can be reached."""
        whole = left(timeout, httpcore.ConnectTimeout)
        ends = None if whole is None else monotonic() + whole
        addresses = _resolved(RESOLVER.look_up(host, port), whole)
        failure: Exception | None = None
        for place, address in enumerate(addresses, 1):
            seconds = _share(ends, last=place == len(addresses))
            try:
                stream = self._sockets.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                failure = failed
            else:
                return _SyncStream(stream, timeout)
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a socket of this machine."""
        seconds = left(timeout, httpcore.ConnectTimeout)
        stream = self._sockets.connect_unix_socket(path, seconds, socket_options)
        return _SyncStream(stream, timeout)


class _SyncStream(httpcore.NetworkStream):
    """A connection. What names no limit has that of the operation before it."""

    def __init__(self, stream: httpcore.NetworkStream, limit: float | None) -> None:
        self._stream = stream
        self._limit = limit

    def _left(self, limit: float | None, too_late: type[Exception]) -> float | None:
        if limit is not None:
            self._limit = limit
        return left(self._limit, too_late)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._stream.write(piece, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            seconds = self._left(timeout, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            self._stream.close()
            raise
        return _SyncStream(
            self._stream.start_tls(ssl_context, server_hostname, seconds), self._limit
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncNetwork(httpcore.AsyncNetworkBackend):
    """asyncio's sockets; names are resolved outside of the loop's own threads."""

    def __init__(self) -> None:
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a name, and connect to the first of its addresses that can be reached."""
        ends = None if timeout is None else monotonic() + timeout
        addresses = await _resolved_async(RESOLVER.look_up(host, port), timeout)
        failure: Exception | None = None
        for place, address in enumerate(addresses, 1):
            seconds = _share(ends, last=place == len(addresses))
            try:
                stream = await self._sockets.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                failure = failed
            else:
                return _AsyncStream(stream)
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a socket of this machine."""
        return await self._sockets.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Pause; httpcore does so between attempts to connect."""
        await self._sockets.sleep(seconds)


class _AsyncStream(httpcore.AsyncNetworkStream):
    """A connection that is closed also if its handshake is cancelled."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _AsyncStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _share(ends: float | None, *, last: bool) -> float | None:
    """Seconds for connecting to one address.

    Raises:
        httpcore.ConnectTimeout: None are left.
    """
    if ends is None:
        return None if last else _NEXT_ADDRESS
    remaining = ends - monotonic()
    if remaining <= 0:
        raise httpcore.ConnectTimeout("timed out")
    return remaining if last else min(remaining, _NEXT_ADDRESS)


def _resolved(lookup: Lookup, seconds: float | None) -> list[str]:
    try:
        return lookup.result(seconds)
    except TimeoutError:
        raise httpcore.ConnectTimeout("the host name was not resolved in time") from None
    except OSError as failed:
        raise httpcore.ConnectError(str(failed)) from failed


async def _resolved_async(lookup: Future[list[str]], seconds: float | None) -> list[str]:
    if lookup.done():
        return _resolved(lookup, 0)
    waiting = asyncio.wrap_future(lookup)
    done, _ = await asyncio.wait({waiting}, timeout=seconds)
    if not done:
        waiting.add_done_callback(_retrieve)
        raise httpcore.ConnectTimeout("the host name was not resolved in time")
    return _resolved(lookup, 0)


def _retrieve(waiting: asyncio.Future[list[str]]) -> None:
    """Take note of an error that comes too late, so that asyncio does not log it."""
    if not waiting.cancelled():
        waiting.exception()
