"""Registers commands that work on a deployment: shared options, settings, context, failures."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit
from uuid import UUID

import typer

from satmint.cli.demo import demo_settings, read_saved_demo, sqlite_url
from satmint.cli.errors import failures_for_user
from satmint.cli.options import Json, settings_from, warn_of_variables
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.report import Failure, OutputFailed, Report, UsageError
from satmint.flows.lookup import find_projects, list_projects
from satmint.flows.service_context import ServiceContext
from satmint.maintenance import open_services
from satmint.model.clock import Clock, SystemClock
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.model.events import Origin
from satmint.model.ids import as_uuid
from satmint.model.records import Project
from satmint.model.refusals import Refusal
from satmint.settings import Settings

DEV_FOLDER: Final = Path(".satmint")
"""The default data folder of `satmint dev`."""

_DEPLOYMENT_PANEL: Final = "Deployment"

ConfigHere = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        rich_help_panel=_DEPLOYMENT_PANEL,
        help="A TOML file with settings.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        rich_help_panel=_DEPLOYMENT_PANEL,
        help="The folder of a `satmint dev` server. Default: ./.satmint, if it exists and no other"
        " database or keyring is set.",
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        rich_help_panel=_DEPLOYMENT_PANEL,
        help="The URL of the database, such as `sqlite:///path/to/file`.",
    ),
]
KeyringFile = Annotated[
    str | None,
    typer.Option(
        "--keyring", metavar="FILE", rich_help_panel=_DEPLOYMENT_PANEL, help="The keyring file."
    ),
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project", metavar="ID", help="The id or the name of the project. Default: the only one."
    ),
]
Wide = Annotated[
    bool,
    typer.Option(
        "--wide",
        metavar="",
        help="Show all columns, in full and with exact times, however wide the terminal is.",
    ),
]
Limit = Annotated[
    int, typer.Option(min=1, max=100_000, metavar="N", help="The maximum number to show.")
]


class CommandContext:
    """The settings, the output and the dependencies of a command."""

    def __init__(self, settings: Settings, report: Report, name: str) -> None:
        self.settings = settings
        self.report = report
        self.clock: Clock = SystemClock()
        self.entropy: Entropy = SystemEntropy()
        self.origin = Origin("", "cli", name)
        self.failure: Failure | None = None
        """Raised when the command has ended, with its changes recorded."""

    @asynccontextmanager
    async def services(
        self, *, create: bool = False, keyring: bool = False
    ) -> AsyncIterator[ServiceContext]:
        """The context of the flows.

        Args:
            create: Whether to create the database if it does not exist.
            keyring: Whether the flows encrypt or decrypt.
        """
        async with open_services(self.settings, create=create, needs_keyring=keyring) as services:
            yield services

    async def hand_over(
        self,
        write: Callable[[], None],
        undo: Callable[[], Awaitable[object]],
        *,
        made: str,
        undone: str,
    ) -> None:
        """Write a secret that was made. If it cannot be written, it must not stay valid.

        Args:
            write: Writes it.
            undo: Makes it invalid.
            made: What the secret is of, with its id, for the message.
            undone: What `undo` has done, for the message.
        """
        try:
            write()
        except OutputFailed as failed:
            try:
                await undo()
            except Refusal as refusal:
                text = f"{failed}; {made} is still valid, because it could not be undone: {refusal}"
                self.failure = Failure(text)
            else:
                self.failure = Failure(f"{failed}: {undone}")


Command = Callable[..., Awaitable[None] | None]


def command(
    app: typer.Typer, name: str, *, changes: bool = False, table: bool | None = None
) -> Callable[[Command], Command]:
    """Register a function that takes a `CommandContext` and options as a command of `app`.

    The command also has the options that locate the deployment, `--json`, and `--wide` if it
    writes a table. An error is printed as one line on standard error.

    Args:
        app: The group of commands.
        name: The name of the command.
        changes: Whether it changes something without a secret. If its result cannot be written to
            standard output, the error contains it.
        table: Whether it writes a table. Default: if it is `list`, or has the option `--limit`.
    """

    def register(function: Command) -> Command:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        has_limit = any(parameter.name == "limit" for parameter in own)
        writes_table = table if table is not None else has_limit or name == "list"

        def run(
            *,
            data: Path | None,
            database: str | None,
            keyring: str | None,
            config: Path | None,
            as_json: bool,
            wide: bool = False,
            **given: object,
        ) -> None:
            report = Report(as_json=as_json, wide=wide)
            report.require_output()
            settings = settings_at(data, database, keyring, config)
            warn_of_variables(settings, as_json=as_json)
            ctx = CommandContext(settings, report, f"satmint {app.info.name} {name}")
            try:
                _run(function, ctx, given)
            except OutputFailed as failed:
                if changes:
                    message = f"{failed}; the command took effect: {failed.unwritten}"
                    raise Failure(message) from failed
                raise

        shared = {
            **({"wide": (Wide, False)} if writes_table else {}),
            "data": (Data, None),
            "database": (Database, None),
            "keyring": (KeyringFile, None),
            "config": (ConfigHere, None),
            "as_json": (Json, False),
        }
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [parameter.replace(kind=keyword) for parameter in own] + [
            inspect.Parameter(option, keyword, default=default, annotation=annotation)
            for option, (annotation, default) in shared.items()
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {found.name: found.annotation for found in parameters}
        run.__doc__ = function.__doc__
        app.command(name, cls=PlainCommand, context_settings=HELP_NAMES)(run)
        return function

    return register


def settings_at(
    data: Path | None, database: str | None, keyring: str | None, config: Path | None
) -> Settings:
    """The settings of a deployment, from the options that locate it.

    Raises:
        UsageError: a setting is invalid.
    """
    given = {"database": database, "keyring": keyring}
    settings = settings_from(given, config)
    if data is None:
        default = Settings()
        configured = settings.database != default.database or settings.keyring != default.keyring
        if configured or not DEV_FOLDER.is_dir():
            return settings
        data = DEV_FOLDER
    elif not data.is_dir():
        raise UsageError(f"there is no folder {data}")
    data = data.absolute()
    saved = read_saved_demo(data)
    in_folder = {
        "database": saved.database if saved else sqlite_url(data / "satmint.db"),
        "keyring": str(data / "keyring.json"),
    }
    if saved is not None and settings.cluster_host is None:
        in_folder["cluster_host"] = saved.cluster_host
    more = {} if saved is None else demo_settings()
    if saved is not None and saved.admin is not None and _has_usual_admin_listener(settings):
        admin = urlsplit(saved.admin)
        more |= {"admin_host": admin.hostname, "admin_port": admin.port}
    named = {name: value for name, value in given.items() if value is not None}
    return settings_from({**in_folder, **more, **named}, config)


def _has_usual_admin_listener(settings: Settings) -> bool:
    """Whether the admin listener is where it is by default: a free port may be used instead."""
    usual = Settings()
    return (settings.admin_host, settings.admin_port, settings.admin_url) == (
        usual.admin_host,
        usual.admin_port,
        usual.admin_url,
    )


def _run(function: Command, ctx: CommandContext, given: dict[str, object]) -> None:
    with failures_for_user(ctx.settings):
        outcome = function(ctx, **given)
        if inspect.iscoroutine(outcome):
            asyncio.run(outcome)
    if ctx.failure is not None:
        raise ctx.failure


async def resolve_project(services: ServiceContext, wanted: str | None) -> Project:
    """The project with the id or name of `--project`. Without the option, the only project.

    Raises:
        Failure: there is no such project.
        UsageError: there are several.
    """
    if wanted is not None:
        found = await find_projects(services.store, wanted)
        if not found:
            raise Failure(f"there is no project {wanted}")
        if len(found) > 1:
            raise UsageError(f"several projects are named {wanted}: pass an id with --project")
        return found[0]
    projects = await list_projects(services.store)
    if not projects:
        raise Failure("there is no project: create one with `satmint project create NAME`")
    if len(projects) > 1:
        raise UsageError("there are several projects: choose one with --project")
    return projects[0]


def parse_id(text: str, what: str) -> UUID:
    """Parse an argument as a UUID.

    Raises:
        UsageError: it is not a UUID.
    """
    found = as_uuid(text)
    if found is None:
        raise UsageError(f"{what} must be an id, such as 123e4567-e89b-42d3-a456-426614174000")
    return found
