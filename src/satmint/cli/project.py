"""`satmint project`: create, list, rename, delete, export and import projects."""

from collections.abc import Awaitable, Mapping
from typing import Annotated, Final

import typer

from satmint.cli import project_transfer
from satmint.cli.command import CommandContext, command, resolve_project
from satmint.cli.confirm import Yes, confirm
from satmint.cli.plain import group
from satmint.cli.report import Failure, UsageError
from satmint.flows.credentials import create_api_token, delete_api_token
from satmint.flows.lookup import find_deleted_projects, list_projects
from satmint.flows.projects import (
    COUNT_LIMIT,
    count_contents,
    create_project,
    delete_project,
    rename_project,
)
from satmint.flows.service_context import ServiceContext
from satmint.model.permissions import Permission
from satmint.model.records import Project
from satmint.model.times import iso

app = group("project")
command(app, "export")(project_transfer.export)
command(app, "import", changes=True)(project_transfer.import_)

Permissions = Annotated[
    list[Permission] | None,
    typer.Option(
        "--permission",
        metavar="NAME",
        help=f"A permission: {', '.join(Permission)}. Repeat for several. Default: all.",
    ),
]

_Project = Annotated[
    str, typer.Argument(metavar="PROJECT", help="The id or the name of the project.")
]
_CONTENTS: Final = {
    "active_sessions": ("active session", "active sessions"),
    "subscribers": ("subscriber", "subscribers"),
    "addresses": ("address", "addresses"),
    "api_tokens": ("API token", "API tokens"),
    "c2c_tokens": ("Click-to-Call token", "Click-to-Call tokens"),
    "webhooks": ("webhook", "webhooks"),
}
_API_TOKEN_NAME = "default"  # noqa: S105 - what it is called


@command(app, "create")
async def create(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="The name of the project.")],
    permission: Permissions = None,
) -> None:
    """Create a project with an API token. The command prints the token once.

    Creates the database if it does not exist.
    """
    name = valid_name(name)
    permissions = frozenset(permission or Permission)
    async with ctx.services(create=True) as services:
        project = await create_project(services, name)
        token, secret = await create_api_token(
            services, project.id, _API_TOKEN_NAME, permissions, ctx.origin
        )

        def write() -> None:
            ctx.report.write_json(
                {
                    "id": project.id,
                    "name": project.name,
                    "created_at": iso(project.created_at),
                    "api_token_id": token.id,
                    "api_token": secret.reveal(),
                    "permissions": sorted(permissions),
                }
            )
            ctx.report.write_properties(
                {"project": project.id, "name": project.name, "API token": secret.reveal()}
            )
            ctx.report.write_line("Store the API token now: it cannot be shown again.")

        def undo() -> Awaitable[object]:
            return delete_api_token(services, project.id, token.id, ctx.origin)

        undone = f"project {project.id} was created, and its API token was deleted again"
        await ctx.hand_over(write, undo, made=f"API token {token.id}", undone=undone)


@command(app, "list")
async def list_(ctx: CommandContext) -> None:
    """List all projects, oldest first."""
    async with ctx.services() as services:
        projects = await list_projects(services.store)
    ctx.report.write_table(
        ("id", "name", "created_at"),
        [
            {"id": project.id, "name": project.name, "created_at": iso(project.created_at)}
            for project in projects
        ],
        none="No projects. Create one with `satmint project create NAME`.",
    )


@command(app, "rename", changes=True)
async def rename(
    ctx: CommandContext,
    project: _Project,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
) -> None:
    """Change the name of a project."""
    name = valid_name(name)
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        await rename_project(services, chosen.id, name, ctx.origin)
    ctx.report.write_json({"id": chosen.id, "name": name, "previous": chosen.name})
    ctx.report.write_line(f"Project {chosen.id} ({chosen.name}) is named {name} now.")


@command(app, "delete", changes=True)
async def delete(ctx: CommandContext, project: _Project, yes: Yes = False) -> None:
    """Delete a project with everything in it. This cannot be undone.

    All of its tokens stop working at once. Its records are then deleted in small steps; if the
    command is interrupted, run it again, or leave the rest to the servers. The audit trail is kept
    until its events are old enough (`event_retention_days`).
    """
    async with ctx.services() as services:
        chosen = await _project_to_delete(services, project)
        if chosen.deleted_at is None:
            contents = _contents_text(await count_contents(services, chosen.id))
            confirm(
                ctx.report,
                f"Delete project {chosen.name} ({chosen.id}), and end {contents}?",
                yes=yes,
            )
        rows = await delete_project(services, chosen.id, ctx.origin)
    ctx.report.write_json({"id": chosen.id, "deleted": True, "deleted_rows": rows})
    ctx.report.write_line(f"Deleted project {chosen.name} ({chosen.id}).")


async def _project_to_delete(services: ServiceContext, text: str) -> Project:
    """The project with this id or name, or else a deleted one, of which records may be left."""
    try:
        return await resolve_project(services, text)
    except UsageError:
        raise
    except Failure:
        deleted = await find_deleted_projects(services.store, text)
        if not deleted:
            raise
        return deleted[-1]


def _contents_text(contents: Mapping[str, int]) -> str:
    """What a project has, such as `3 active sessions, 1 API token`."""
    parts = []
    for name, text in _CONTENTS.items():
        count = contents[name]
        at_least = " or more" if count >= COUNT_LIMIT else ""
        parts.append(f"{count}{at_least} {text[count != 1]}")
    return ", ".join(parts)


def valid_name(text: str) -> str:
    """Return `text` if it is valid as a name.

    Raises:
        UsageError: it is empty, too long or not printable.
    """
    if not 0 < len(text) <= 255 or not text.isprintable() or not text.strip():
        raise UsageError("a name must be 1 to 255 printable characters")
    return text
