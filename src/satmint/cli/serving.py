"""Serve on the listeners of one process: a single process, or one of several workers."""

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from satmint.assembly import Service
from satmint.cli.running import background_of, url_of
from satmint.cli.waiting import open_service
from satmint.console_assembly import console_of
from satmint.model.proxies import TrustedProxies
from satmint.policies import max_connections, policy_of
from satmint.private_file import is_open_to_others
from satmint.server import (
    ConnectionLimits,
    LifecycleHooks,
    Listener,
    ListenerApp,
    ServerOptions,
    serve,
)
from satmint.settings import Settings

ADMIN_LIMITS: Final = ConnectionLimits(
    connections=128, per_address=64, keep_alive_seconds=20.0, arrival_seconds=5.0
)
"""One address may hold half. Live tails take half of these at most, and idle connections end soon,
so that the operator finds a free one. A browser opens six."""
_ALL_INTERFACES: Final = ("0.0.0.0", "::")  # noqa: S104 - used in a comparison, not to listen


class WorkerContext(msgspec.Struct, frozen=True):
    """What a worker knows about its position among the workers of one server."""

    index: int
    """The worker's index, from 0."""
    folder: str
    """The folder with the sockets of all workers. Only their user can enter it."""
    replacements: dict[str, int]
    """How often a process with this index was replaced, by reason, for `/metrics`."""


class Listeners(NamedTuple):
    """The listeners of one process."""

    public: Listener
    admin: Listener | None


async def serve_on(
    listeners: Listeners,
    settings: Settings,
    public_url: str,
    on_ready: Callable[[], Awaitable[None]],
    worker: WorkerContext | None = None,
    *,
    sources: Mapping[str, str],
) -> None:
    """Assemble the service and serve it until SIGTERM or SIGINT.

    While its database is away, all requests are answered with 503.

    Args:
        listeners: The listeners of this process.
        settings: The settings.
        public_url: The server's URL from outside, without a slash at the end.
        on_ready: Called when all listeners answer requests.
        worker: This process's context if it is one of several workers.
        sources: Where settings come from, by name; see `sources_of`.
    """
    waiting = False

    async def on_waiting() -> None:
        nonlocal waiting
        waiting = True
        await on_ready()

    async with AsyncExitStack() as stack:
        service = await open_service(
            stack,
            settings,
            [one for one in listeners if one is not None],
            public_url,
            options_of(settings),
            on_waiting,
            replaces_another=worker is not None and any(worker.replacements.values()),
        )
        if service is None:
            return
        background = [*background_of(service)]
        if worker is not None:
            background.append(service.join_workers(Path(worker.folder), worker.index))
            service.metrics.worker_replacements.update(worker.replacements)
        certificate = listeners.public.certificate
        if certificate is not None:
            background.append(service.use_certificate(certificate))
        apps = [ListenerApp(service.app(public_url), listeners.public)]
        if listeners.admin is not None:
            admin_url = url_of(settings.admin_host, listeners.admin)
            admin_app = service.admin_app(
                admin_url, console_of(service, admin_url, public_url, sources)
            )
            apps.append(ListenerApp(admin_app, listeners.admin, ADMIN_LIMITS))
        await serve(
            apps,
            options_of(settings, service),
            LifecycleHooks(
                on_ready=None if waiting else on_ready,
                on_hangup=service.reload_files,
                on_stop=service.gateway.stop,
                background=background,
            ),
        )
        if service.guard.copied is not None:
            raise service.guard.copied


def options_of(
    settings: Settings, service: Service | None = None, *, send_date: bool = True
) -> ServerOptions:
    """The options of the HTTP server.

    Args:
        settings: The settings.
        service: The service that counts refused requests. None: there is none yet.
        send_date: Whether the server adds a `Date` field, from the system clock, to responses.
    """
    return ServerOptions(
        limits=ConnectionLimits(
            connections=max_connections(),
            per_address=settings.connections_per_address,
            keep_alive_seconds=settings.keep_alive_seconds,
        ),
        proxies=TrustedProxies(settings.trusted_proxies),
        count_refusal=_count_nothing if service is None else service.count_refusal,
        hsts_seconds=settings.hsts_seconds if send_date else 0,
        send_date=send_date,
    )


def _count_nothing(_status: HTTPStatus, _cause: str) -> None:
    """There are no metrics yet."""


def warn_about(settings: Settings, bound: str) -> None:
    """Log a warning for each setting that is likely to be a mistake in production.

    Args:
        settings: The settings.
        bound: The URL of the public listener.
    """
    log = structlog.get_logger("satmint.serve")
    if not policy_of(settings).cluster_hosts:
        log.warning(
            "no_cluster_host",
            meaning="tokens name no cluster host: browser SDKs connect to the vendor's cloud",
            remedy="set --cluster-host",
        )
    if settings.public_url is None and settings.host in _ALL_INTERFACES:
        log.warning(
            "no_public_url",
            meaning=f"links in responses start with {bound}",
            remedy="set --public-url",
        )
    file = Path(settings.keyring)
    if file.exists() and is_open_to_others(file.stat(), os.geteuid()):
        log.warning("keyring_open_to_others", remedy=f"chmod 600 {file}")
