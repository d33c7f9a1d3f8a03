"""`satmint click-to-call`: create, list and disable Click-to-Call tokens."""

from collections.abc import Awaitable
from typing import Annotated

import typer

from satmint.cli.address import resolve_address
from satmint.cli.command import (
    CommandContext,
    Limit,
    ProjectOption,
    command,
    parse_id,
    resolve_project,
)
from satmint.cli.plain import group
from satmint.cli.project import valid_name
from satmint.cli.report import Failure, UsageError
from satmint.flows.credentials import (
    NewC2cToken,
    create_c2c_token,
    delete_c2c_token,
    disable_c2c_token,
    list_c2c_tokens,
)
from satmint.flows.lookup import find_c2c_token
from satmint.model.listing import Window
from satmint.model.records import C2cToken
from satmint.model.secrets import C2C_PREFIX
from satmint.model.times import iso, iso_or_none
from satmint.model.web_addresses import InvalidWebAddress, normal_origin

app = group("click-to-call")


@command(app, "create")
async def create(
    ctx: CommandContext,
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS", help="The address that visitors may reach: an id or /context/name."
        ),
    ],
    name: Annotated[str, typer.Option(metavar="TEXT", help="The name of the token.")] = "default",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="A web origin that may use the token. Repeat for several. Default: any.",
        ),
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Create a Click-to-Call token. The command prints the token once."""
    try:
        origins = tuple(dict.fromkeys(map(normal_origin, origin or ())))
    except InvalidWebAddress as error:
        raise UsageError(f"--origin {error}") from error
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        target = await resolve_address(services, chosen.id, address)
        token, secret = await create_c2c_token(
            services, chosen.id, NewC2cToken(target, valid_name(name), origins), ctx.origin
        )

        def write() -> None:
            ctx.report.write_json({**_as_dict(token), "token": secret.reveal()})
            ctx.report.write_properties(
                {"Click-to-Call token": secret.reveal(), "id": token.id, "address": target}
            )
            ctx.report.write_line("Store the token now: it cannot be shown again.")

        def undo() -> Awaitable[object]:
            return delete_c2c_token(services, chosen.id, token.id, ctx.origin)

        await ctx.hand_over(
            write,
            undo,
            made=f"Click-to-Call token {token.id}",
            undone="the token was deleted again",
        )


@command(app, "list")
async def list_(ctx: CommandContext, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List Click-to-Call tokens, oldest first, without their texts."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        page = await list_c2c_tokens(services.store, chosen.id, Window(limit))
    ctx.report.write_table(
        ("id", "name", "state", "address_id"),
        [_as_dict(token) for token in page.items],
        none="No Click-to-Call tokens.",
        more=page.more_after,
        gives_way=("address_id",),
    )


@command(app, "disable", changes=True)
async def disable(
    ctx: CommandContext,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The id or the text of the token.")],
    project: ProjectOption = None,
) -> None:
    """Disable a Click-to-Call token permanently.

    SATs that were issued with the token remain valid until they expire, at most two hours.
    """
    async with ctx.services() as services:
        if token.startswith(C2C_PREFIX):
            found = await find_c2c_token(services.store, token)
            if found is None:
                raise Failure("unknown token")
            owner, token_id = found.project, found.id
        else:
            token_id = parse_id(token, "TOKEN")
            owner = (await resolve_project(services, project)).id
        disabled = await disable_c2c_token(services, owner, token_id, ctx.origin)
    ctx.report.write_json(_as_dict(disabled))
    ctx.report.write_line(f"Click-to-Call token {disabled.id} ({disabled.name}) is disabled.")


def _as_dict(token: C2cToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "state": "active" if token.disabled_at is None else "disabled",
        "address_id": token.address,
        "origins": token.origins,
        "created_at": iso(token.created_at),
        "disabled_at": iso_or_none(token.disabled_at),
    }
