"""`satmint dev`: a development server on this machine."""

import os
from contextlib import ExitStack, closing
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from uuid import UUID

import msgspec
import structlog
import typer
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from satmint.assembly import assembled
from satmint.cli.browser_sdk import browser_sdk
from satmint.cli.certificate import Certificate, ensure_certificate
from satmint.cli.demo import contents_of, demo_settings, ensure_demo, sqlite_url
from satmint.cli.documentation import find_documentation
from satmint.cli.errors import error_reason
from satmint.cli.options import Json, LogLevel, log_unknown_variables, settings_from
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.report import Failure, Report, UsageError, format_properties
from satmint.cli.running import (
    background_of,
    listen_on,
    run_server,
    stop_at_end_of_input,
    url_of,
)
from satmint.cli.serving import ADMIN_LIMITS, options_of
from satmint.console.sign_in_link import development_operations, sign_in_link
from satmint.console_assembly import console_of, seals_of
from satmint.console_development import DevelopmentTools
from satmint.control import (
    DOCUMENTATION_PAGE,
    REFERENCE_PAGE,
    Control,
    DemoContents,
    control_operations,
    development_application,
    documentation_operations,
)
from satmint.environment import setting_variables
from satmint.logs import configure_logs
from satmint.model.clock import SystemClock
from satmint.model.database_url import without_password
from satmint.model.demo import BrowserSdk, Demo
from satmint.model.secrets import HidesFields
from satmint.server import LifecycleHooks, Listener, ListenerApp, ServerCertificate, serve
from satmint.settings import Settings
from satmint.settings_sources import absolute_paths

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_FOR_SERVE: Final = "use `satmint serve`"
_OWN_SETTINGS: Final = {
    "host": "pass --host; a development server listens on loopback only",
    "database": "pass --database",
    "keyring": "pass --data, the folder of the keyring",
    **dict.fromkeys(("cluster_host", "public_url", "tls_cert", "tls_key", "workers"), _FOR_SERVE),
}
"""What to do instead of setting the variable of a setting that `satmint dev` chooses by itself."""

_SOURCES: Final = dict.fromkeys((*_OWN_SETTINGS, "port"), "satmint dev")
"""What the console says of the settings that are chosen here."""


@app.command(cls=PlainCommand, context_settings=HELP_NAMES)
def dev(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="N",
            show_default=False,
            help="Port for http; 0: any free port. Default: `SATMINT_PORT`, or 8080.",
        ),
    ] = None,
    https_port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port for https; 0: any free port.")
    ] = 8443,
    host: Annotated[
        str, typer.Option(metavar="TEXT", help="The address to listen on; loopback only.")
    ] = "127.0.0.1",
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The database. Default: an SQLite file in --data."),
    ] = None,
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder for persistent data.")
    ] = Path(".satmint"),
    sdk: Annotated[
        Path | None,
        typer.Option(
            "--browser-sdk",
            metavar="FILE",
            help="The vendor's browser SDK (4.x, UMD build) for the page `/try`.",
        ),
    ] = None,
    until_eof: Annotated[
        bool,
        typer.Option(
            "--until-eof",
            help="Stop when standard input ends: with the program that has started the server.",
        ),
    ] = False,
    log_level: LogLevel = "info",
    as_json: Json = False,
) -> None:
    """Run a development server on this machine.

    Creates a database, a keyring, a certificate and a demo project, serves http and https, and
    prints commands to try. A restart keeps the data.

    Set the port and other settings as for `satmint serve`: with `SATMINT_...` variables, or in the
    file that `SATMINT_CONFIG` names. The address, the database, the keyring and https are its own.
    """
    if not _is_loopback(host):
        raise UsageError(
            f"`satmint dev` cannot listen on {host}, only on loopback: use `satmint serve`"
        )
    report = Report(as_json=as_json)
    report.require_output()
    found = browser_sdk(sdk)
    configure_logs("json" if as_json else "console", log_level)
    configured = settings_from({"port": port}, config=None)
    log_unknown_variables(configured)
    _log_own_settings()
    data = data.absolute()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate = ensure_certificate(data, SystemClock().now())
        served_certificate = ServerCertificate(certificate.chain, certificate.key)
    except OSError as error:
        raise Failure(f"cannot write to the data folder: {error_reason(error)}") from error
    with ExitStack() as open_listeners:
        http = open_listeners.enter_context(closing(listen_on(host, configured.port)))
        https = listen_on(host, https_port, served_certificate)
        open_listeners.enter_context(closing(https))
        settings = absolute_paths(
            settings_from(
                {
                    "host": host,
                    "port": http.port,
                    "database": database or sqlite_url(data / "satmint.db"),
                    "keyring": str(data / "keyring.json"),
                    "cluster_host": f"puc.localhost:{https.port}",
                    **demo_settings(),
                },
                config=None,
            )
        )
        admin = _admin_listener(host, settings.admin_port)
        if admin is not None:
            open_listeners.enter_context(closing(admin))
        listeners = DevListeners(http, https, admin)
        if until_eof:
            stop_at_end_of_input()
        run_server(settings, _run(listeners, settings, certificate, found, report))


