"""What both drivers have in common."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

from satmint_sdk._ambient import SYSTEM_ENTROPY, Clock, Entropy, fraction
from satmint_sdk._retry import http_date
from satmint_sdk.rest._body import ACCEPTED, Body
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.rest._request_ids import RequestIds
from satmint_sdk.rest._steps import NoResponse, Outside, Pause, Response, Send, TooLarge

if TYPE_CHECKING:
    import httpx

E = TypeVar("E", bound=BaseException)

_STRAY: Final = "an answer to another request came, perhaps a copy of one that was had before"
LOGGER: Final = "satmint_sdk.rest"


class Misconfigured(Exception):
    """A pool of connections cannot be made; its cause says why."""


class Driver:
    """The endpoint, and where its calls are made.

    Args:
        endpoint: The server and the credentials.
        clock: The source of time for pauses; connections go by the machine's own.
        entropy: The source of jitter, request ids and idempotency keys.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.closed = False
        self.clock_offset: float | None = None
        self.nonce: str | None = None
        self._entropy = entropy
        self._request_ids = RequestIds(entropy)
        self._outside = Outside(
            draw=lambda: fraction(self._entropy),
            now=lambda: self.clock.now().mono,
            new_key=lambda: _uuid4(self._entropy),
        )

    def _refuse_stray(self, answer: httpx.Response) -> None:
        """Refuse a response that belongs to another request, before its body is read.

        Later, the connection is in the pool again: another thread could read the copy of this
        response before this one is remembered.

        Raises:
            ConnectionError: it belongs to another request. The connection is closed.
        """
        sent, answered = answer.request.headers["x-request-id"], answer.headers.get("x-request-id")
        if self._request_ids.is_of_another(sent, answered):
            raise ConnectionError(_STRAY)

    def _received(self, answer: httpx.Response, content: bytes) -> Response:
        wall = self.clock.now().wall
        date = http_date(answer.headers.get("date", ""))
        if date is not None:
            self.clock_offset = date - wall
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)  # RFC 9449, section 8.2
        return Response(answer.status_code, answer.headers, content, wall)

    def _raise_if_closed(self) -> None:
        if self.closed:
            raise RuntimeError("the client is closed")

    def _log_retry(self, pause: Pause) -> None:
        if pause.reason:
            import logging

            logging.getLogger(LOGGER).info(pause.reason)


def _uuid4(entropy: Entropy) -> str:
    import uuid

    return str(uuid.UUID(bytes=entropy.take(16), version=4))


def request_of(
    client: httpx.Client | httpx.AsyncClient,
    send: Send,
    endpoint: Endpoint,
    request_id: str,
    deadline: float,
) -> httpx.Request:
    """The request of httpx, with the time limits of `_network`."""
    from satmint_sdk.rest._network import Until

    whole, read = Until(send.timeout, deadline), Until(send.read_timeout, deadline)
    connect = Until(send.connect_timeout, deadline)
    extensions: dict[str, Any] = {
        "timeout": {"connect": connect, "read": read, "write": whole, "pool": whole}
    }
    added = {"x-request-id": request_id, "accept-encoding": ACCEPTED}
    url = send.url
    if endpoint.alias is not None:
        # Connect without asking a resolver; header, certificate and SNI keep the name.
        added["host"] = endpoint.base_url.removeprefix("https://")
        url = url.replace(endpoint.alias, "127.0.0.1", 1)
        extensions["sni_hostname"] = endpoint.alias
    return client.build_request(
        send.method,
        url,
        headers={**send.headers, **added},
        content=send.content,
        extensions=extensions,
    )


def body_of(answer: httpx.Response, send: Send) -> Body:
    """An empty body for a response. Errors as `Body`."""
    if answer.is_stream_consumed:  # of a transport that has read it, and so decoded it
        return Body({}, send.max_bytes)
    return Body(answer.headers, send.max_bytes)


def timed_out(send: Send) -> TimeoutError:
    """The error of an attempt that took too long."""
    return TimeoutError(f"no complete response within {send.timeout:g} s")


class Progress:
    """Whether a request has begun to be sent: httpcore's `trace` of an async request."""

    has_begun = False

    async def __call__(self, event: str, _info: object) -> None:
        if event.endswith("send_request_headers.started"):
            self.has_begun = True


def outcome_of(
    failed: BaseException, send: Send, progress: Progress | None = None
) -> NoResponse | None:
    """What an error means for the conversation; `None` if it is not one of a transport."""
    import httpx

    without_tracebacks(failed)
    if isinstance(failed, Misconfigured) and failed.__cause__ is not None:
        return NoResponse(failed.__cause__, sent=False, permanent=True)
    if isinstance(failed, TimeoutError) and not str(failed):
        return NoResponse(timed_out(send), sent=progress is None or progress.has_begun)
    here = (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
    if isinstance(failed, here):
        return NoResponse(failed, sent=False, permanent=True)
    unsent = (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
    )
    if isinstance(failed, unsent):
        return NoResponse(failed, sent=False, permanent=_is_untrusted(failed))
    return NoResponse(failed) if isinstance(failed, (httpx.RequestError, OSError)) else None


def too_large(answer: httpx.Response) -> TooLarge:
    """The outcome of a response whose body is too large."""
    return TooLarge(answer.status_code, answer.headers)


def _is_untrusted(failed: BaseException) -> bool:
    """Whether the cause is a certificate that is not trusted."""
    ssl = sys.modules.get("ssl")
    behind: BaseException | None = failed
    while behind is not None and ssl is not None:
        if isinstance(behind, ssl.SSLCertVerificationError):
            return True
        behind = behind.__cause__ or behind.__context__
    return False


def without_tracebacks(error: E) -> E:
    """Remove the tracebacks of an error and of its causes.

    They hold the request, and reporters of errors show the variables of a frame.
    """
    behind: BaseException | None = error
    while behind is not None:
        behind.__traceback__ = None
        behind = behind.__cause__ or behind.__context__
    return error
