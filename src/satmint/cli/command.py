"""Commands that work on a deployment: where it is, what they are given, how they end."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from satmint.cli.demo import read_kept, sqlite_url
from satmint.cli.options import Json, settings_from
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.report import Failure, Misuse, Report
from satmint.cli.trouble import in_words
from satmint.flows.finding import list_projects, projects_called
from satmint.flows.mint import Mint
from satmint.model.clock import Clock, SystemClock
from satmint.model.entropy import Entropy, SystemEntropy
from satmint.model.events import Origin
from satmint.model.ids import as_uuid
from satmint.model.records import Project
from satmint.settings import Settings
from satmint.upkeep import mint_at

DEV_FOLDER: Final = Path(".satmint")
"""Where `satmint dev` keeps everything, unless told otherwise."""

_PLACE: Final = "Where the deployment is"

ConfigHere = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", rich_help_panel=_PLACE, help="A TOML file of settings."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        rich_help_panel=_PLACE,
        help="The folder of a `satmint dev`. Default: ./.satmint, where it exists and nothing"
        " else is said.",
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", rich_help_panel=_PLACE, help="`sqlite:///path/to/file`."
    ),
]
KeyringFile = Annotated[
    str | None,
    typer.Option("--keyring", metavar="FILE", rich_help_panel=_PLACE, help="The keyring file."),
]
ProjectOption = Annotated[
    str | None,
    typer.Option("--project", metavar="ID", help="Its id or name. Default: the only one."),
]
Limit = Annotated[
    int, typer.Option(min=1, max=100_000, metavar="N", help="How many to show at most.")
]


class Work:
    """What every command has at hand."""

    def __init__(self, settings: Settings, report: Report, name: str) -> None:
        self.settings = settings
        self.report = report
        self.clock: Clock = SystemClock()
        self.entropy: Entropy = SystemEntropy()
        self.origin = Origin("", "cli", name)

    @asynccontextmanager
    async def mint(self, *, create: bool = False, keyring: bool = False) -> AsyncIterator[Mint]:
        """The tools of the flows.

        Args:
            create: Whether to make the database where there is none.
            keyring: Whether tokens are to be made or opened.
        """
        async with mint_at(self.settings, create=create, needs_keyring=keyring) as mint:
            yield mint


Command = Callable[..., Awaitable[None] | None]


def command(app: typer.Typer, name: str) -> Callable[[Command], Command]:
    """Make a function that takes a `Work`, and options, a command of `app`.

    It gains the options that say where the deployment is, and `--json`. What goes wrong in it
    ends as one line on standard error.
    """

    def register(function: Command) -> Command:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def run(
            *,
            data: Path | None,
            database: str | None,
            keyring: str | None,
            config: Path | None,
            as_json: bool,
            **given: object,
        ) -> None:
            settings = settings_at(data, database, keyring, config)
            work = Work(settings, Report(as_json=as_json), f"satmint {app.info.name} {name}")
            _run(function, work, given)

        shared = {
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
    """The settings of a deployment that servers may be running on.

    Raises:
        Misuse: one of them makes no sense.
    """
    given = {"database": database, "keyring": keyring}
    settings = settings_from(given, config)
    if data is None:
        usual = Settings()
        said = settings.database != usual.database or settings.keyring != usual.keyring
        if said or not DEV_FOLDER.is_dir():
            return settings
        data = DEV_FOLDER
    elif not data.is_dir():
        raise Misuse(f"there is no folder {data}")
    data = data.absolute()
    kept = read_kept(data)
    in_folder = {
        "database": kept.database if kept else sqlite_url(data / "satmint.db"),
        "keyring": str(data / "keyring.json"),
    }
    if kept is not None and settings.cluster_host is None:
        in_folder["cluster_host"] = kept.cluster_host
    return settings_from({**in_folder, **{k: v for k, v in given.items() if v is not None}}, config)


def _run(function: Command, work: Work, given: dict[str, object]) -> None:
    with in_words(work.settings):
        outcome = function(work, **given)
        if inspect.iscoroutine(outcome):
            asyncio.run(outcome)


async def project_named(mint: Mint, wanted: str | None) -> Project:
    """The project that `--project` names by id or name; the only one where it is left out.

    Raises:
        Failure: there is none.
        Misuse: there are several to choose from.
    """
    if wanted is not None:
        found = await projects_called(mint, wanted)
        if not found:
            raise Failure(f"there is no project {wanted}")
        if len(found) > 1:
            raise Misuse(f"several projects are called {wanted}: give an id with --project")
        return found[0]
    projects = await list_projects(mint)
    if not projects:
        raise Failure("there is no project: make one with `satmint project create NAME`")
    if len(projects) > 1:
        raise Misuse("there are several projects: choose one with --project")
    return projects[0]


def id_of(text: str, what: str) -> UUID:
    """The UUID that an argument spells.

    Raises:
        Misuse: it spells none.
    """
    found = as_uuid(text)
    if found is None:
        raise Misuse(f"{what} must be an id, such as 123e4567-e89b-42d3-a456-426614174000")
    return found