def _log_own_settings() -> None:
    """Warn of variables of settings that a development server chooses by itself."""
    log = structlog.get_logger("satmint.dev")
    for name, (variable, _) in setting_variables(os.environ).items():
        if name in _OWN_SETTINGS:
            remedy = _OWN_SETTINGS[name]
            log.warning("variable_ignored", variable=variable, remedy=remedy)


class DevListeners(NamedTuple):
    """The listeners of a development server."""

    http: Listener
    https: Listener
    admin: Listener | None


def _admin_listener(host: str, port: int) -> Listener | None:
    """The admin listener. If its port is taken, it uses a free one. None: it is off."""
    if not port:
        return None
    try:
        return listen_on(host, port)
    except Failure:
        return listen_on(host, 0)


class ReadyAddress(msgspec.Struct, frozen=True):
    """A demo address in the output of `--json`."""

    id: UUID
    name: str
    context: str
    type: str


class Ready(HidesFields, msgspec.Struct, frozen=True, kw_only=True):
    """The line that `satmint dev --json` prints when the server serves requests."""

    ready: bool = True
    http: str
    https: str
    cluster_host: str
    project_id: UUID
    api_token: str
    c2c_token: str
    addresses: tuple[ReadyAddress, ...]
    database: str
    ca_file: str
    admin: str | None
    console: str | None
    """A link that signs in the operator."""


