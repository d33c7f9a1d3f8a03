"""`satmint serve`: the server."""

import inspect
import stat
from contextlib import closing
from pathlib import Path
from typing import Final

import structlog
import typer

from satmint.assembly import assembled
from satmint.cli.options import Config, Json, setting_parameters, settings_from
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.running import background_of, listen_on, run_server, url_of
from satmint.http.listen import Listener, Listening, serve
from satmint.logs import configure_logs
from satmint.settings import Settings

PANELS: Final = {
    "Listening": ("host", "port", "tls_cert", "tls_key", "public_url", "trusted_proxies"),
    "Data and keys": ("database", "keyring", "event_retention_days"),
    "Tokens": (
        "issuer",
        "cluster_host",
        "regions",
        "replay_seconds",
        "max_token_seconds",
        "max_session_seconds",
    ),
    "Protection": ("cors_origins", "embeds_per_minute", "failures_per_minute"),
    "Logs": ("log_format", "log_level"),
}

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_HELP: Final = """Run the server.

Every option below is also an environment variable (`--tls-cert`: `SATMINT_TLS_CERT`) and a key of
a TOML file (`tls_cert = "..."`). The command line goes before the environment, and that before
the file.

The server stops on SIGTERM and SIGINT once it has answered what is in flight. It reads the keyring
again on SIGHUP, and by itself when the file changes.
"""


def _serve(config: Path | None = None, as_json: bool = False, **given: object) -> None:
    if as_json:
        given["log_format"] = "json"
    settings = settings_from(given, config)
    configure_logs(settings.log_format, settings.log_level)
    tls = (None if path is None else Path(path) for path in (settings.tls_cert, settings.tls_key))
    with closing(listen_on(settings.host, settings.port, *tls)) as listener:
        run_server(settings, _run(listener, settings))


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


async def _run(listener: Listener, settings: Settings) -> None:
    log = structlog.get_logger("satmint.serve")
    bound = url_of(settings.host, listener)
    public_url = (settings.public_url or bound).rstrip("/")
    async with assembled(settings) as service:
        if not service.mint.policy.cluster_hosts:
            log.warning(
                "no_cluster_host",
                meaning="browser SDKs send tokens without one to the vendor's cloud",
                remedy="set --cluster-host",
            )

        if settings.public_url is None and settings.host in _EVERYWHERE:
            log.warning(
                "no_public_url",
                meaning=f"links in answers begin with {bound}",
                remedy="set --public-url",
            )
        file = service.keyring_file
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            log.warning("keyring_open_to_others", remedy=f"chmod 600 {file}")

        async def say() -> None:
            log.info("listening", url=bound, public_url=public_url)

        await serve(
            service.app(public_url),
            [listener],
            Listening(
                trusted_proxies=settings.trusted_proxies,
                on_ready=say,
                on_hangup=service.reload_keyring,
                background=background_of(service),
            ),
        )
        log.info("stopped")
