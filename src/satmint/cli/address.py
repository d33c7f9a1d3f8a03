"""`satmint address`: the places that can be reached."""

from typing import Annotated
from uuid import UUID

import typer

from satmint.cli.command import Limit, ProjectOption, Work, command, project_named
from satmint.cli.plain import group
from satmint.cli.project import checked_name
from satmint.cli.report import Failure, Misuse
from satmint.flows.addresses import NewAddress, create_address, list_addresses
from satmint.flows.finding import addresses_called
from satmint.flows.mint import Mint
from satmint.model.listing import AddressFilter, Window
from satmint.model.naming import is_slug
from satmint.model.records import Address, AddressType, Channel
from satmint.model.times import iso

app = group("address")


@command(app, "create")
async def create(
    work: Work,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The last part of /context/name.")],
    kind: Annotated[
        AddressType,
        typer.Option(
            "--type", metavar="TYPE", help=f"What answers there: {', '.join(AddressType)}."
        ),
    ] = AddressType.ROOM,
    context: Annotated[
        str, typer.Option(metavar="TEXT", help="The first part of /context/name.")
    ] = "public",
    display_name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What people see. Default: the name.")
    ] = None,
    channel: Annotated[
        list[Channel] | None,
        typer.Option(
            metavar="NAME",
            help=f"How it can be reached: {', '.join(Channel)}. Repeat it. Default: all.",
        ),
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Create an address."""
    for part in (name, context):
        if not is_slug(part):
            raise Misuse("NAME and --context are 1 to 64 of a-z, 0-9 and inner hyphens")
    if display_name is not None:
        checked_name(display_name)
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        wanted = NewAddress(
            name=name,
            type=kind,
            context=context,
            display_name=display_name,
            channels=frozenset(channel or Channel),
        )
        address = await create_address(mint, chosen.id, wanted)
    work.report.value(_shown(address))
    work.report.facts({"address": f"/{context}/{name}", "id": address.id})


@command(app, "list")
async def list_(
    work: Work,
    kind: Annotated[
        AddressType | None, typer.Option("--type", metavar="TYPE", help="Only these.")
    ] = None,
    limit: Limit = 100,
    project: ProjectOption = None,
) -> None:
    """List addresses, oldest first."""
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        page = await list_addresses(mint, chosen.id, AddressFilter(type=kind), Window(limit))
    work.report.rows(
        ("id", "address", "type", "channels", "locked"),
        [_shown(address) for address in page.items],
        none="There is no address.",
        more=page.more_after,
    )


def _shown(address: Address) -> dict[str, object]:
    return {
        "id": address.id,
        "address": f"/{address.context}/{address.name}",
        "context": address.context,
        "name": address.name,
        "type": address.type.value,
        "channels": tuple(sorted(address.channels)),
        "display_name": address.display_name,
        "locked": address.locked,
        "created_at": iso(address.created_at),
    }


async def address_named(mint: Mint, project: UUID, text: str) -> UUID:
    """The address that `text` names by id, as /context/name, or by a name that is unique.

    Raises:
        Failure: there is none, or several.
    """
    found = await addresses_called(mint, project, text)
    if not found:
        raise Failure(f"there is no address {text}")
    if len(found) > 1:
        raise Failure(f"several addresses are called {text}: write /context/name")
    return found[0].id
