"""What `serve` and `dev` have in common: addresses, certificates, and the loop that serves."""

import asyncio
import errno
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import structlog
import uvloop

from satmint.assembly import Service
from satmint.cli.report import Failure, Misuse
from satmint.cli.trouble import because, in_words
from satmint.http.listen import Listener, bind
from satmint.settings import Settings


def run_server(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    """Run a server until it has stopped by itself or by a signal.

    Raises:
        Failure: it cannot start.
    """
    with in_words(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def background_of(service: Service) -> Sequence[Callable[[], Awaitable[None]]]:
    """What runs beside the listeners."""
    return (_told(service.purge_for_ever), _told(service.watch_keyring))


def _told(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Work whose end by a bug is logged at once, instead of going unnoticed."""

    async def run() -> None:
        try:
            await work()
        except Exception:  # noqa: BLE001 - whatever it is, it is logged
            structlog.get_logger("satmint.background").exception("ended")

    return run


def listen_on(
    host: str, port: int, tls_cert: Path | None = None, tls_key: Path | None = None
) -> Listener:
    """An address, bound, with its certificate.

    Raises:
        Failure: the address cannot be had.
        Misuse: the certificate cannot be used.
    """
    if tls_cert is not None and tls_key is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tls_cert, tls_key)
        except OSError as error:  # ssl.SSLError is one
            message = f"cannot use the certificate {tls_cert} with the key {tls_key}"
            raise Misuse(f"{message}: {because(error)}") from error
    try:
        listener = Listener(bind(host, port), tls_cert, tls_key)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    try:
        # Until one listens, another can still take the port.
        listener.socket.listen()
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> Failure:
    if error.errno == errno.EADDRINUSE:
        reason = "the port is taken"
    else:
        reason = (error.strerror or str(error)).lower()
    return Failure(f"cannot listen on {authority(host, port)}: {reason}")


def authority(host: str, port: int) -> str:
    """`host:port` as URLs spell it (RFC 3986, section 3.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(host: str, listener: Listener) -> str:
    """Where a listener is reached on this machine."""
    scheme = "http" if listener.tls_cert is None else "https"
    return f"{scheme}://{authority(host, listener.port)}"
