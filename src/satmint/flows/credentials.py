"""Long-lived credentials: projects, their API tokens and their Click-to-Call tokens."""

from dataclasses import dataclass
from uuid import UUID

from satmint.flows.repetitions import result_unavailable
from satmint.flows.service_context import ServiceContext
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, C2cToken, Project
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.model.rotation import is_concurrent
from satmint.model.secrets import SecretText, mask, new_api_token, new_c2c_token
from satmint.store.contract import Store


@dataclass(frozen=True, slots=True)
class NewC2cToken:
    """The properties of a Click-to-Call token to create."""

    address: UUID
    name: str = ""
    origins: tuple[str, ...] = ()
    """The web origins that may use the token. Empty: any."""


async def get_project(store: Store, caller: UUID, project: UUID) -> Project:
    """The project of a backend.

    Args:
        store: The store.
        caller: The project of the backend's API token.
        project: The requested project.

    Raises:
        NotFound: it is another project than the caller's.
    """
    found = await store.projects.get(project) if project == caller else None
    if found is None:
        raise NotFound("project")
    return found


async def create_api_token(
    services: ServiceContext,
    project: UUID,
    name: str,
    permissions: frozenset[Permission],
    origin: Origin,
) -> tuple[ApiToken, SecretText]:
    """Create an API token. Its text is returned only here: the store keeps a digest."""
    secret, now = new_api_token(services.secret_entropy()), services.clock.now()
    token = ApiToken(
        services.new_resource_id(),
        project,
        name,
        permissions,
        secret.digest(),
        now,
        mask(secret.reveal()),
        unused=services.keyed is not None,
    )
    event = services.new_event(EventKind.API_TOKEN_CREATED, project, origin, now, subject=token.id)
    await services.store.projects.add_api_token(token, event, services.keyed)
    return token, secret


async def repeat_api_token(services: ServiceContext, project: UUID) -> tuple[ApiToken, SecretText]:
    """The API token that an earlier request with the same idempotency key has created.

    Raises:
        NotFound: it was deleted.
        Unprocessable: a request with it was accepted already.
    """
    secret = new_api_token(services.secret_entropy())
    token = await services.store.projects.api_token_by_digest(project, secret.digest())
    if token is None:
        raise NotFound("api_token")
    if not token.unused and not is_concurrent(services.clock.now() - token.created_at):
        raise result_unavailable("used")
    return token, secret


async def list_api_tokens(store: Store, project: UUID, window: Window) -> Page[ApiToken]:
    """One page of the project's API tokens, oldest first."""
    return await store.projects.list_api_tokens(project, window)


async def get_api_token(store: Store, project: UUID, token: UUID) -> ApiToken:
    """One API token.

    Raises:
        NotFound: the project has no such API token.
    """
    found = await store.projects.api_token(project, token)
    if found is None:
        raise NotFound("api_token")
    return found


async def update_api_token(
    services: ServiceContext,
    project: UUID,
    token: UUID,
    name: str | None,
    permissions: frozenset[Permission] | None,
    origin: Origin,
) -> ApiToken:
    """Change the name or the permissions of an API token. None: unchanged.

    Raises:
        NotFound: the project has no such API token.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.API_TOKEN_UPDATED, project, origin, now, subject=token)
    updated = await services.store.projects.update_api_token(
        project, token, name, permissions, event
    )
    if updated is None:
        raise NotFound("api_token")
    return updated


async def delete_api_token(
    services: ServiceContext, project: UUID, token: UUID, origin: Origin
) -> None:
    """Delete an API token.

    Raises:
        NotFound: the project has no such API token.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.API_TOKEN_DELETED, project, origin, now, subject=token)
    if not await services.store.projects.delete_api_token(project, token, event):
        raise NotFound("api_token")


async def create_c2c_token(
    services: ServiceContext, project: UUID, new: NewC2cToken, origin: Origin
) -> tuple[C2cToken, SecretText]:
    """Create a Click-to-Call token for one address.

    Raises:
        Unprocessable: the address does not belong to the project.
    """
    if field_errors := await c2c_address_errors(services.store, project, new.address):
        raise Unprocessable(*field_errors)
    secret, now = new_c2c_token(services.secret_entropy()), services.clock.now()
    token = C2cToken(
        services.new_resource_id(),
        project,
        new.address,
        new.name,
        secret.digest(),
        new.origins,
        now,
    )
    event = services.new_event(EventKind.C2C_TOKEN_CREATED, project, origin, now, subject=token.id)
    await services.store.projects.add_c2c_token(token, event, services.keyed)
    return token, secret


async def repeat_c2c_token(services: ServiceContext) -> tuple[C2cToken, SecretText]:
    """The Click-to-Call token that an earlier request with the same idempotency key has created.

    Used or not: its text is public.

    Raises:
        NotFound: it was deleted.
    """
    secret = new_c2c_token(services.secret_entropy())
    token = await services.store.projects.c2c_token_by_digest(secret.digest())
    if token is None:
        raise NotFound("c2c_token")
    return token, secret


async def c2c_address_errors(store: Store, project: UUID, address: UUID) -> list[FieldError]:
    """Errors in the address of a new Click-to-Call token."""
    if await store.addresses.get(project, address) is not None:
        return []
    message = "The address must belong to the project"
    return [FieldError(Code.MUST_BELONG_TO_PROJECT, message, "address_id")]


async def list_c2c_tokens(store: Store, project: UUID, window: Window) -> Page[C2cToken]:
    """One page of the project's Click-to-Call tokens, oldest first."""
    return await store.projects.list_c2c_tokens(project, window)


async def get_c2c_token(store: Store, project: UUID, token: UUID) -> C2cToken:
    """One Click-to-Call token.

    Raises:
        NotFound: the project has no such Click-to-Call token.
    """
    found = await store.projects.c2c_token(project, token)
    if found is None:
        raise NotFound("c2c_token")
    return found


async def disable_c2c_token(
    services: ServiceContext, project: UUID, token: UUID, origin: Origin
) -> C2cToken:
    """Disable a Click-to-Call token permanently. Embed SATs issued with it are valid until `exp`.

    Raises:
        NotFound: the project has no such Click-to-Call token.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.C2C_TOKEN_DISABLED, project, origin, now, subject=token)
    disabled = await services.store.projects.disable_c2c_token(project, token, now, event)
    if disabled is None:
        raise NotFound("c2c_token")
    return disabled


async def delete_c2c_token(
    services: ServiceContext, project: UUID, token: UUID, origin: Origin
) -> None:
    """Delete a Click-to-Call token.

    Raises:
        NotFound: the project has no such Click-to-Call token.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.C2C_TOKEN_DELETED, project, origin, now, subject=token)
    if not await services.store.projects.delete_c2c_token(project, token, event):
        raise NotFound("c2c_token")
