"""`satmint serve`: run the server."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final, NamedTuple

import structlog
import typer

from satmint.assembly import assembled
from satmint.cli.options import (
    Config,
    Json,
    log_unknown_variables,
    setting_parameters,
    settings_from,
    sources_from,
)
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.report import Failure
from satmint.cli.running import certificate_of, listen_shared, run_server, url_of
from satmint.cli.service_manager import notify_ready
from satmint.cli.serving import Listeners, serve_on, warn_about
from satmint.cli.socket_folder import socket_folder
from satmint.cli.workers import Supervisor
from satmint.logs import configure_logs
from satmint.model.database_reasons import is_temporary
from satmint.model.refusals import StoreUnavailable
from satmint.server import Listener
from satmint.settings import Settings
from satmint.settings_sources import absolute_paths

PANELS: Final = {
    "Listening": (
        *("host", "port", "workers", "worker_timeout_seconds", "tls_cert", "tls_key"),
        *("hsts_seconds", "public_url", "trusted_proxies"),
        *("admin_host", "admin_port", "admin_url"),
    ),
    "Data and keys": ("database", "keyring", "keyring_kek", "event_retention_days"),
    "Tokens": (
        "issuer",
        "cluster_host",
        "regions",
        "replay_seconds",
        "max_token_seconds",
        "max_session_seconds",
        "max_invite_seconds",
    ),
    "Client Bound SAT": (
        *("proof_age_seconds", "proof_ahead_seconds", "device_slack_seconds", "strict_proofs"),
    ),
    "Protection": (
        *("cors_origins", "calls_per_minute", "embeds_per_minute", "failures_per_minute"),
        *("invites_per_minute", "invites_per_session"),
        *("keep_alive_seconds", "connections_per_address", "private_webhooks"),
    ),
    "Gateway": (
        "gateway_connections",
        "gateway_connections_per_address",
        "gateway_connections_per_project",
        *("gateway_temporary_percent", "gateway_connections_per_session"),
        "gateway_connections_per_click_to_call",
        "gateway_requests_per_second",
    ),
    "Logs": ("log_format", "log_level"),
}


class ServerUrls(NamedTuple):
    """The URLs of a server."""

    bound: str
    """The URL of the public listener on this machine."""
    public_url: str
    """The URL from outside, without a slash at the end."""
    admin: str | None
    """The URL of the admin listener. None: the admin listener is off."""


app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_HELP: Final = """Run the server.

Each option is also an environment variable (`--tls-cert`: `SATMINT_TLS_CERT`) and a key of a TOML
file (`tls_cert = "..."`). Options override environment variables, and these override the file.

SIGTERM and SIGINT stop the server after it has answered the requests in progress. The server reads
the keyring and the certificate again on SIGHUP and when the files change. With several workers,
SIGUSR2 replaces them one by one without losing a connection, and workers that exit or hang are
replaced.
"""


def _serve(config: Path | None = None, as_json: bool = False, **given: object) -> None:
    if as_json:
        given["log_format"] = "json"
    settings = absolute_paths(settings_from(given, config))
    sources = sources_from(given, config)
    configure_logs(settings.log_format, settings.log_level)
    log_unknown_variables(settings)
    certificate = certificate_of(settings)
    with ExitStack() as open_listeners:
        listeners = listen_shared(settings.workers, settings.host, settings.port, certificate)
        for listener in listeners:
            open_listeners.enter_context(closing(listener))
        admin: list[Listener] = []
        if settings.admin_port:
            try:
                admin = listen_shared(settings.workers, settings.admin_host, settings.admin_port)
            except Failure as failure:
                remedy = "choose another port with --admin-port, or turn it off with 0"
                raise Failure(f"admin listener: {failure}; {remedy}") from failure
            for listener in admin:
                open_listeners.enter_context(closing(listener))
        bound = url_of(settings.host, listeners[0])
        admin_url = url_of(settings.admin_host, admin[0]) if admin else None
        urls = ServerUrls(bound, settings.public_url or bound, admin_url)
        if len(listeners) == 1:
            single = Listeners(listeners[0], admin[0] if admin else None)
            run_server(settings, _serve_single(single, settings, urls, sources))
        else:
            run_server(settings, _serve_workers(listeners, admin, settings, urls, sources))


def _signature() -> inspect.Signature:
    """The parameters of the command: `--config`, `--json` and every setting."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter("config", keyword, default=None, annotation=Config),
            inspect.Parameter("as_json", keyword, default=False, annotation=Json),
            *setting_parameters(PANELS),
        ]
    )


_serve.__signature__ = _signature()  # type: ignore[attr-defined]
app.command("serve", cls=PlainCommand, help=_HELP, context_settings=HELP_NAMES)(_serve)


async def _serve_single(
    listeners: Listeners, settings: Settings, urls: ServerUrls, sources: Mapping[str, str]
) -> None:
    async def log_ready() -> None:
        warn_about(settings, urls.bound)
        _log_admin_listener(urls)
        log.info("listening", url=urls.bound, public_url=urls.public_url)
        notify_ready()

    log = structlog.get_logger("satmint.serve")
    await serve_on(listeners, settings, urls.public_url, log_ready, sources=sources)
    log.info("stopped")


async def _serve_workers(
    listeners: Sequence[Listener],
    admin: Sequence[Listener],
    settings: Settings,
    urls: ServerUrls,
    sources: Mapping[str, str],
) -> None:
    async def log_ready() -> None:
        _log_admin_listener(urls)
        log.info("listening", url=urls.bound, public_url=urls.public_url, workers=len(listeners))
        notify_ready()

    log = structlog.get_logger("satmint.serve")
    try:
        async with assembled(settings):
            pass  # reports an error in the settings once, instead of once in each worker
    except StoreUnavailable as error:
        if not is_temporary(error.cause):
            raise
    warn_about(settings, urls.bound)
    with socket_folder() as folder:
        supervisor = Supervisor(settings, listeners, admin, urls.public_url, folder, sources)
        await supervisor.run(log_ready)
    log.info("stopped")


def _log_admin_listener(urls: ServerUrls) -> None:
    if urls.admin is not None:
        structlog.get_logger("satmint.serve").info(
            "admin_listening",
            url=urls.admin,
            meaning="/metrics is here and needs no credentials: do not expose this address",
            console="run `satmint console` for a link to the console",
        )
