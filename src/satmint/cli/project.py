"""`satmint project`: the tenants."""

from typing import Annotated

import typer

from satmint.cli.command import Work, command
from satmint.cli.plain import group
from satmint.cli.report import Misuse
from satmint.flows.credentials import create_api_token, create_project
from satmint.flows.finding import list_projects
from satmint.model.permissions import Permission
from satmint.model.times import iso

app = group("project")

Permissions = Annotated[
    list[Permission] | None,
    typer.Option(
        "--permission",
        metavar="NAME",
        help=f"What the API token may do: {', '.join(Permission)}. Repeat it. Default: all.",
    ),
]

_API_TOKEN_NAME = "default"  # noqa: S105 - what it is called


@command(app, "create")
async def create(
    work: Work,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    permission: Permissions = None,
) -> None:
    """Create a project with an API token, whose text is shown once.

    Makes the database where there is none yet.
    """
    name = checked_name(name)
    permissions = frozenset(permission or Permission)
    async with work.mint(create=True) as mint:
        project = await create_project(mint, name)
        token, secret = await create_api_token(
            mint, project.id, _API_TOKEN_NAME, permissions, work.origin
        )
    work.report.value(
        {
            "id": project.id,
            "name": project.name,
            "created_at": iso(project.created_at),
            "api_token_id": token.id,
            "api_token": secret.reveal(),
            "permissions": sorted(permissions),
        }
    )
    work.report.facts({"project": project.id, "name": project.name, "API token": secret.reveal()})
    work.report.line("The API token is shown here and never again.")


@command(app, "list")
async def list_(work: Work) -> None:
    """List all projects, oldest first."""
    async with work.mint() as mint:
        projects = await list_projects(mint)
    work.report.rows(
        ("id", "name", "created_at"),
        [
            {"id": project.id, "name": project.name, "created_at": iso(project.created_at)}
            for project in projects
        ],
        none="There is no project: make one with `satmint project create NAME`.",
    )


def checked_name(text: str) -> str:
    """A name that can be shown in one line.

    Raises:
        Misuse: it cannot.
    """
    if not 0 < len(text) <= 255 or not text.isprintable() or not text.strip():
        raise Misuse("a name is 1 to 255 printable characters")
    return text
