"""Assembles the console of a server process."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from satmint.assembly import Service
from satmint.console import Console, ConsoleContext
from satmint.console.context import FeedReader, HistoryReader
from satmint.console.development import Development
from satmint.console.health import CheckResult, Health
from satmint.console.session import Seals
from satmint.console.settings_view import SettingInForce
from satmint.console.sign_in_link import sign_in_link
from satmint.console_keyring import ServiceKeyring
from satmint.doctor import Level
from satmint.doctor.examination import ExaminationContext, examine
from satmint.flows.revocation_status import FeedStatus, feed_status
from satmint.http.metrics_history import History, Range
from satmint.keyring_file import absolute_file, open_keyring
from satmint.model.clock import Clock
from satmint.model.database_reasons import database_reason
from satmint.model.database_url import without_password
from satmint.model.entropy import Entropy
from satmint.settings import FIELDS, Settings, describe
from satmint.settings_sources import absolute_paths

_TONES: Final = {Level.OK: "good", Level.WARNING: "warn", Level.ERROR: "bad", Level.SKIPPED: ""}


def seals_of(service: Service) -> Seals:
    """What seals the console's sessions and sign-in links."""
    return Seals(lambda: service.services.cipher.keyring, service.services.entropy)


def console_context(
    service: Service,
    url: str,
    public_url: str,
    sources: Mapping[str, str],
    clock: Clock | None = None,
    ca_file: Path | None = None,
    development: Development | None = None,
) -> ConsoleContext:
    """What the pages of the console need.

    Args:
        service: The service.
        url: The URL of the admin listener, without a slash at the end.
        public_url: The server's URL from outside, without a slash at the end.
        sources: Where settings come from, by name; see `sources_of`.
        clock: In development, the clock of the console's sessions, which nobody moves.
        ca_file: In development, the CA certificate of the server.
        development: In development, what the server offers.
    """
    handling = service.context(url)
    return ConsoleContext(
        services=service.services,
        callers=handling.callers,
        metrics=service.metrics,
        seals=seals_of(service),
        clock=clock or service.services.clock,
        url=url,
        public_url=public_url,
        history=_history_of(service),
        feeds=_feeds_of(service),
        keyring=ServiceKeyring(service),
        settings=settings_in_force(service.settings, sources),
        health=Health(partial(_examine, service, ca_file)),
        sender=service.sender,
        development=development,
    )


def settings_in_force(settings: Settings, sources: Mapping[str, str]) -> Sequence[SettingInForce]:
    """Every setting with its value and where it comes from, without secrets.

    Args:
        settings: The settings.
        sources: See `sources_of`.
    """
    return [
        SettingInForce(
            field.name,
            _value_text(field.name, getattr(settings, field.name)),
            sources.get(field.name, ""),
            describe(field.name),
        )
        for field in FIELDS
    ]


def _value_text(name: str, value: object) -> str:
    """A setting's value as it is written in a variable."""
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={one or ''}" for key, one in value.items())
    return without_password(value) if name == "database" and isinstance(value, str) else str(value)


def _history_of(service: Service) -> HistoryReader:
    async def read(wanted: Range) -> tuple[History, int]:
        if service.aggregator is not None:
            return await service.aggregator.history(wanted)
        return service.history.read(wanted), 0

    return read


def _feeds_of(service: Service) -> FeedReader:
    async def read() -> Sequence[FeedStatus | None]:
        if service.aggregator is not None:
            return await service.aggregator.feeds()
        return [feed_status(service.gateway.revocation_hub)]

    return read


async def _examine(service: Service, ca_file: Path | None) -> Sequence[CheckResult]:
    """What `satmint doctor` finds, and what this process knows by itself."""
    known = [
        CheckResult(name, "warn", name.replace("_", " "), "see `/readyz`, and the log")
        for name in service.warnings()
    ]
    if service.watch.cause:
        reason = database_reason(service.watch.cause)
        known.append(CheckResult("database", "bad", reason, "until then, writes are refused"))
    try:
        context = ExaminationContext(ca_file=ca_file)
        findings = await examine(absolute_paths(service.settings), service.services, context)
    except Exception:  # noqa: BLE001 - a check with a bug must not hide the others' page
        structlog.get_logger("satmint.console").exception("failed", route="health")
        return (*known, CheckResult("doctor", "", "the deployment could not be examined"))
    return [
        *known,
        *(
            CheckResult(finding.check, _TONES[finding.level], finding.summary, finding.remedy)
            for finding in findings
        ),
    ]


def console_of(
    service: Service,
    url: str,
    public_url: str,
    sources: Mapping[str, str],
    clock: Clock | None = None,
    ca_file: Path | None = None,
    development: Development | None = None,
) -> Console:
    """The console as an ASGI application; see `console_context`."""
    return Console(console_context(service, url, public_url, sources, clock, ca_file, development))


def link_from_keyring(settings: Settings, admin_url: str, clock: Clock, entropy: Entropy) -> str:
    """A link that signs in the operator, made without the server.

    Args:
        settings: Where the keyring is.
        admin_url: The URL of the admin listener, without a slash at the end.
        clock: For the link's expiry.
        entropy: For its id.

    Raises:
        SettingsError: there is no usable keyring.
    """
    file = absolute_file(settings.keyring)
    keyring = open_keyring(file, clock, entropy, create=False, kek=settings.keyring_kek)
    return sign_in_link(Seals(lambda: keyring, entropy), admin_url, clock.now())
