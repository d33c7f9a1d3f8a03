"""`satmint address`: create and list addresses."""

from typing import Annotated
from uuid import UUID

import typer

from satmint.cli.command import CommandContext, Limit, ProjectOption, command, resolve_project
from satmint.cli.plain import group
from satmint.cli.project import valid_name
from satmint.cli.report import Failure, UsageError
from satmint.flows.addresses import NewAddress, create_address, list_addresses
from satmint.flows.lookup import find_addresses
from satmint.flows.service_context import ServiceContext
from satmint.model.listing import AddressFilter, Window
from satmint.model.naming import is_slug
from satmint.model.records import Address, AddressType, Channel
from satmint.model.times import iso

app = group("address")


@command(app, "create", changes=True)
async def create(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The last part of /context/name.")],
    kind: Annotated[
        AddressType,
        typer.Option(
            "--type", metavar="TYPE", help=f"The type of the address: {', '.join(AddressType)}."
        ),
    ] = AddressType.ROOM,
    context: Annotated[
        str, typer.Option(metavar="TEXT", help="The first part of /context/name.")
    ] = "public",
    display_name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The name to display. Default: NAME.")
    ] = None,
    channel: Annotated[
        list[Channel] | None,
        typer.Option(
            metavar="NAME",
            help=f"A channel: {', '.join(Channel)}. Repeat for several. Default: all.",
        ),
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Create an address."""
    for part in (name, context):
        if not is_slug(part):
            raise UsageError("NAME and --context must be 1 to 64 of a-z, 0-9 and inner hyphens")
    if display_name is not None:
        valid_name(display_name)
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        wanted = NewAddress(
            name=name,
            type=kind,
            context=context,
            display_name=display_name,
            channels=frozenset(channel or Channel),
        )
        address = await create_address(services, chosen.id, wanted)
    ctx.report.write_json(_as_dict(address))
    ctx.report.write_properties({"address": f"/{context}/{name}", "id": address.id})


@command(app, "list")
async def list_(
    ctx: CommandContext,
    kind: Annotated[
        AddressType | None,
        typer.Option("--type", metavar="TYPE", help="Show only addresses of this type."),
    ] = None,
    limit: Limit = 100,
    project: ProjectOption = None,
) -> None:
    """List addresses, oldest first."""
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        page = await list_addresses(
            services.store, chosen.id, AddressFilter(type=kind), Window(limit)
        )
    ctx.report.write_table(
        ("id", "address", "type", "channels", "locked"),
        [_as_dict(address) for address in page.items],
        none="No addresses.",
        more=page.more_after,
        gives_way=("channels",),
    )


def _as_dict(address: Address) -> dict[str, object]:
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


async def resolve_address(services: ServiceContext, project: UUID, text: str) -> UUID:
    """The id of the address with the id `text`, the path /context/name, or a unique name.

    Raises:
        Failure: there is no such address, or there are several.
    """
    found = await find_addresses(services.store, project, text)
    if not found:
        raise Failure(f"there is no address {text}")
    if len(found) > 1:
        raise Failure(f"several addresses are named {text}: pass /context/name")
    return found[0].id
