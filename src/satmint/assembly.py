"""From settings to the whole server as one value: the only place that names concrete parts."""

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog

from satmint.courier import Courier, open_network
from satmint.flows.callers import Callers
from satmint.flows.mint import Mint, Policy
from satmint.gateway import Gateway, Limits
from satmint.http.cors import Cors
from satmint.http.edge import Edge
from satmint.http.metrics import Metrics
from satmint.http.openapi import document
from satmint.http.operations import Desk, Operation
from satmint.http.resources import OPERATIONS
from satmint.http.siblings import Siblings
from satmint.jose import Keyring, KeyringError, Safe
from satmint.keyring_file import open_keyring, read_keyring
from satmint.keyring_kek import Wrapping
from satmint.model.clock import Clock, SystemClock
from satmint.model.database_url import is_postgres
from satmint.model.demo import Demo
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.model.refusals import StoreUnavailable
from satmint.settings import Settings, SettingsError
from satmint.store.contract import Store, Swept
from satmint.store.postgres import PostgresLimits, open_postgres
from satmint.store.sqlite import open_sqlite

MakeEdge = Callable[[Desk, Sequence[Operation], Cors], Edge]
MakeSafe = Callable[[Keyring, Entropy], Safe]

_SQLITE: Final = "sqlite:///"
_PURGE_EVERY_SECONDS: Final = 5.0
_PURGE_AGAIN_SECONDS: Final = 0.02
_PURGE_SHARE: Final = 0.02
"""Of its time, at the most, that a walk through what lives keeps the database busy."""
_PURGE_ROWS: Final = 500
_SPARE_FILES: Final = 256
"""Of those that may be open: for HTTP, databases and logs."""
_KEYRING_LOOK_EVERY_SECONDS: Final = 2.0
_LOOKS_UNTIL_NEXT_TRY: Final = 15
"""After a keyring that could not be taken: the service that tells its key may come back."""


