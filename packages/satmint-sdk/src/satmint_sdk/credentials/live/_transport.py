"""The transport to the gateway: a WebSocket of `websockets`, the extra `gateway`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from satmint_sdk._ambient import Clock
from satmint_sdk._retry import http_date, retry_after
from satmint_sdk.credentials._cluster import gateway_host
from satmint_sdk.credentials.errors import InvalidCredential
from satmint_sdk.rest._endpoint import Endpoint, parse_endpoint

if TYPE_CHECKING:
    import ssl

    from websockets.asyncio.client import ClientConnection

_MISSING: Final = "SessionClient needs the package websockets: pip install 'satmint-sdk[gateway]'"
_MAX_FRAME_BYTES: Final = 256 * 1024
_CLOSE_SECONDS: Final = 2.0

# `websockets` logs every frame at level DEBUG, and frames contain tokens. A program cannot
# configure this logger, so it cannot be enabled by accident.
_MUTED_LOGGER: Final = logging.Logger("websockets", logging.CRITICAL + 1)  # noqa: LOG001 - see above


class SocketClosed(Exception):
    """The socket is closed.

    Attributes:
        code: The close code; `None` without a close frame.
        reason: The gateway's reason.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class UpgradeRefused(Exception):
    """The server refused the upgrade.

    Attributes:
        status: The HTTP status.
        not_before: Seconds of `Retry-After`.
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
    """The server's time at the upgrade, seconds since the epoch; `None` if unknown."""

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
        """Close it. Idempotent."""
        ...


class GatewayTransport(Protocol):
    """Opens WebSockets."""

    async def connect(self, endpoint: Endpoint) -> GatewaySocket:
        """Open one, without a time limit.

        Raises:
            UpgradeRefused: The server refused the upgrade.
            Exception: The server cannot be reached, or its response is invalid.
        """
        ...


def gateway_of(token: str) -> Endpoint:
    """The gateway that a token names.

    Raises:
        InvalidCredential: It names none.
        ValueError: `SIGNALWIRE_REST_CA_FILE` does not name a file.
    """
    host = gateway_host(token)
    if host is None:
        raise InvalidCredential("the token names no gateway (it has no `ch`): give a host")
    return parse_endpoint(host)


class WebSockets:
    """Opens WebSockets over the network.

    Args:
        clock: The source of time, for a `Retry-After` that is a date.

    Raises:
        ImportError: `websockets` is missing.
    """

    def __init__(self, clock: Clock) -> None:
        try:
            import websockets.asyncio.client  # noqa: F401 - whether it is there
        except ImportError as missing:
            raise ImportError(_MISSING) from missing
        self._clock = clock

    async def connect(self, endpoint: Endpoint) -> GatewaySocket:
        """Open a WebSocket at `/`. Errors as in `GatewayTransport`."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus

        class NoRedirect(connect):
            """Does not follow redirects: a token is sent to its own host only."""

            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        arguments: dict[str, Any] = {}
        if endpoint.base_url.startswith("https"):
            arguments["ssl"] = _ssl_context(endpoint)
        if endpoint.alias is not None:
            # Connect without asking a resolver; header, certificate and SNI keep the name.
            arguments["host"] = "127.0.0.1"
        try:
            opened = await NoRedirect(
                f"ws{endpoint.base_url.removeprefix('http')}/",
                compression=None,
                user_agent_header=None,
                # Never use a proxy from the environment for this machine itself.
                proxy=None if endpoint.loopback else True,
                open_timeout=None,  # by the injected clock
                ping_interval=None,  # the gateway's pings are used instead
                close_timeout=_CLOSE_SECONDS,
                max_size=_MAX_FRAME_BYTES,
                logger=_MUTED_LOGGER,
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
            raise _socket_closed(closed) from closed

    async def receive(self) -> str:
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                frame = await self._opened.recv()
            except ConnectionClosed as closed:
                raise _socket_closed(closed) from closed
            if isinstance(frame, str):
                return frame

    async def close(self) -> None:
        await self._opened.close()


def _socket_closed(closed: Any) -> SocketClosed:
    """The close code and reason that the gateway has sent."""
    close_frame = closed.rcvd
    if close_frame is None:
        return SocketClosed(None, "the connection ended without a close frame")
    return SocketClosed(close_frame.code, close_frame.reason)


def _ssl_context(endpoint: Endpoint) -> ssl.SSLContext:
    import httpx

    if endpoint.ca_file is None:
        return httpx.create_ssl_context()
    import ssl

    return ssl.create_default_context(cafile=endpoint.ca_file)
