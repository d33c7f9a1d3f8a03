"""Assembles the service from the settings."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog

from satmint.flows.callers import CallerAuthenticator
from satmint.flows.incarnation import IncarnationGuard
from satmint.flows.policy import Policy
from satmint.flows.revocation_status import feed_status
from satmint.flows.service_context import ServiceContext, service_context
from satmint.gateway import Gateway
from satmint.http.admin import MountedApp, RebindingGuard, admin_application
from satmint.http.application import Application
from satmint.http.cors import Cors
from satmint.http.metrics import Metrics
from satmint.http.metrics_aggregator import MetricsAggregator
from satmint.http.metrics_history import MetricsHistory
from satmint.http.openapi import document
from satmint.http.operations import HandlerContext, Operation
from satmint.http.resources import OPERATIONS
from satmint.http.statuses import CODE_OF_STATUS
from satmint.http.unavailable import UnavailableApplication
from satmint.jose import Keyring, TokenCipher
from satmint.keyring_file import absolute_file, open_keyring
from satmint.keyring_watch import KeyringWatch
from satmint.model.clock import Clock, SystemClock
from satmint.model.database_url import is_postgres
from satmint.model.demo import Demo
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.model.shared_clock import SharedClock
from satmint.policies import external_urls, limits_of, policy_of
from satmint.private_file import file_version
from satmint.purging import PURGE_ROWS, purge_in_steps
from satmint.server.certificates import ServerCertificate, watch
from satmint.settings import Settings
from satmint.store.contract import PurgeResult, Store
from satmint.store_watch import StoreWatch
from satmint.stores import guard_of, open_store
from satmint.webhooks import Sender, WebhookDispatcher

CipherFactory = Callable[[Keyring, Entropy], TokenCipher]


@dataclass(slots=True)
class Service:
    """The token service, assembled."""

    settings: Settings
    services: ServiceContext
    store: Store
    metrics: Metrics
    gateway: Gateway
    guard: IncarnationGuard
    """Recognises a database that was restored."""
    watch: StoreWatch
    """What the last check of the database has found."""
    keyring_watch: KeyringWatch
    """The keyring file, and what the last check of it has found."""
    sender: Sender
    """Sends messages to webhooks."""
    history: MetricsHistory
    """The last hours of the metrics of this process."""
    aggregator: MetricsAggregator | None = None
    """Aggregates the metrics of all workers. None: there is only one process."""
    certificate: ServerCertificate | None = None
    """The certificate of the TLS listener. None: this process does not terminate TLS."""
    webhook_dispatcher: WebhookDispatcher | None = None
    """None: it does not run yet."""
    _certificate_reload_requested: asyncio.Event = field(default_factory=asyncio.Event)

    def app(
        self, public_url: str, demo: Demo | None = None, extra: Sequence[Operation] = ()
    ) -> Application:
        """The HTTP API as an ASGI application.

        Args:
            public_url: The server's URL from outside, without a slash at the end.
            demo: In development, the credentials that the start page shows.
            extra: In development, operations in addition to those of the API.
        """
        policy = self.services.policy
        regions = tuple(sorted(policy.regions.items()))
        openapi = _openapi_json(public_url, policy.cluster_host, regions)
        context = self.context(public_url, openapi, demo)
        return Application(context, (*OPERATIONS, *extra), Cors(self.settings.cors_origins))

    def admin_app(self, url: str, console: MountedApp | None = None) -> RebindingGuard:
        """The ASGI application of the admin listener.

        Args:
            url: The URL of the admin listener, without a slash at the end.
            console: Serves `/console`; see `satmint.console_assembly`. None: there is no console.
        """
        return admin_application(self.context(url), console, self.settings.admin_url)

    def context(
        self, public_url: str, openapi: bytes = b"", demo: Demo | None = None
    ) -> HandlerContext:
        """What handlers need; see `app` for the arguments."""
        return HandlerContext(
            services=self.services,
            callers=CallerAuthenticator(self.services),
            metrics=self.metrics,
            public_url=public_url,
            external_urls=external_urls(self.services.policy, public_url, demo),
            openapi=openapi,
            aggregator=self.aggregator,
            gateway=self.gateway,
            revocations=self.gateway.revocation_hub,
            warnings=self.warnings,
            demo=demo,
            sender=self.sender,
        )

    def warnings(self) -> list[str]:
        """Problems that need an operator, although the server still serves requests."""
        found = []
        if self.keyring_watch.stale:
            found.append("keyring_not_reloaded")
        if self.keyring_watch.unknown:
            found.append("keyring_unknown")
        if self.certificate is not None and self.certificate.stale is not None:
            found.append("certificate_not_reloaded")
        if self.watch.clock_differs:
            found.append("database_clock_differs")
        return found

    def count_refusal(self, status: HTTPStatus, cause: str) -> None:
        """Count a request that the HTTP server refused before the application received it."""
        self.metrics.requests["-", "-", status.value] += 1
        self.metrics.refusals[CODE_OF_STATUS[status.value], cause] += 1

    def use_certificate(self, certificate: ServerCertificate) -> Callable[[], Awaitable[None]]:
        """Add metrics of a certificate; return the background task that loads its renewals."""
        self.certificate = certificate
        self.metrics.add_gauge(
            "satmint_tls_certificate_not_after_seconds",
            "Expiry of the certificate in use, Unix seconds.",
            lambda: certificate.not_after,
        )
        self.metrics.add_gauge(
            "satmint_tls_certificate_stale",
            "1 if the certificate files are unusable and an older certificate is in use.",
            lambda: certificate.stale is not None,
        )
        return partial(
            watch, [certificate], lambda _renewed: None, self._certificate_reload_requested
        )

    def join_workers(self, folder: Path, number: int) -> Callable[[], Awaitable[None]]:
        """Join the other workers of this server; return the background task that serves metrics.

        Args:
            folder: The folder with the sockets of all workers. Only their user can enter it.
            number: This worker's index, from 0.
        """
        self.aggregator = MetricsAggregator(
            self.metrics,
            self.history,
            folder,
            number,
            self.settings.workers,
            partial(feed_status, self.gateway.revocation_hub),
        )
        return self.aggregator.serve_metrics

    def reload_files(self) -> None:
        """Request that the keyring and the certificate are read again now, even if unchanged."""
        self.keyring_watch.request_reload()
        self._certificate_reload_requested.set()

    async def dispatch_webhooks(self) -> None:
        """Send the messages of webhooks, until cancelled."""
        dispatcher = WebhookDispatcher(self.services, self.sender, self.metrics.count_webhook)
        self.webhook_dispatcher = dispatcher
        await dispatcher.run()

    async def purge_step(self) -> PurgeResult:
        """Delete a limited number of expired rows, and update the number of active sessions.

        Raises:
            StoreUnavailable: see `Store`.
        """
        now = self.services.clock.now()
        events_before = now - self.settings.event_retention_days * 86_400
        result = await self.store.purge(now, events_before, PURGE_ROWS)
        if result.active is not None:
            self.metrics.sessions = result.active
        return result

    async def run_purge(self) -> None:
        """Purge expired rows in small steps, until cancelled."""
        await purge_in_steps(self.purge_step)


@asynccontextmanager
async def assembled(
    settings: Settings,
    *,
    create_keyring: bool = False,
    migrating: bool = False,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    cipher: CipherFactory = TokenCipher,
) -> AsyncIterator[Service]:
    """Assemble the service; close it at the end of the context.

    Args:
        settings: The settings.
        create_keyring: Whether to create the keyring file if it does not exist.
        migrating: Whether to migrate a PostgreSQL database, for development. An SQLite database is
            always migrated.
        clock: The clock. Default: the system clock.
        entropy: The source of random bytes. Default: the operating system.
        cipher: Creates the token cipher of a keyring. Development passes its own.

    Raises:
        SettingsError: the database URL is of an unknown kind, or there is no usable keyring.
        StoreUnavailable: the database cannot be opened.
        SchemaUnknown: another version of satmint has written the database.
        DatabaseCopied: the database is a copy.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    keyring_file = absolute_file(settings.keyring)
    version = file_version(keyring_file)
    keyring = open_keyring(
        keyring_file, clock, entropy, create=create_keyring, kek=settings.keyring_kek
    )
    metrics = Metrics()
    database_time = isinstance(clock, SystemClock) and is_postgres(settings.database)
    store = await open_store(
        settings,
        clock.now(),
        metrics.batches.observe,
        migrating=migrating,
        database_time=database_time,
        observe_migrations=_log_migrations,
    )
    try:
        # A clock that tests or a development server move is nobody else's.
        shared = SharedClock(clock) if database_time else None
        clock, watch = shared or clock, StoreWatch(store, shared)
        await watch.check()
        await _warn_of_collisions(store)
        # A new keyring cannot decrypt any token from before.
        new_keyring = create_keyring and version is None
        guard = guard_of(settings, store, clock, entropy, requires_mark=not new_keyring)
        policy = policy_of(settings, await guard.start())
        services = service_context(store, cipher(keyring, entropy), clock, entropy, policy)
        keyring_watch = KeyringWatch(services, keyring_file, settings.keyring_kek, version)
        await keyring_watch.record()
        gateway = Gateway(
            services, limits_of(settings), metrics.gateway, incarnation=guard.incarnation.id
        )
        sender = Sender(private=settings.private_webhooks)
        history = MetricsHistory(metrics, SystemClock())
        service = Service(
            *(settings, services, store, metrics, gateway, guard, watch, keyring_watch, sender),
            history,
        )
        _add_key_metrics(service)
        metrics.add_gauge(
            "satmint_webhook_attempts_in_progress",
            "Webhook delivery attempts in progress, of at most 64.",
            lambda: 0 if (found := service.webhook_dispatcher) is None else found.in_progress,
        )
        _add_store_metrics(service)
        _add_feed_metrics(service)
        async with sender:
            yield service
        await guard.stop()
    finally:
        await store.close()


