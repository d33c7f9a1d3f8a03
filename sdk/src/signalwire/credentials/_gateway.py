"""The way to the gateway: one WebSocket, over `websockets`, the extra `gateway` of this package."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from signalwire._ambient import Clock
from signalwire.rest._place import Place
from signalwire.rest._retry import http_date, retry_after

if TYPE_CHECKING:
    import ssl

    from websockets.asyncio.client import ClientConnection

_MISSING: Final = "SessionClient needs the package websockets: pip install 'satmint-sdk[gateway]'"
_LARGEST_FRAME: Final = 256 * 1024
_CLOSE_SECONDS: Final = 2.0

# `websockets` writes every frame to its log at level DEBUG, and there are tokens in the frames.
# This logger is not among those that a program can configure, so nobody can make it speak.
_SILENT: Final = logging.Logger("websockets", logging.CRITICAL + 1)  # noqa: LOG001 - see above


class SocketClosed(Exception):
    """There is no socket any more.

    Attributes:
        code: What it was closed with; `None` where it just ended.
        reason: What the other side said about it.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class UpgradeRefused(Exception):
    """A server answered, and does not want a WebSocket now.

    Attributes:
        status: HTTP status.
        not_before: Seconds that it wants to be left alone.
    """

    def __init__(self, status: int, not_before: float) -> None:
        super().__init__(status, not_before)
        self.status = status
        self.not_before = not_before

    def __str__(self) -> str:
        return f"the upgrade was answered {self.status}"


class GatewaySocket(Protocol):
    """An open WebSocket."""

    server_date: float | None
    """When it was opened by the server's clock, seconds since the epoch; `None` if unsaid."""

    async def send(self, text: str) -> None:
        """Send a text frame.

        Raises:
            SocketClosed: It is closed.
        """
        ...

    async def receive(self) -> str:
        """Wait for a text frame.

        Raises:
            SocketClosed: It is closed.
        """
        ...

    async def close(self) -> None:
        """Close it. A second time does nothing."""
        ...


class GatewayTransport(Protocol):
    """What opens WebSockets."""

    async def connect(self, place: Place) -> GatewaySocket:
        """Open one, without a time limit.

        Raises:
            UpgradeRefused: A server answered with a status.
            Exception: There is no way, or no answer that makes sense.
        """
        ...


class WebSockets:
    """The real thing.

    Args:
        clock: Tells the time, for a `Retry-After` that is a date.

    Raises:
        ImportError: `websockets` is missing.
    """

    def __init__(self, clock: Clock) -> None:
        try:
            import websockets.asyncio.client  # noqa: F401 - whether it is there
        except ImportError as missing:
            raise ImportError(_MISSING) from missing
        self._clock = clock

    async def connect(self, place: Place) -> GatewaySocket:
        """Open a WebSocket at `/`. Errors as in `GatewayTransport`."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus

        class Straight(connect):
            """Does not follow redirects: a token goes where it was meant to, or nowhere."""

            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        arguments: dict[str, Any] = {}
        if place.base_url.startswith("https"):
            arguments["ssl"] = _trust(place)
        if place.alias is not None:
            # Connect without asking a resolver; header, certificate and SNI keep the name.
            arguments["host"] = "127.0.0.1"
        try:
            opened = await Straight(
                f"ws{place.base_url.removeprefix('http')}/",
                compression=None,
                user_agent_header=None,
                # No proxy of the environment may come between this machine and itself.
                proxy=None if place.loopback else True,
                open_timeout=None,  # by the injected clock
                ping_interval=None,  # the gateway's own pings tell whether it lives
                close_timeout=_CLOSE_SECONDS,
                max_size=_LARGEST_FRAME,
                logger=_SILENT,
                **arguments,
            )
        except InvalidStatus as refused:
            headers = {name.lower(): value for name, value in refused.response.headers.raw_items()}
            wait = retry_after(headers, self._clock.now().wall) or 0.0
            raise UpgradeRefused(refused.response.status_code, wait) from refused
        return _Socket(opened)


class _Socket:
    """A `GatewaySocket`."""

    def __init__(self, opened: ClientConnection) -> None:
        self._opened = opened
        date = None if opened.response is None else opened.response.headers.get("Date")
        self.server_date = None if date is None else http_date(date)

    async def send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._opened.send(text)
        except ConnectionClosed as closed:
            raise _told(closed) from closed

    async def receive(self) -> str:
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                frame = await self._opened.recv()
            except ConnectionClosed as closed:
                raise _told(closed) from closed
            if isinstance(frame, str):
                return frame

    async def close(self) -> None:
        await self._opened.close()


def _told(closed: Any) -> SocketClosed:
    """Say what the other side said; what this side said is no news."""
    said = closed.rcvd
    if said is None:
        return SocketClosed(None, "the connection ended without a close frame")
    return SocketClosed(said.code, said.reason)


def _trust(place: Place) -> ssl.SSLContext:
    import httpx

    if place.ca_file is None:
        return httpx.create_ssl_context()
    import ssl

    return ssl.create_default_context(cafile=place.ca_file)
