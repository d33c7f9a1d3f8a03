"""Shared by `serve` and `dev`: listeners, certificates, and the event loop."""

import asyncio
import contextlib
import errno
import os
import resource
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop

from satmint.assembly import Service
from satmint.cli.errors import failures_for_user
from satmint.cli.report import Failure, UsageError
from satmint.incarnation_file import watch_incarnation
from satmint.server import BACKLOG, Listener, ServerCertificate, UnusableCertificate, bind
from satmint.settings import Settings

_OPEN_FILES: Final = 65_536


def run_server(settings: Settings, task: Coroutine[Any, Any, None]) -> None:
    """Run a server until it stops, in an event loop of its own.

    Raises:
        Failure: the server cannot start.
    """
    _raise_open_files_limit()
    with failures_for_user(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(task)


def stop_at_end_of_input() -> None:
    """Stop this process, as SIGTERM does, when standard input ends.

    If standard input is a pipe, it ends with the program that holds its other end, however that
    program ends.
    """

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end of input", daemon=True).start()


def _raise_open_files_limit() -> None:
    """Raise the limit of open files (RLIMIT_NOFILE) as far as the hard limit permits.

    Each connection is an open file. The usual soft limit, 1024, protects programs that use
    `select`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def background_of(service: Service) -> Sequence[Callable[[], Awaitable[None]]]:
    """The background tasks of the service, to run while it serves requests."""
    return tuple(
        _log_failure(task)
        for task in (
            service.run_purge,
            service.keyring_watch.run,
            service.watch.run,
            partial(watch_incarnation, service.guard),
            service.dispatch_webhooks,
            service.gateway.run,
            service.history.run,
        )
    )


def _log_failure(task: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Wrap a background task: an exception is logged when it occurs, not when the server stops."""

    async def run() -> None:
        try:
            await task()
        except Exception:  # noqa: BLE001 - every exception is logged
            structlog.get_logger("satmint.background").exception("ended")

    return run


def certificate_of(settings: Settings) -> ServerCertificate | None:
    """Load the TLS certificate of the settings. None: TLS is off.

    Raises:
        UsageError: the certificate or its key cannot be used.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return ServerCertificate(Path(settings.tls_cert), Path(settings.tls_key))
    except UnusableCertificate as error:
        raise UsageError(f"cannot serve https: {error}") from error


def listen_on(host: str, port: int, certificate: ServerCertificate | None = None) -> Listener:
    """Listen on an address with one socket.

    Raises:
        Failure: the address cannot be used.
    """
    try:
        listener = Listener(bind(host, port), certificate)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    try:
        # Another process can bind the same port until one of them listens.
        listener.socket.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def listen_shared(
    count: int, host: str, port: int, certificate: ServerCertificate | None = None
) -> list[Listener]:
    """Listen on one address with `count` sockets. The kernel distributes connections over them.

    Raises:
        Failure: the address cannot be used.
    """
    exclusive = listen_on(host, port, certificate)
    if count == 1:
        return [exclusive]
    # An exclusive bind has succeeded: no other server shares the address.
    port = exclusive.port
    exclusive.close()
    listeners: list[Listener] = []
    try:
        for _ in range(count):
            bound = Listener(bind(host, port, shared=True), certificate)
            listeners.append(bound)
            bound.socket.listen(BACKLOG)
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
    """`host:port` as in a URL, with IPv6 addresses in brackets (RFC 3986, section 3.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(host: str, listener: Listener) -> str:
    """The URL of a listener on this machine."""
    scheme = "http" if listener.certificate is None else "https"
    return f"{scheme}://{authority(host, listener.port)}"