async def _run(
    listeners: DevListeners,
    settings: Settings,
    certificate: Certificate,
    sdk: BrowserSdk,
    report: Report,
) -> None:
    data = certificate.ca.parent
    http, https = url_of(settings.host, listeners.http), url_of(settings.host, listeners.https)
    admin = None if listeners.admin is None else url_of(settings.host, listeners.admin)
    control, documentation = Control(SystemClock()), find_documentation()
    async with assembled(
        settings, create_keyring=True, migrating=True, clock=control.clock, cipher=control.cipher
    ) as service:
        control.shorten_session = service.gateway.shorten_session
        seals, clock = seals_of(service), SystemClock()
        project = await ensure_demo(data, service.services, settings, admin)
        demo = Demo(
            project_id=project.id,
            api_token=project.api_token,
            c2c_token=project.c2c_token,
            addresses=project.addresses,
            http=http,
            https=https,
            ca_file=certificate.ca,
            browser_sdk=sdk,
            bad_days=REFERENCE_PAGE,
            documentation=None if documentation.folder is None else DOCUMENTATION_PAGE,
            documentation_command=documentation.command,
            console=None if admin is None else f"{http}/console",
        )

        async def announce() -> None:
            if report.as_json:
                link = None if admin is None else sign_in_link(seals, admin, clock.now())
                report.write_json(_ready(demo, settings, admin, link))
            else:
                _show(report, demo, settings, admin)

        async def stop() -> None:
            control.stop()
            await service.gateway.stop()

        contents = DemoContents(project.id, await contents_of(service.services, project))
        operations = control_operations(control, http, contents)
        if documentation.folder is not None:
            operations = (*operations, *documentation_operations(documentation.folder))
        if admin is not None:
            operations = (*operations, *development_operations(seals, admin, clock))
        app = development_application(control, service.app(http, demo, operations))
        apps = [ListenerApp(app, listeners.http), ListenerApp(app, listeners.https)]
        if listeners.admin is not None and admin is not None:
            admin_app = service.admin_app(
                admin,
                console_of(
                    service,
                    admin,
                    http,
                    _SOURCES,
                    clock,
                    certificate.ca,
                    DevelopmentTools(control, service),
                ),
            )
            apps.append(ListenerApp(admin_app, listeners.admin, ADMIN_LIMITS))
        await serve(
            apps,
            options_of(settings, service, send_date=False),
            LifecycleHooks(
                on_ready=announce,
                on_hangup=service.reload_files,
                on_stop=stop,
                background=background_of(service),
            ),
        )
        if service.guard.copied is not None:
            raise service.guard.copied
        structlog.get_logger("satmint.dev").info("stopped")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _ready(demo: Demo, settings: Settings, admin: str | None, console: str | None) -> Ready:
    return Ready(
        http=demo.http,
        https=demo.https,
        cluster_host=settings.cluster_host or "",
        project_id=demo.project_id,
        api_token=demo.api_token.reveal(),
        c2c_token=demo.c2c_token.reveal(),
        addresses=tuple(
            ReadyAddress(address.id, address.name, address.context, address.type.value)
            for address in demo.addresses
        ),
        database=without_password(settings.database),
        ca_file=str(demo.ca_file),
        admin=admin,
        console=console,
    )


_PYTHON = """\
from signalwire.rest import RestClient

client = RestClient()  # reads the three variables
tokens = client.fabric.tokens
made = tokens.create_subscriber_token(reference="alice@example.com")
fresh = tokens.refresh_subscriber_token(refresh_token=made["refresh_token"])
print(fresh["token"])"""


def _documentation(demo: Demo) -> dict[str, str]:
    """The line on the documentation site: where it is, or what builds it."""
    if demo.documentation is not None:
        return {"documentation": f"{demo.http}{demo.documentation}"}
    if demo.documentation_command is not None:
        return {"documentation": f"not built: {demo.documentation_command}, then start again"}
    return {}


def _show(report: Report, demo: Demo, settings: Settings, admin: str | None) -> None:
    """Print the URLs in a frame, and the commands without one, so that they can be copied."""
    places = [f"/{address.context}/{address.name}" for address in demo.addresses]
    shown = format_properties(
        {
            "start page": demo.http,
            **({} if admin is None else {"console": f"{demo.http}/console"}),
            "token lifecycle": f"{demo.http}/try",
            "fault injection": f"{demo.http}{demo.bad_days}",
            **_documentation(demo),
            "https": f"{demo.https}  (signed by ca.pem)",
            "cluster host": settings.cluster_host,
            "addresses": ", ".join(places),
            "Click-to-Call token": demo.c2c_token.reveal(),
            "metrics": "off" if admin is None else f"{admin}/metrics",
            "data": str(demo.ca_file.parent),
        }
    )
    frame = Panel(
        Group(*shown), title="satmint dev (this machine only)", title_align="left", expand=False
    )
    report.write_line()
    report.write_drawing(frame)
    for heading, text in (
        ("1. In another terminal, set the credentials", demo.exports()),
        ("2. Create tokens with curl", demo.curl()),
        ("or with Python", _PYTHON),
    ):
        report.write_line()
        report.write_line(Text(heading, "bold cyan"))
        report.write_line()
        report.write_line(text)
    report.write_line()
    report.write_line(Text("Press Ctrl-C to stop. The next start uses the same project.", "dim"))
    report.write_line()
