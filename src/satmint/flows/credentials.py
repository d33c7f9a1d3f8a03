"""Long-lived credentials: projects, their API tokens and their Click-to-Call tokens."""

from uuid import UUID

from satmint.flows.mint import Mint
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, C2cToken, Project
from satmint.model.refusals import Code, Fault, NotFound, Unprocessable
from satmint.model.secrets import SecretText, new_api_token, new_c2c_token


async def create_project(mint: Mint, name: str) -> Project:
    """Create a project."""
    project = Project(mint.new_id(), name, mint.clock.now())
    await mint.store.projects.create(project)
    return project


async def project_of(mint: Mint, project: UUID) -> Project:
    """One project.

    Raises:
        NotFound: there is none of that id.
    """
    found = await mint.store.projects.get(project)
    if found is None:
        raise NotFound("project")
    return found


async def create_api_token(
    mint: Mint, project: UUID, name: str, permissions: frozenset[Permission], origin: Origin
) -> tuple[ApiToken, SecretText]:
    """Make an API token. Its text is returned here and nowhere ever again."""
    secret, now = new_api_token(mint.entropy), mint.clock.now()
    token = ApiToken(mint.new_id(), project, name, permissions, secret.digest(), now)
    event = mint.event(EventKind.API_TOKEN_CREATED, project, origin, now, subject=token.id)
    await mint.store.projects.add_api_token(token, event)
    return token, secret


async def update_api_token(
    mint: Mint,
    project: UUID,
    token: UUID,
    name: str | None,
    permissions: frozenset[Permission] | None,
    origin: Origin,
) -> ApiToken:
    """Set what is given.

    Raises:
        NotFound: the project has no such API token.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.API_TOKEN_UPDATED, project, origin, now, subject=token)
    updated = await mint.store.projects.update_api_token(project, token, name, permissions, event)
    if updated is None:
        raise NotFound("api_token")
    return updated


async def delete_api_token(mint: Mint, project: UUID, token: UUID, origin: Origin) -> None:
    """Delete an API token.

    Raises:
        NotFound: the project has no such API token.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.API_TOKEN_DELETED, project, origin, now, subject=token)
    if not await mint.store.projects.delete_api_token(project, token, event):
        raise NotFound("api_token")


async def create_c2c_token(
    mint: Mint, project: UUID, address: UUID, name: str, origins: tuple[str, ...], origin: Origin
) -> tuple[C2cToken, SecretText]:
    """Make a Click-to-Call token for one address.

    Raises:
        Unprocessable: the address is not of this project.
    """
    if faults := await c2c_address_faults(mint, project, address):
        raise Unprocessable(*faults)
    secret, now = new_c2c_token(mint.entropy), mint.clock.now()
    token = C2cToken(mint.new_id(), project, address, name, secret.digest(), origins, now)
    event = mint.event(EventKind.C2C_TOKEN_CREATED, project, origin, now, subject=token.id)
    await mint.store.projects.add_c2c_token(token, event)
    return token, secret


async def c2c_address_faults(mint: Mint, project: UUID, address: UUID) -> list[Fault]:
    """What is wrong with the address that a Click-to-Call token is to lead to."""
    if await mint.store.addresses.get(project, address) is not None:
        return []
    message = "The address must belong to the project"
    return [Fault(Code.MUST_BELONG_TO_PROJECT, message, "address_id")]


async def list_c2c_tokens(mint: Mint, project: UUID, window: Window) -> Page[C2cToken]:
    """A project's Click-to-Call tokens, by age."""
    return await mint.store.projects.list_c2c_tokens(project, window)


async def disable_c2c_token(mint: Mint, project: UUID, token: UUID, origin: Origin) -> C2cToken:
    """Disable a Click-to-Call token for good. Embed SATs made with it live on until they expire.

    Raises:
        NotFound: the project has no such Click-to-Call token.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.C2C_TOKEN_DISABLED, project, origin, now, subject=token)
    disabled = await mint.store.projects.disable_c2c_token(project, token, now, event)
    if disabled is None:
        raise NotFound("c2c_token")
    return disabled


async def delete_c2c_token(mint: Mint, project: UUID, token: UUID, origin: Origin) -> None:
    """Delete a Click-to-Call token.

    Raises:
        NotFound: the project has no such Click-to-Call token.
    """
    now = mint.clock.now()
    event = mint.event(EventKind.C2C_TOKEN_DELETED, project, origin, now, subject=token)
    if not await mint.store.projects.delete_c2c_token(project, token, event):
        raise NotFound("c2c_token")
