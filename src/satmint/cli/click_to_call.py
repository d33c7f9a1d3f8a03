"""`satmint click-to-call`: tokens for public web pages."""

from typing import Annotated

import typer

from satmint.cli.address import address_named
from satmint.cli.command import Limit, ProjectOption, Work, command, id_of, project_named
from satmint.cli.plain import group
from satmint.cli.project import checked_name
from satmint.cli.report import Failure, Misuse
from satmint.flows.credentials import create_c2c_token, disable_c2c_token, list_c2c_tokens
from satmint.flows.finding import c2c_token_of
from satmint.model.listing import Window
from satmint.model.naming import is_origin
from satmint.model.records import C2cToken
from satmint.model.secrets import C2C_PREFIX
from satmint.model.times import iso, iso_or_none

app = group("click-to-call")


@command(app, "create")
async def create(
    work: Work,
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="What visitors may reach: an id, or /context/name."),
    ],
    name: Annotated[
        str, typer.Option(metavar="TEXT", help="What the token is called.")
    ] = "default",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="A web origin it may be used from; repeat it. Default: any."
        ),
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Create a Click-to-Call token, whose text is shown once."""
    origins = tuple(origin or ())
    for text in origins:
        if not is_origin(text):
            raise Misuse("--origin is a web origin, such as https://www.example.com")
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        target = await address_named(mint, chosen.id, address)
        token, secret = await create_c2c_token(
            mint, chosen.id, target, checked_name(name), origins, work.origin
        )
    work.report.value({**_shown(token), "token": secret.reveal()})
    work.report.facts({"C2C token": secret.reveal(), "id": token.id, "address": target})
    work.report.line("The token is shown here and never again.")


@command(app, "list")
async def list_(work: Work, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List Click-to-Call tokens, oldest first, without their texts."""
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        page = await list_c2c_tokens(mint, chosen.id, Window(limit))
    work.report.rows(
        ("id", "name", "state", "address_id"),
        [_shown(token) for token in page.items],
        none="There is no C2C token.",
        more=page.more_after,
    )


@command(app, "disable")
async def disable(
    work: Work,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, or its text.")],
    project: ProjectOption = None,
) -> None:
    """Disable a Click-to-Call token for good.

    Tokens that visitors have got with it live on until they expire, two hours at most.
    """
    async with work.mint() as mint:
        if token.startswith(C2C_PREFIX):
            found = await c2c_token_of(mint, token)
            if found is None:
                raise Failure("this is no token of this deployment")
            owner, token_id = found.project, found.id
        else:
            token_id = id_of(token, "TOKEN")
            owner = (await project_named(mint, project)).id
        disabled = await disable_c2c_token(mint, owner, token_id, work.origin)
    work.report.value(_shown(disabled))
    work.report.line(f"C2C token {disabled.id} ({disabled.name}) is disabled.")


def _shown(token: C2cToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "state": "active" if token.disabled_at is None else "disabled",
        "address_id": token.address,
        "origins": token.origins,
        "created_at": iso(token.created_at),
        "disabled_at": iso_or_none(token.disabled_at),
    }
