"""Find records by id, name or text, for the command line, whose operator may see all projects."""

from collections.abc import Sequence
from uuid import UUID

from satmint.model.ids import as_uuid
from satmint.model.listing import AddressFilter, Window
from satmint.model.records import Address, ApiToken, C2cToken, Project, Subscriber
from satmint.model.refusals import NotFound
from satmint.model.secrets import digest
from satmint.store.contract import Store

_PAGE_SIZE = 1000


async def list_projects(store: Store) -> Sequence[Project]:
    """All projects but deleted ones, oldest first."""
    return [project for project in await store.projects.list() if project.deleted_at is None]


async def find_projects(store: Store, text: str) -> list[Project]:
    """The projects with the id or the name `text`.

    Projects of earlier versions may share a name.
    """
    projects = await list_projects(store)
    return [project for project in projects if text in (str(project.id), project.name)]


async def find_deleted_projects(store: Store, text: str) -> list[Project]:
    """The deleted projects with the id or the name `text` whose events are kept."""
    return [
        project
        for project in await store.projects.list()
        if project.deleted_at is not None and text in (str(project.id), project.name)
    ]


async def find_api_token(store: Store, text: str, project: UUID | None = None) -> ApiToken | None:
    """The API token with the text `text`, in one project or in any."""
    projects = [found.id for found in await list_projects(store)] if project is None else [project]
    for owner in projects:
        found = await store.projects.api_token_by_digest(owner, digest(text))
        if found is not None:
            return found
    return None


async def find_c2c_token(store: Store, text: str) -> C2cToken | None:
    """The Click-to-Call token with the text `text`, in any project."""
    return await store.projects.c2c_token_by_digest(digest(text))


async def find_addresses(store: Store, project: UUID, text: str) -> list[Address]:
    """The addresses with the id `text`, the path `/context/name` or the name."""
    record_id = as_uuid(text)
    if record_id is not None:
        found = await store.addresses.get(project, record_id)
        return [] if found is None else [found]
    context, _, name = text.removeprefix("/").rpartition("/")
    page = await store.addresses.list(project, AddressFilter(name=name), Window(_PAGE_SIZE))
    return [address for address in page.items if context in ("", address.context)]


async def find_subscriber(store: Store, project: UUID, text: str) -> Subscriber:
    """The subscriber with the id, the reference or the e-mail address `text`.

    Raises:
        NotFound: the project has no such subscriber.
    """
    record_id = as_uuid(text)
    if record_id is not None:
        found = await store.subscribers.get(project, record_id)
        if found is not None:
            return found
    found = await store.subscribers.find(project, text)
    if found is None:
        raise NotFound("subscriber")
    return found
