"""`satmint db restore` and `satmint db adopt`: begin a new incarnation of the database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from satmint.adoption import Adoption, adopt_database, confirm_moved, restore_database
from satmint.cli.command import CommandContext
from satmint.cli.confirm import Yes, confirm
from satmint.cli.report import Failure
from satmint.model.database_url import without_password
from satmint.model.incarnation import Incarnation
from satmint.model.records import ApiToken, C2cToken
from satmint.model.times import iso

_HINT: Final = (
    "What was deleted after the backup is back. Delete an API token with `satmint api-token revoke"
    " ID`; disable a Click-to-Call token with `satmint click-to-call disable ID`."
)


async def restore(
    ctx: CommandContext,
    backup: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    yes: Yes = False,
) -> None:
    """Replace an SQLite database with a backup, and begin a new incarnation.

    Stop the servers first. All sessions end, and all users sign in again. The previous database
    file is kept under another name. Then check the API tokens and Click-to-Call tokens that the
    command lists: those that were deleted after the backup are valid again.

    For PostgreSQL, the command prints the commands to use.
    """
    database = without_password(ctx.settings.database)
    if not backup.exists():
        raise Failure(f"there is no file {backup}")
    confirm(ctx.report, f"Replace {database} with {backup} and end all sessions?", yes=yes)
    stamp = f"replaced-{iso(ctx.clock.now()).replace(':', '')}"
    previous = await restore_database(ctx.settings, backup, stamp)
    adoption = await adopt_database(ctx.settings, ctx.clock, ctx.entropy, ctx.origin)
    kept = None if previous is None else str(previous)
    if kept is not None:
        ctx.report.write_line(f"The previous database is {kept}.")
    _show(ctx, adoption, {"restored_from": str(backup), "previous": kept})


async def adopt(
    ctx: CommandContext,
    moved: Annotated[
        bool,
        typer.Option(
            "--moved",
            help="The database was moved to another machine or cluster and lacks no change:"
            " continue without ending sessions.",
        ),
    ] = False,
    yes: Yes = False,
) -> None:
    """Begin a new incarnation on the database that is in place, after it was restored.

    All sessions end, and all users sign in again. Servers that use the database stop within
    seconds. Then check the API tokens and Click-to-Call tokens that the command lists: those that
    were deleted after the backup are valid again.
    """
    database = without_password(ctx.settings.database)
    if moved:
        confirm(
            ctx.report, f"Does {database} contain every change that servers have made?", yes=yes
        )
        current = await confirm_moved(ctx.settings, ctx.clock, ctx.entropy)
        ctx.report.write_json({"database": database, "incarnation": _as_dict(current)})
        ctx.report.write_line(f"{database}: incarnation {current.number} continues.")
        return
    confirm(ctx.report, f"Begin a new incarnation of {database} and end all sessions?", yes=yes)
    _show(ctx, await adopt_database(ctx.settings, ctx.clock, ctx.entropy, ctx.origin), {})


def _show(ctx: CommandContext, adoption: Adoption, more: Mapping[str, object]) -> None:
    names = {project.id: project.name for project in adoption.projects}
    database = without_password(ctx.settings.database)
    ctx.report.write_json(
        {
            "database": database,
            **more,
            "incarnation": _as_dict(adoption.incarnation),
            "api_tokens": [
                {
                    **_token(token, names),
                    "permissions": sorted(token.permissions),
                }
                for token in adoption.api_tokens
            ],
            "click_to_call_tokens": [_token(token, names) for token in adoption.c2c_tokens],
        }
    )
    if ctx.report.as_json:
        return
    ctx.report.write_line(
        f"{database}: incarnation {adoption.incarnation.number} began; all sessions have ended."
    )
    rows = [
        {"type": type_, **_token(token, names)}
        for type_, tokens in (
            ("API token", adoption.api_tokens),
            ("Click-to-Call token", adoption.c2c_tokens),
        )
        for token in tokens
    ]
    if rows:
        ctx.report.write_line("Check whether each of these may still be used:")
        columns = ("type", "id", "name", "project", "created_at")
        ctx.report.write_table(columns, rows, none="", gives_way=("project",))
        ctx.report.write_line(_HINT)


def _as_dict(incarnation: Incarnation) -> dict[str, object]:
    return {
        "id": incarnation.id,
        "number": incarnation.number,
        "began_at": iso(incarnation.began_at),
    }


def _token(token: ApiToken | C2cToken, names: Mapping[UUID, str]) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "project_id": token.project,
        "project": names.get(token.project, ""),
        "created_at": iso(token.created_at),
    }
