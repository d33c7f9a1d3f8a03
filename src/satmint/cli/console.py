"""`satmint console`: print a link that signs in the operator to the console."""

import webbrowser
from typing import Annotated, Final

import typer

from satmint.cli.command import CommandContext, command
from satmint.cli.report import Failure, UsageError
from satmint.cli.running import authority
from satmint.console.session import LINK_SECONDS
from satmint.console_assembly import link_from_keyring
from satmint.model.web_addresses import InvalidWebAddress, normal_base_url
from satmint.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_ALL_INTERFACES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not to listen


@command(app, "console")
def console(
    ctx: CommandContext,
    open_: Annotated[
        bool, typer.Option("--open", metavar="", help="Open the link in a browser.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="The URL of the admin listener. Default: `admin_url`, or `admin_host` and"
            " `admin_port`.",
        ),
    ] = None,
) -> None:
    """Print a link that signs in to the console as the operator of the deployment.

    The link works once, within a minute. It is made with the keyring, which only the operator can
    read.
    """
    link = link_from_keyring(ctx.settings, _admin_url(ctx.settings, url), ctx.clock, ctx.entropy)
    ctx.report.write_json({"url": link, "expires_in": LINK_SECONDS})
    ctx.report.write_line(link)
    if open_ and not webbrowser.open(link):
        raise Failure("no browser was found: open the link yourself")


def _admin_url(settings: Settings, given: str | None) -> str:
    """The URL of the admin listener.

    Raises:
        UsageError: the given one is malformed.
        Failure: it is off.
    """
    if given is not None:
        try:
            return normal_base_url(given)
        except InvalidWebAddress as error:
            raise UsageError(f"--url {error}") from error
    if settings.admin_url is not None:
        return settings.admin_url
    if not settings.admin_port:
        raise Failure("the admin listener is off: set admin_port, or pass --url")
    host = _ALL_INTERFACES.get(settings.admin_host, settings.admin_host)
    return f"http://{authority(host, settings.admin_port)}"
