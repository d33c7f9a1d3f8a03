"""`satmint serve`: the server."""

import inspect
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import structlog
import typer

from satmint.assembly import Service, assembled
from satmint.cli.options import Config, Json, setting_parameters, settings_from
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.running import listen_together, run_server, url_of
from satmint.cli.serving import serve_on, warn_about
from satmint.cli.workers import Workers
from satmint.http.listen import Listener
from satmint.logs import configure_logs
from satmint.settings import Settings

PANELS: Final = {
    "Listening": (
        *("host", "port", "workers", "tls_cert", "tls_key", "public_url", "trusted_proxies"),
    ),
    "Data and keys": ("database", "keyring", "keyring_kek", "event_retention_days"),
    "Tokens": (
        "issuer",
        "cluster_host",
        "regions",
        "replay_seconds",
        "max_token_seconds",
        "max_session_seconds",
    ),
    "Client Bound SAT": (
        *("proof_age_seconds", "proof_ahead_seconds", "device_slack_seconds", "strict_proofs"),
    ),
    "Protection": (
        *("cors_origins", "calls_per_minute", "embeds_per_minute", "failures_per_minute"),
        "private_webhooks",
    ),
    "Gateway": (
        "gateway_connections",
        "gateway_connections_per_address",
        "gateway_connections_per_project",
        "gateway_requests_per_second",
    ),
    "Logs": ("log_format", "log_level"),
}


class Where(NamedTuple):
    """Two views of one address."""

    bound: str
    """Its URL on this machine."""
    public_url: str
    """Its URL from outside; no slash at the end."""


app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_HELP: Final = """Run the server.

Every option below is also an environment variable (`--tls-cert`: `SATMINT_TLS_CERT`) and a key of
a TOML file (`tls_cert = "..."`). The command line goes before the environment, and that before
the file.

The server stops on SIGTERM and SIGINT once it has answered what is in flight. It reads the keyring
again on SIGHUP, and by itself when the file changes. With several workers, SIGUSR2 replaces them
one by one, without a lost connection.
"""


def _serve(config: Path | None = None, as_json: bool = False, **given: object) -> None:
    if as_json:
        given["log_format"] = "json"
    settings = settings_from(given, config)
    configure_logs(settings.log_format, settings.log_level)
    tls = (None if path is None else Path(path) for path in (settings.tls_cert, settings.tls_key))
    with ExitStack() as closing_time:
        listeners = listen_together(settings.workers, settings.host, settings.port, *tls)
        for listener in listeners:
            closing_time.enter_context(closing(listener))
        bound = url_of(settings.host, listeners[0])
        where = Where(bound, (settings.public_url or bound).rstrip("/"))
        if len(listeners) == 1:
            run_server(settings, _alone(listeners[0], settings, where))
        else:
            run_server(settings, _many(listeners, settings, where))


def _signature() -> inspect.Signature:
    """`--config`, `--json` and every setting."""
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


async def _alone(listener: Listener, settings: Settings, where: Where) -> None:
    async def say(_service: Service) -> None:
        warn_about(settings, where.bound)
        log.info("listening", url=where.bound, public_url=where.public_url)

    log = structlog.get_logger("satmint.serve")
    await serve_on(listener, settings, where.public_url, say)
    log.info("stopped")


async def _many(listeners: Sequence[Listener], settings: Settings, where: Where) -> None:
    async def say() -> None:
        log.info("listening", url=where.bound, public_url=where.public_url, workers=len(listeners))

    log = structlog.get_logger("satmint.serve")
    async with assembled(settings):
        pass  # so that what is wrong with the settings is said once, by this process
    warn_about(settings, where.bound)
    with TemporaryDirectory(prefix="satmint-") as folder:
        await Workers(settings, listeners, where.public_url, folder).run(say)
    log.info("stopped")
