"""Transports that callers hand in, and what is refused of them."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

if TYPE_CHECKING:
    import httpx

Transport = TypeVar("Transport", "httpx.BaseTransport", "httpx.AsyncBaseTransport")

_CONNECTIONLESS: Final = ("MockTransport", "ASGITransport", "WSGITransport")
_SYNC: Final = "handle_request"
_ASYNC: Final = "handle_async_request"


class HandedIn(Generic[Transport]):
    """A transport of the caller's, or a function that makes one for each pool of connections.

    A transport has connections. Two processes that write to one connection mix their requests and
    read each other's responses, and a second event loop cannot use those of the first. So one that
    is handed in ready-made serves the process, and the async client's event loop, that used it
    first. A function is called anew for each.

    Args:
        given: The transport, or a function without parameters that makes one (a class is one).
        is_async: Whether it must be one for the async client.

    Raises:
        TypeError: It is neither, or is one for the other client.
    """

    def __init__(self, given: Transport | Callable[[], Transport], *, is_async: bool) -> None:
        self._is_async = is_async
        self._factory: Callable[[], Transport] | None = None
        self._ready: Transport | None = None
        self._process = os.getpid()
        self._loop: weakref.ref[object] | None = None
        if isinstance(given, type) or not (hasattr(given, _SYNC) or hasattr(given, _ASYNC)):
            if not callable(given):
                raise TypeError(self._wanted())
            self._factory = given
        else:
            self._ready = self._checked(cast("Transport", given))

    def for_pool(self, loop: object = None) -> Transport:
        """The transport for a new pool.

        Args:
            loop: The running event loop; `None` for the sync client.

        Raises:
            RuntimeError: It was handed in ready-made, and another process or loop has used it.
            TypeError: The function has made something else.
        """
        if self._factory is not None:
            return self._checked(self._factory())
        assert self._ready is not None  # noqa: S101 - one of the two is there
        if _has_no_connections(self._ready):
            return self._ready
        if self._process != os.getpid():
            raise RuntimeError(f"the transport belongs to the process before the fork: {_REMEDY}")
        if loop is not None:
            if self._loop is None:
                self._loop = weakref.ref(loop)
            elif self._loop() is not loop:
                raise RuntimeError(f"the transport belongs to another event loop: {_REMEDY}")
        return self._ready

    def _checked(self, transport: Transport) -> Transport:
        if not hasattr(transport, _ASYNC if self._is_async else _SYNC):
            raise TypeError(self._wanted())
        return transport

    def _wanted(self) -> str:
        kind, client = (
            ("AsyncBaseTransport", "AsyncRestClient")
            if self._is_async
            else ("BaseTransport", "RestClient")
        )
        return f"transport must be an httpx.{kind} for {client}, or a function that makes one"


_REMEDY: Final = (
    "hand in a function that makes one, such as transport=lambda: httpx.HTTPTransport(...),"
    " or use verify, cert, proxy and limits instead"
)


def _has_no_connections(transport: object) -> bool:
    """Whether it is one of httpx's own that reaches no network, and so may be shared."""
    httpx = sys.modules.get("httpx")
    return httpx is not None and isinstance(
        transport, tuple(getattr(httpx, name) for name in _CONNECTIONLESS)
    )