@dataclass(slots=True)
class Service:
    """The token service, assembled."""

    settings: Settings
    mint: Mint
    store: Store
    metrics: Metrics
    keyring_file: Path
    keyring_stamp: tuple[int, ...] | None
    """Which state of the file the keyring was read from, or an earlier one."""
    gateway: Gateway
    siblings: Siblings | None = None
    """The other workers, where there are several."""
    keyring_is_stale: bool = False
    """Whether the keyring could not be read when it was looked at last: a former one is in use."""
    _told_to_look: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self, public_url: str, demo: Demo | None = None, edge: MakeEdge = Edge) -> Edge:
        """The HTTP API as an ASGI application.

        Args:
            public_url: Where it is reached from outside; no slash at the end.
            demo: What the start page gives away, in development.
            edge: Makes the application of its parts; a development server has one of its own.
        """
        openapi = json.dumps(api_description(public_url), separators=(",", ":")).encode()
        desk = Desk(
            mint=self.mint,
            callers=Callers(self.mint),
            metrics=self.metrics,
            public_url=public_url,
            external_urls=external_urls(self.mint.policy, public_url, demo),
            openapi=openapi,
            siblings=self.siblings,
            gateway=self.gateway,
            demo=demo,
        )
        return edge(desk, OPERATIONS, Cors(self.settings.cors_origins))

    def join(self, folder: Path, number: int) -> Callable[[], Awaitable[None]]:
        """Take a place among several workers; returns what has to run beside the listeners.

        Args:
            folder: Where they meet; only their user can enter it.
            number: Which of them this one is, from 0.
        """
        self.siblings = Siblings(self.metrics, folder, number, self.settings.workers)
        return self.siblings.tell

    def reload_keyring(self) -> None:
        """Read the keyring file again. One that cannot be used is reported and not taken.

        Blocks where a command tells the key that wraps it: `look_at_keyring` does not.
        """
        self._take_keyring(self._read_keyring())

    def look_at_keyring(self) -> None:
        """Have `watch_keyring` read the keyring file now, changed or not."""
        self._told_to_look.set()

    def _read_keyring(self) -> Keyring | str:
        """The keyring, or why it cannot be used."""
        kek = self.settings.keyring_kek
        try:
            wrapping = None if kek is None else Wrapping(kek, self.mint.entropy)
            return read_keyring(self.keyring_file, wrapping)
        except (OSError, KeyringError) as error:
            return str(error)

    def _take_keyring(self, found: Keyring | str) -> bool:
        log = structlog.get_logger("satmint.keys")
        self.keyring_is_stale = isinstance(found, str)
        if isinstance(found, str):
            log.error("keyring_not_reloaded", reason=found)
            return False
        if found != self.mint.safe.keyring:
            self.mint.safe.reload(found)
            log.info("keyring_reloaded", active=found.active.id, keys=len(found.keys))
        return True

    async def carry_webhooks(self) -> None:
        """Tell webhooks what they are to be told, for ever."""
        async with open_network(private=self.settings.private_webhooks) as network:
            await Courier(self.mint, network, self.metrics.count_webhook).run()

    async def watch_keyring(self) -> None:
        """Take a changed keyring file into use without being told to."""
        seen, looks_left = self.keyring_stamp, 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KEYRING_LOOK_EVERY_SECONDS):
                    await self._told_to_look.wait()
            told = self._told_to_look.is_set()
            self._told_to_look.clear()
            stamp = _stamp(self.keyring_file)
            looks_left -= 1
            if told or stamp != seen or looks_left == 0:
                seen = stamp
                taken = self._take_keyring(await asyncio.to_thread(self._read_keyring))
                looks_left = 0 if taken else _LOOKS_UNTIL_NEXT_TRY

    async def sweep(self) -> Swept:
        """Remove a little of what is dead, and count what lives.

        Raises:
            StoreUnavailable: see `Store`.
        """
        now = self.mint.clock.now()
        events_before = now - self.settings.event_retention_days * 86_400
        swept = await self.store.purge(now, events_before, _PURGE_ROWS)
        if swept.alive is not None:
            self.metrics.sessions = swept.alive
        return swept

    async def purge_for_ever(self) -> None:
        """Remove what is dead, a little at a time."""
        time, pause = asyncio.get_running_loop().time, _PURGE_EVERY_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause, began = _PURGE_EVERY_SECONDS, time()
            try:
                swept = await self.sweep()
            except StoreUnavailable as trouble:
                structlog.get_logger("satmint.purge").warning("not_purged", cause=trouble.cause)
                continue
            if swept.more:
                # What comes in faster than it goes would grow for ever.
                share = 0.5 if swept.gone >= _PURGE_ROWS // 2 else _PURGE_SHARE
                rest = (time() - began) * (1 / share - 1)
                pause = min(max(_PURGE_AGAIN_SECONDS, rest), _PURGE_EVERY_SECONDS)