def _log_migrations(names: tuple[str, ...]) -> None:
    structlog.get_logger("satmint.database").info("database_migrated", applied=", ".join(names))


async def _warn_of_collisions(store: Store) -> None:
    found = await store.subscribers.count_collisions()
    if found:
        log = structlog.get_logger("satmint.store")
        log.warning("references_equal", subscribers=found, remedy="run `satmint db check`")


def _add_key_metrics(service: Service) -> None:
    """Add metrics of the keyring: an alert on their use fires long before a limit of AES-GCM."""
    metrics, services = service.metrics, service.services
    metrics.add_gauge(
        "satmint_working_key_uses",
        "Tokens encrypted with the current working key; it is replaced at 2^24.",
        lambda: services.cipher.uses,
    )
    metrics.add_gauge(
        "satmint_master_key_age_seconds",
        "Age of the active key of the keyring, in seconds.",
        lambda: services.clock.now() - services.cipher.keyring.active.created_at,
    )
    metrics.add_gauge(
        "satmint_master_keys",
        "Number of keys in the keyring.",
        lambda: len(services.cipher.keyring.keys),
    )
    metrics.add_gauge(
        "satmint_tokens_of_unknown_keys",
        "Presented tokens that name a key which the keyring lacks, since the start.",
        lambda: services.cipher.unknown_keys,
    )
    metrics.add_gauge(
        "satmint_keyring_stale",
        "1 if the changed keyring is unreadable and an older keyring is in use.",
        lambda: service.keyring_watch.stale,
    )
    metrics.add_gauge(
        "satmint_keyring_unknown",
        "1 if no key of the keyring has served the database before: it may be another one's.",
        lambda: service.keyring_watch.unknown,
    )


