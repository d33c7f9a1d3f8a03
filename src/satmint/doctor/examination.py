"""Examines a deployment: all checks, concurrently, each within its deadline."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from satmint.doctor.configuration import examine_settings
from satmint.doctor.database import examine_database
from satmint.doctor.disk import examine_disk
from satmint.doctor.finding import Finding, error, ok, skipped
from satmint.doctor.http_client import HttpClient
from satmint.doctor.keyring import examine_keyring, read_keyring
from satmint.doctor.public_urls import PublicUrls
from satmint.doctor.server import (
    examine_admin_listener,
    examine_local_server,
    files_finding,
    key_uses_finding,
)
from satmint.doctor.tls import examine_certificate
from satmint.flows.service_context import ServiceContext
from satmint.jose import Keyring
from satmint.model.clock import SystemClock
from satmint.policies import RESERVED_FILES, max_connections
from satmint.settings import Settings

GROUPS: Final = {
    "settings": "Settings",
    "keyring": "Keyring",
    "database": "Database",
    "postgres": "PostgreSQL",
    "disk": "Disk",
    "limits": "Limits",
    "tls": "TLS certificate",
    "server": "Server",
    "admin": "Admin listener",
    "public": "Public URL",
    "cluster": "Cluster host",
}
"""The groups of checks with their titles, in the order in which they are shown."""

_DEADLINE_SECONDS: Final = 20.0
"""For each part; what it asks has shorter deadlines of its own."""


@dataclass(frozen=True, slots=True)
class ExaminationContext:
    """What an examination needs besides the settings."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    """The environment, with `SATMINT_…` variables."""
    ca_file: Path | None = None
    """Certificates to trust besides those of the system, in PEM."""


async def examine(
    settings: Settings,
    services: ServiceContext | None = None,
    context: ExaminationContext | None = None,
) -> Sequence[Finding]:
    """Examine a deployment. Nothing of it is changed.

    The only file that is written is a temporary one in the folder of an SQLite database, by which
    the disk is measured.

    Args:
        settings: The settings of its servers, with absolute paths or in their folder.
        services: The context of the server process that asks; its own listeners are then not
            examined. None: the caller is another process.
        context: The environment, and whom to trust. Default: those of this process.

    Returns:
        The findings by group.
    """
    around = context or ExaminationContext()
    now = SystemClock().now()
    if services is None:
        keyring, readable = await asyncio.to_thread(read_keyring, settings)
    else:
        keyring = services.cipher.keyring
        readable = ok("keyring.readable", "the server uses the keyring")
    client = HttpClient(around.ca_file)
    parts: list[tuple[str, Awaitable[Sequence[Finding]]]] = [
        ("database.reachable", examine_database(settings, keyring)),
        ("disk.data_space", _in_thread(lambda: examine_disk(settings))),
        ("tls.certificate", _in_thread(lambda: examine_certificate(settings, now))),
        ("server.live", _network(settings, keyring, client, services)),
    ]
    found = await asyncio.gather(*(_within_deadline(check, part) for check, part in parts))
    findings = [
        *examine_settings(settings, around.environment),
        readable,
        *examine_keyring(settings, keyring, now),
        *(finding for part in found for finding in part),
    ]
    order = list(GROUPS)
    return sorted(findings, key=lambda finding: order.index(finding.group))


async def _network(
    settings: Settings,
    keyring: Keyring | None,
    client: HttpClient,
    services: ServiceContext | None,
) -> Sequence[Finding]:
    """What is asked over HTTP: whether a server answers decides how the rest is judged."""
    findings: list[Finding] = []
    is_running = True
    if services is None:
        of_server, is_running = await examine_local_server(settings, keyring, client)
        findings += of_server
    else:
        findings.append(files_finding(settings, max_connections() + RESERVED_FILES))
        findings.append(key_uses_finding(services.cipher.uses))
    if keyring is None:
        reason = "the keyring cannot be read"
        findings += [skipped("public.url", reason), skipped("cluster.gateway", reason)]
        return [
            *findings,
            *await examine_admin_listener(settings, client, is_running=is_running),
        ]
    urls = PublicUrls(settings, keyring, client, is_running=is_running)
    admin = examine_admin_listener(settings, client, is_running=is_running and services is None)
    for found in await asyncio.gather(admin, urls.examine()):
        findings += found
    return findings


async def _in_thread(check: Callable[[], Iterable[Finding]]) -> Sequence[Finding]:
    return await asyncio.to_thread(lambda: list(check()))


async def _within_deadline(check: str, part: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            return await part
    except TimeoutError:
        text = f"there was no result within {_DEADLINE_SECONDS:g} s"
        return [error(check, text, "look at the load of this machine and of its disk")]
