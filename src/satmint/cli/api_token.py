"""`satmint api-token`: create, list and revoke API tokens."""

from collections.abc import Awaitable
from typing import Annotated

import typer

from satmint.cli.command import CommandContext, Limit, ProjectOption, command, resolve_project
from satmint.cli.plain import group
from satmint.cli.project import Permissions, valid_name
from satmint.cli.report import Failure
from satmint.flows.credentials import create_api_token, delete_api_token, list_api_tokens
from satmint.flows.lookup import find_api_token
from satmint.model.ids import as_uuid
from satmint.model.listing import Window
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken
from satmint.model.times import iso, iso_or_none

app = group("api-token")


@command(app, "create")
async def create(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the API token.")],
    permission: Permissions = None,
    project: ProjectOption = None,
) -> None:
    """Create an API token. The command prints the token once."""
    await write_new_api_token(ctx, name, permission, project)


async def write_new_api_token(
    ctx: CommandContext, name: str, permission: Permissions, project: str | None
) -> None:
    """Create an API token and write its text.

    Args:
        ctx: The context of the command.
        name: Its name.
        permission: Its permissions. None: all.
        project: The option `--project`.

    Raises:
        UsageError: the name is invalid.
        Failure: there is no such project, or the text cannot be written.
    """
    name, permissions = valid_name(name), frozenset(permission or Permission)
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        token, secret = await create_api_token(services, chosen.id, name, permissions, ctx.origin)

        def write() -> None:
            ctx.report.write_json(
                {
                    "id": token.id,
                    "name": name,
                    "project_id": chosen.id,
                    "permissions": sorted(permissions),
                    "token": secret.reveal(),
                }
            )
            ctx.report.write_properties(
                {"API token": secret.reveal(), "id": token.id, "project": chosen.id}
            )
            ctx.report.write_line("Store the API token now: it cannot be shown again.")

        def undo() -> Awaitable[object]:
            return delete_api_token(services, chosen.id, token.id, ctx.origin)

        await ctx.hand_over(
            write, undo, made=f"API token {token.id}", undone="the API token was deleted again"
        )


@command(app, "list")
async def list_(ctx: CommandContext, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List API tokens, oldest first, without their texts.

    The token is masked. The time of the last use is that of the start of its hour.
    """
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        page = await list_api_tokens(services.store, chosen.id, Window(limit))
    ctx.report.write_table(
        ("id", "name", "token", "last_used_at", "created_at", "permissions"),
        [_as_dict(token) for token in page.items],
        none="No API tokens.",
        more=page.more_after,
        gives_way=("permissions", "created_at"),
    )


@command(app, "revoke", changes=True)
async def revoke(
    ctx: CommandContext,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The id or the text of the token.")],
    project: ProjectOption = None,
) -> None:
    """Delete an API token. It stops working immediately; sessions that it opened stay."""
    token_id = as_uuid(token)
    async with ctx.services() as services:
        if token_id is None:
            found = await find_api_token(services.store, token)
            if found is None:
                raise Failure("unknown token")
            owner, token_id = found.project, found.id
        else:
            owner = (await resolve_project(services, project)).id
        await delete_api_token(services, owner, token_id, ctx.origin)
    ctx.report.write_json({"revoked": "api_token", "id": token_id, "project_id": owner})
    ctx.report.write_line(f"Deleted API token {token_id}.")


def _as_dict(token: ApiToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "token": token.mask,
        "permissions": tuple(sorted(token.permissions)),
        "created_at": iso(token.created_at),
        "last_used_at": iso_or_none(token.last_used_at),
    }