@asynccontextmanager
async def assembled(
    settings: Settings,
    *,
    create_keyring: bool = False,
    migrating: bool = False,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    safe: MakeSafe = Safe,
) -> AsyncIterator[Service]:
    """The service for `settings`, closed again at the end.

    Args:
        settings: What the operator decided.
        create_keyring: Whether to make a keyring where the file does not exist.
        migrating: Whether to bring a shared database to the present schema, as in development; an
            embedded one always is.
        clock: The machine's by default.
        entropy: The operating system's by default.
        safe: Makes what seals and opens tokens with a keyring; for development.

    Raises:
        SettingsError: the database is of no kind that is known, or there is no usable keyring.
        StoreUnavailable: the database cannot be opened.
        SchemaUnknown: it was written by another version.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    keyring_file = Path(settings.keyring)
    stamp = _stamp(keyring_file)
    keyring = open_keyring(
        keyring_file, clock, entropy, create=create_keyring, kek=settings.keyring_kek
    )
    metrics = Metrics()
    store = await open_store(settings, clock.now(), metrics.batches.observe, migrating=migrating)
    try:
        mint = Mint(store, safe(keyring, entropy), clock, entropy, policy_of(settings))
        gateway = Gateway(mint, limits_of(settings), metrics.gateway)
        service = Service(settings, mint, store, metrics, keyring_file, stamp, gateway)
        _watch_keys(service)
        yield service
    finally:
        await store.close()


def _watch_keys(service: Service) -> None:
    """Show how worn the keys are: an alarm on it rings long before any bound of AES-GCM."""
    metrics, mint = service.metrics, service.mint
    metrics.measure(
        "satmint_working_key_uses",
        "Tokens that the working key of the moment has made; a new one is due at 2^24.",
        lambda: mint.safe.uses,
    )
    metrics.measure(
        "satmint_master_key_age_seconds",
        "How long the active key of the keyring has been in it.",
        lambda: mint.clock.now() - mint.safe.keyring.active.created_at,
    )
    metrics.measure(
        "satmint_master_keys",
        "Keys of the keyring, active and retired.",
        lambda: len(mint.safe.keyring.keys),
    )
    metrics.measure(
        "satmint_keyring_stale",
        "1: the keyring has changed and could not be read, and a former one is in use.",
        lambda: service.keyring_is_stale,
    )


async def open_store(
    settings: Settings,
    now: int,
    observe_batch: Callable[[int], None] = lambda _size: None,
    *,
    migrating: bool = False,
) -> Store:
    """The store that the settings name.

    Args:
        settings: What the operator decided.
        now: Unix seconds.
        observe_batch: Told the size of each write batch.
        migrating: Whether to bring a shared database to the present schema.

    Raises:
        SettingsError: the database is of no kind that is known.
        StoreUnavailable: it cannot be opened.
        SchemaUnknown: it lacks migrations, or was written by another version.
    """
    if not is_postgres(settings.database):
        return await open_sqlite(sqlite_path(settings.database), now, observe_batch)
    limits = PostgresLimits(
        connections=settings.database_connections, pooler=settings.database_pooler
    )
    return await open_postgres(
        settings.database, now, observe_batch, migrating=migrating, limits=limits
    )


def api_description(public_url: str) -> dict[str, Any]:
    """The HTTP API in OpenAPI 3.1, as served at `public_url`."""
    return document(OPERATIONS, public_url)


def limits_of(settings: Settings) -> Limits:
    """How much the gateway of one process takes on: never all the files that may be open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = settings.gateway_connections
    if files != resource.RLIM_INFINITY:
        room = min(room, max(files - _SPARE_FILES, 1))
    return Limits(
        connections=room,
        per_address=settings.gateway_connections_per_address,
        per_project=settings.gateway_connections_per_project,
        requests_per_second=settings.gateway_requests_per_second,
    )


def policy_of(settings: Settings) -> Policy:
    """The part of the settings that flows go by."""
    return Policy(
        issuer=settings.issuer,
        cluster_host=settings.cluster_host,
        regions=settings.regions,
        replay_cap=settings.replay_seconds,
        max_token_seconds=settings.max_token_seconds,
        max_session_seconds=settings.max_session_seconds,
        calls_per_minute=settings.calls_per_minute,
        embeds_per_minute=settings.embeds_per_minute,
        failures_per_minute=settings.failures_per_minute,
        private_webhooks=settings.private_webhooks,
        proof_age_seconds=settings.proof_age_seconds,
        proof_ahead_seconds=settings.proof_ahead_seconds,
        device_slack_seconds=settings.device_slack_seconds,
        strict_proofs=(
            None if "*" in settings.strict_proofs else frozenset(map(UUID, settings.strict_proofs))
        ),
    )


def external_urls(policy: Policy, public_url: str, demo: Demo | None = None) -> frozenset[str]:
    """Every URL under which the API is reached from outside, without a slash at the end.

    Browser SDKs reach it at `fabric.<domain>`, of the domain that a cluster host is in. A
    development server is also called by the name that everybody has for this machine.
    """
    urls = {public_url}
    urls |= {f"https://fabric.{host.partition('.')[2]}" for host in policy.cluster_hosts}
    for listener in () if demo is None else (demo.http, demo.https):
        parts = urlsplit(listener)
        urls |= {listener, f"{parts.scheme}://localhost:{parts.port}"}
    return frozenset(urls)


def sqlite_path(database: str) -> Path:
    """The file that `sqlite:///path` names: relative with three slashes, absolute with four.

    Raises:
        SettingsError: it names no SQLite file.
    """
    path = unquote(database.removeprefix(_SQLITE))
    if not database.startswith(_SQLITE) or not path:
        raise SettingsError(
            "database must be of the form sqlite:///path/to/file or postgresql://user@host/name"
        )
    return Path(path)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
