"""From settings to the whole server as one value: the only place that names concrete parts."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import structlog

from satmint.flows.callers import Callers
from satmint.flows.mint import Mint, Policy
from satmint.http.cors import Cors
from satmint.http.edge import Edge
from satmint.http.metrics import Metrics
from satmint.http.openapi import document
from satmint.http.operations import Desk
from satmint.http.resources import OPERATIONS
from satmint.jose import KeyringError, Safe
from satmint.keyring_file import open_keyring, read_keyring
from satmint.model.clock import Clock, SystemClock
from satmint.model.demo import Demo
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.model.refusals import StoreUnavailable
from satmint.settings import Settings, SettingsError
from satmint.store.sqlite import SqliteStore, open_sqlite

_SQLITE: Final = "sqlite:///"
_PURGE_EVERY_SECONDS: Final = 5.0
_PURGE_ROWS: Final = 500
_KEYRING_LOOK_EVERY_SECONDS: Final = 2.0


@dataclass(slots=True)
class Service:
    """The token service, assembled."""

    settings: Settings
    mint: Mint
    store: SqliteStore
    metrics: Metrics
    keyring_file: Path

    def app(self, public_url: str, demo: Demo | None = None) -> Edge:
        """The HTTP API as an ASGI application.

        Args:
            public_url: Where it is reached from outside; no slash at the end.
            demo: What the start page gives away, in development.
        """
        openapi = json.dumps(api_description(public_url), separators=(",", ":")).encode()
        desk = Desk(self.mint, Callers(self.mint), self.metrics, public_url, openapi, demo)
        return Edge(desk, OPERATIONS, Cors(self.settings.cors_origins))

    def reload_keyring(self) -> None:
        """Read the keyring file again. One that cannot be used is reported and not taken."""
        log = structlog.get_logger("satmint.keys")
        try:
            keyring = read_keyring(self.keyring_file)
        except (OSError, KeyringError) as error:
            log.error("keyring_not_reloaded", reason=str(error))
            return
        if keyring != self.mint.safe.keyring:
            self.mint.safe.reload(keyring)
            log.info("keyring_reloaded", active=keyring.active.id, keys=len(keyring.keys))

    async def watch_keyring(self) -> None:
        """Take a changed keyring file into use without being told to."""
        seen = _stamp(self.keyring_file)
        while True:
            await asyncio.sleep(_KEYRING_LOOK_EVERY_SECONDS)
            stamp = _stamp(self.keyring_file)
            if stamp != seen:
                seen = stamp
                self.reload_keyring()

    async def purge_for_ever(self) -> None:
        """Remove what is dead, a little at a time."""
        days = self.settings.event_retention_days
        while True:
            await asyncio.sleep(_PURGE_EVERY_SECONDS)
            now = self.mint.clock.now()
            try:
                await self.store.purge(now, now - days * 86_400, _PURGE_ROWS)
            except StoreUnavailable as trouble:
                structlog.get_logger("satmint.purge").warning("not_purged", cause=trouble.cause)


@asynccontextmanager
async def assembled(
    settings: Settings,
    *,
    create_keyring: bool = False,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
) -> AsyncIterator[Service]:
    """The service for `settings`, closed again at the end.

    Args:
        settings: What the operator decided.
        create_keyring: Whether to make a keyring where the file does not exist.
        clock: The machine's by default.
        entropy: The operating system's by default.

    Raises:
        SettingsError: the database is of no kind that is known, or there is no usable keyring.
        StoreUnavailable: the database cannot be opened.
        SchemaUnknown: it was written by another version.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    keyring_file = Path(settings.keyring)
    keyring = open_keyring(keyring_file, clock, entropy, create=create_keyring)
    metrics = Metrics()
    store = await open_sqlite(sqlite_path(settings.database), clock.now(), metrics.batches.observe)
    try:
        mint = Mint(store, Safe(keyring, entropy), clock, entropy, policy_of(settings))
        yield Service(settings, mint, store, metrics, keyring_file)
    finally:
        await store.close()


def api_description(public_url: str) -> dict[str, Any]:
    """The HTTP API in OpenAPI 3.1, as served at `public_url`."""
    return document(OPERATIONS, public_url)


def policy_of(settings: Settings) -> Policy:
    """The part of the settings that flows go by."""
    return Policy(
        issuer=settings.issuer,
        cluster_host=settings.cluster_host,
        regions=settings.regions,
        replay_cap=settings.replay_seconds,
        max_token_seconds=settings.max_token_seconds,
        max_session_seconds=settings.max_session_seconds,
        embeds_per_minute=settings.embeds_per_minute,
        failures_per_minute=settings.failures_per_minute,
    )


def sqlite_path(database: str) -> Path:
    """The file that `sqlite:///path` names: relative with three slashes, absolute with four.

    Raises:
        SettingsError: it names no SQLite file.
    """
    path = unquote(database.removeprefix(_SQLITE))
    if not database.startswith(_SQLITE) or not path:
        raise SettingsError("database must be of the form sqlite:///path/to/file")
    return Path(path)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
