"""What `serve` and `dev` have in common: addresses, certificates, and the loop that serves."""

import asyncio
import contextlib
import errno
import resource
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop

from satmint.assembly import Service
from satmint.cli.report import Failure, Misuse
from satmint.cli.trouble import because, in_words
from satmint.http.listen import Listener, bind
from satmint.settings import Settings

_OPEN_FILES: Final = 65_536


def run_server(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    """Run a server until it has stopped by itself or by a signal.

    Raises:
        Failure: it cannot start.
    """
    _allow_connections()
    with in_words(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _allow_connections() -> None:
    """Raise the number of files that may be open, as far as the system lets us.

    Every connection is one, and the usual limit of 1024 is meant for programs that use `select`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def background_of(service: Service) -> Sequence[Callable[[], Awaitable[None]]]:
    """What runs beside the listeners."""
    return tuple(
        _told(work)
        for work in (
            service.purge_for_ever,
            service.watch_keyring,
            service.carry_webhooks,
            service.gateway.run,
        )
    )


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


def listen_together(
    count: int, host: str, port: int, tls_cert: Path | None = None, tls_key: Path | None = None
) -> list[Listener]:
    """One address with so many sockets, over which the system spreads the connections.

    Raises:
        Failure: the address cannot be had.
        Misuse: the certificate cannot be used.
    """
    alone = listen_on(host, port, tls_cert, tls_key)
    if count == 1:
        return [alone]
    # That it could be had alone says that no other server shares it already.
    port = alone.port
    alone.close()
    listeners: list[Listener] = []
    try:
        for _ in range(count):
            bound = Listener(bind(host, port, shared=True), tls_cert, tls_key)
            listeners.append(bound)
            bound.socket.listen()
    except OSError as error:
        for bound in listeners:
            bound.close()
        raise _cannot_listen(host, port, error) from error
    return listeners


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
