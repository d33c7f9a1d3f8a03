"""The transports of both clients: httpcore's pools on the network of `_network`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Final

import httpcore
import httpx

from satmint_sdk.rest._connection import Connection
from satmint_sdk.rest._network import AsyncNetwork, SyncNetwork

# A server that closes idle connections after 5 s (uvicorn's default) must not do so while we write.
_KEEPALIVE: Final = 3.0
_LIMITS: Final = httpx.Limits(keepalive_expiry=_KEEPALIVE)


class SyncTransport(httpx.BaseTransport):
    """Blocking requests."""

    def __init__(self, connection: Connection, *, in_clear: bool) -> None:
        arguments = _pool_arguments(connection, in_clear=in_clear)
        arguments["network_backend"] = SyncNetwork()
        self._pool: httpcore.ConnectionPool
        match arguments.pop("kind"):
            case "http":
                self._pool = httpcore.HTTPProxy(**arguments)
            case "socks":
                self._pool = httpcore.SOCKSProxy(**arguments)
            case _:
                self._pool = httpcore.ConnectionPool(**arguments)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its response."""
        with _errors_of_httpx():
            response = self._pool.handle_request(_request_of(request))
        assert isinstance(response.stream, Iterable)  # noqa: S101 - as httpcore promises
        return _response_of(response, _SyncBody(response.stream))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """Requests of one event loop."""

    def __init__(self, connection: Connection, *, in_clear: bool) -> None:
        arguments = _pool_arguments(connection, in_clear=in_clear)
        arguments["network_backend"] = AsyncNetwork()
        self._pool: httpcore.AsyncConnectionPool
        match arguments.pop("kind"):
            case "http":
                self._pool = httpcore.AsyncHTTPProxy(**arguments)
            case "socks":
                self._pool = httpcore.AsyncSOCKSProxy(**arguments)
            case _:
                self._pool = httpcore.AsyncConnectionPool(**arguments)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its response."""
        with _errors_of_httpx():
            response = await self._pool.handle_async_request(_request_of(request))
        assert isinstance(response.stream, AsyncIterable)  # noqa: S101 - as httpcore promises
        return _response_of(response, _AsyncBody(response.stream))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _SyncBody(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _errors_of_httpx():
            yield from self._stream

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors_of_httpx():
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        close = getattr(self._stream, "aclose", None)
        if close is not None:
            await close()


def _pool_arguments(connection: Connection, *, in_clear: bool) -> dict[str, Any]:
    """The arguments of a pool of httpcore, and as `kind` which one it is."""
    limits = connection.limits or _LIMITS
    arguments: dict[str, Any] = {
        "kind": "direct",
        "max_connections": limits.max_connections,
        "max_keepalive_connections": limits.max_keepalive_connections,
        "keepalive_expiry": limits.keepalive_expiry,
        "ssl_context": None if in_clear else connection.ssl_context(),
    }
    if connection.proxy is not None:
        proxy = httpx.Proxy(connection.proxy.reveal())
        arguments["kind"] = "socks" if proxy.url.scheme.startswith("socks") else "http"
        arguments["proxy_url"] = _core_url(proxy.url)
        arguments["proxy_auth"] = proxy.raw_auth
        if proxy.url.scheme == "https":
            arguments["proxy_ssl_context"] = connection.ssl_context()
    return arguments


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _request_of(request: httpx.Request) -> httpcore.Request:
    return httpcore.Request(
        method=request.method,
        url=_core_url(request.url),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _response_of(
    response: httpcore.Response, body: httpx.SyncByteStream | httpx.AsyncByteStream
) -> httpx.Response:
    return httpx.Response(
        response.status, headers=response.headers, stream=body, extensions=response.extensions
    )


@contextlib.contextmanager
def _errors_of_httpx() -> Iterator[None]:
    """Translate errors of httpcore to those of httpx, which have the same names."""
    try:
        yield
    except Exception as error:
        for kind in type(error).__mro__:
            translated = getattr(httpx, kind.__name__, None)
            if kind.__module__.startswith("httpcore") and translated is not None:
                raise translated(str(error)) from error
        raise
