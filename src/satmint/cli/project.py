"""`satmint project`: create and list projects."""

from collections.abc import Awaitable
from typing import Annotated

import typer

from satmint.cli.command import CommandContext, command
from satmint.cli.plain import group
from satmint.cli.report import UsageError
from satmint.flows.credentials import create_api_token, create_project, delete_api_token
from satmint.flows.lookup import list_projects
from satmint.model.permissions import Permission
from satmint.model.times import iso

app = group("project")

Permissions = Annotated[
    list[Permission] | None,
    typer.Option(
        "--permission",
        metavar="NAME",
        help=f"A permission: {', '.join(Permission)}. Repeat for several. Default: all.",
    ),
]

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


def valid_name(text: str) -> str:
    """Return `text` if it is valid as a name.

    Raises:
        UsageError: it is empty, too long or not printable.
    """
    if not 0 < len(text) <= 255 or not text.isprintable() or not text.strip():
        raise UsageError("a name must be 1 to 255 printable characters")
    return text
