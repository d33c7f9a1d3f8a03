"""`satmint dev`: everything for a first try in one command, on this machine only."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
import typer
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from satmint.assembly import assembled
from satmint.cli.browser_sdk import browser_sdk
from satmint.cli.certificate import Certificate, certificate_in
from satmint.cli.demo import demo_in, sqlite_url
from satmint.cli.options import Json, LogLevel, settings_from
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.report import Failure, Misuse, Report, facts
from satmint.cli.running import background_of, listen_on, run_server, url_of
from satmint.cli.trouble import because
from satmint.control import REFERENCE_PAGE, Control, ControlledEdge
from satmint.http.listen import Listener, Listening, serve
from satmint.logs import configure_logs
from satmint.model.clock import SystemClock
from satmint.model.database_url import without_password
from satmint.model.demo import BrowserSdk, Demo
from satmint.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command(cls=PlainCommand, context_settings=HELP_NAMES)
def dev(
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port for http; 0 picks a free one.")
    ] = 8080,
    https_port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port for https; 0 picks a free one.")
    ] = 8443,
    host: Annotated[
        str, typer.Option(metavar="TEXT", help="A loopback address: no other is allowed.")
    ] = "127.0.0.1",
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Another database than the SQLite file under --data."),
    ] = None,
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Where everything is kept between runs.")
    ] = Path(".satmint"),
    sdk: Annotated[
        Path | None,
        typer.Option(
            "--browser-sdk",
            metavar="FILE",
            help="The vendor's browser SDK (4.x, UMD build) for the page `/try`.",
        ),
    ] = None,
    log_level: LogLevel = "info",
    as_json: Json = False,
) -> None:
    """Run everything for a first try, on this machine only.

    Makes a database, a keyring, a certificate and a demo project with its credentials, serves http
    and https, and prints what to paste. A restart keeps all of it.

    Whatever has no option here is set as for `satmint serve`: by `SATMINT_...` variables, or in the
    file that `SATMINT_CONFIG` names.
    """
    if not _is_loopback(host):
        raise Misuse(f"`satmint dev` listens on loopback only, not on {host}: use `satmint serve`")
    found = browser_sdk(sdk)
    configure_logs("json" if as_json else "console", log_level)
    data = data.absolute()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate = certificate_in(data, SystemClock().now())
    except OSError as error:
        raise Failure(f"cannot keep anything there: {because(error)}") from error
    with (
        closing(listen_on(host, port)) as http,
        closing(listen_on(host, https_port, certificate.chain, certificate.key)) as https,
    ):
        settings = settings_from(
            {
                "host": host,
                "port": http.port,
                "database": database or sqlite_url(data / "satmint.db"),
                "keyring": str(data / "keyring.json"),
                "cluster_host": f"puc.localhost:{https.port}",
            },
            config=None,
        )
        report = Report(as_json=as_json)
        run_server(settings, _run((http, https), settings, certificate, found, report))


class ReadyAddress(msgspec.Struct, frozen=True):
    """A demo address in the line of `--json`."""

    id: UUID
    name: str
    context: str
    type: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The one line that `satmint dev --json` prints, once it answers."""

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

    def __repr__(self) -> str:
        return "Ready(hidden)"


async def _run(
    listeners: Sequence[Listener],
    settings: Settings,
    certificate: Certificate,
    sdk: BrowserSdk,
    report: Report,
) -> None:
    data = certificate.ca.parent
    http, https = (url_of(settings.host, listener) for listener in listeners)
    control = Control(SystemClock())
    async with assembled(
        settings, create_keyring=True, migrating=True, clock=control.clock, safe=control.safe
    ) as service:
        control.curtail = service.gateway.curtail
        project = await demo_in(data, service.mint, settings)
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
        )

        async def say() -> None:
            if report.as_json:
                report.value(_ready(demo, settings))
            else:
                _show(report, demo, settings)

        async def stop() -> None:
            control.stop()
            await service.gateway.stop()

        await serve(
            service.app(http, demo, partial(ControlledEdge, control)),
            listeners,
            Listening(
                on_ready=say,
                on_hangup=service.look_at_keyring,
                on_stop=stop,
                background=background_of(service),
                own_date=True,
            ),
        )
        structlog.get_logger("satmint.dev").info("stopped")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _ready(demo: Demo, settings: Settings) -> Ready:
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
    )


_PYTHON = """\
from signalwire.rest import RestClient

client = RestClient()  # takes the three variables
tokens = client.fabric.tokens
made = tokens.create_subscriber_token(reference="alice@example.com")
fresh = tokens.refresh_subscriber_token(refresh_token=made["refresh_token"])
print(fresh["token"])"""


def _show(report: Report, demo: Demo, settings: Settings) -> None:
    """For people: where it is in a frame; what is to be pasted without one."""
    places = [f"/{address.context}/{address.name}" for address in demo.addresses]
    shown = facts(
        {
            "start page": demo.http,
            "a token's life": f"{demo.http}/try",
            "bad days": f"{demo.http}{demo.bad_days}",
            "for browsers": f"{demo.https}  (signed by ca.pem)",
            "cluster host": settings.cluster_host,
            "addresses": ", ".join(places),
            "C2C token": demo.c2c_token.reveal(),
            "kept in": str(demo.ca_file.parent),
        }
    )
    frame = Panel(
        Group(*shown), title="satmint dev: on this machine only", title_align="left", expand=False
    )
    report.line()
    report.show(frame)
    for heading, text in (
        ("1. In another terminal, say who you are", demo.exports()),
        ("2. Get tokens with curl", demo.curl()),
        ("or with Python", _PYTHON),
    ):
        report.line()
        report.line(Text(heading, "bold cyan"))
        report.line()
        report.line(text)
    report.line()
    report.line(Text("Ctrl-C ends it; the next start goes on with the same project.", "dim"))
    report.line()