def _add_store_metrics(service: Service) -> None:
    metrics, store, watch = service.metrics, service.store, service.watch
    metrics.add_gauge(
        "satmint_database_unusable",
        "1 if the database does not answer, or may not be written: see the log.",
        lambda: bool(watch.cause),
    )
    metrics.add_gauge(
        "satmint_database_clock_difference_seconds",
        "Seconds that this machine's clock is ahead of a PostgreSQL database's.",
        lambda: watch.clock_difference,
    )
    metrics.add_gauge(
        "satmint_store_lock_waits",
        "Requests that wait for a row that another transaction has locked.",
        lambda: store.backlog().lock_waits,
    )
    metrics.add_gauge(
        "satmint_store_seen_marks",
        "Records that a SAT was used which are not in the database yet.",
        lambda: store.backlog().seen_marks,
    )


def _add_feed_metrics(service: Service) -> None:
    metrics, hub = service.metrics, service.gateway.revocation_hub
    hub.outcomes = metrics.revocation_feeds
    metrics.add_gauge(
        "satmint_revocation_listeners",
        "Clients that listen to the feed of revocations.",
        lambda: len(hub.listeners),
    )
    metrics.add_gauge(
        "satmint_revocation_feed_lag_seconds",
        "Seconds since the feed of revocations was last up to date; 0 if nobody listens.",
        lambda: hub.lag_seconds,
    )
    metrics.add_gauge(
        "satmint_revocation_listener_delay_seconds",
        "Seconds that the oldest revocation has waited for a listener that does not read.",
        lambda: hub.behind_seconds,
    )


def unavailable_app(
    settings: Settings, public_url: str, cause: Callable[[], str]
) -> UnavailableApplication:
    """The HTTP API while the database cannot be used; see there for the arguments."""
    cors = Cors(settings.cors_origins)
    return UnavailableApplication(SystemEntropy(), cors, public_url, cause)


def api_description(public_url: str, policy: Policy | None = None) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the HTTP API at `public_url`, with the regions of `policy`."""
    return document(OPERATIONS, public_url, policy or Policy())


@lru_cache(maxsize=1)
def _openapi_json(
    public_url: str, cluster_host: str | None, regions: tuple[tuple[str, str | None], ...]
) -> bytes:
    """The document as JSON. Cached, because it takes longer than the rest of the start-up."""
    policy = Policy(cluster_host=cluster_host, regions=dict(regions))
    return json.dumps(api_description(public_url, policy), separators=(",", ":")).encode()
