"""Finding things by what people call them: for operators, who see every project."""

from collections.abc import Sequence
from uuid import UUID

from satmint.flows.mint import Mint
from satmint.model.ids import as_uuid
from satmint.model.listing import AddressFilter, Anchor, Window
from satmint.model.records import Address, ApiToken, C2cToken, Project, Subscriber
from satmint.model.refusals import NotFound
from satmint.model.secrets import digest

_PAGE = 1000


async def list_projects(mint: Mint) -> Sequence[Project]:
    """All projects, oldest first."""
    return await mint.store.projects.list()


async def projects_called(mint: Mint, text: str) -> list[Project]:
    """The projects of an id or a name; several may share a name."""
    projects = await list_projects(mint)
    return [project for project in projects if text in (str(project.id), project.name)]


async def api_token_of(mint: Mint, text: str, project: UUID | None = None) -> ApiToken | None:
    """The API token of this text, in one project or in any."""
    projects = [found.id for found in await list_projects(mint)] if project is None else [project]
    for owner in projects:
        found = await mint.store.projects.api_token_by_digest(owner, digest(text))
        if found is not None:
            return found
    return None


async def c2c_token_of(mint: Mint, text: str) -> C2cToken | None:
    """The Click-to-Call token of this text, of whichever project."""
    return await mint.store.projects.c2c_token_by_digest(digest(text))


async def addresses_called(mint: Mint, project: UUID, text: str) -> list[Address]:
    """The addresses that `text` names: by id, as `/context/name`, or by the name alone."""
    given = as_uuid(text)
    if given is not None:
        found = await mint.store.addresses.get(project, given)
        return [] if found is None else [found]
    context, _, name = text.removeprefix("/").rpartition("/")
    page = await mint.store.addresses.list(project, AddressFilter(name=name), Window(_PAGE))
    return [address for address in page.items if context in ("", address.context)]


async def subscriber_called(mint: Mint, project: UUID, text: str) -> Subscriber:
    """The subscriber of an id, of a backend's reference, or of an e-mail address.

    Raises:
        NotFound: the project has none.
    """
    given = as_uuid(text)
    if given is not None:
        found = await mint.store.subscribers.get(project, given)
        if found is not None:
            return found
    anchor = None
    while True:
        page = await mint.store.subscribers.list(project, Window(_PAGE, anchor=anchor))
        for found in page.items:
            if text in (found.reference, found.email):
                return found
            anchor = Anchor(found.created_at, found.id)
        if not page.more_after:
            raise NotFound("subscriber")
