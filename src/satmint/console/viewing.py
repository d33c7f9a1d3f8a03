"""The request as a page's handler sees it, with the project in view."""

from collections.abc import Mapping, Sequence

from satmint.console.answering import Incoming
from satmint.console.context import ConsoleContext
from satmint.console.request import ConsoleRequest, read_form, read_query
from satmint.console.routing import Match
from satmint.console.session import ConsoleSession
from satmint.console.viewer import Manager
from satmint.flows.lookup import list_projects
from satmint.model.events import AGENT_LIMIT, Origin
from satmint.model.ids import as_uuid
from satmint.model.records import Project
from satmint.model.refusals import NotFound


async def console_request(
    context: ConsoleContext,
    match: Match,
    incoming: Incoming,
    session: ConsoleSession,
    form: Mapping[str, Sequence[str]],
) -> ConsoleRequest:
    """The request of somebody who is signed in.

    Raises:
        NotFound: there is no such project, or the viewer may not see it.
        Unprocessable: the query string is malformed.
        StoreUnavailable: the project cannot be read now.
    """
    origin = incoming.origin
    agent = f"console ({session.viewer.label}); {origin.agent}"[:AGENT_LIMIT]
    return ConsoleRequest(
        path=incoming.path,
        params=match.params,
        query=read_query(incoming.query_string),
        repeated=read_form(incoming.query_string),
        form=form,
        session=session,
        origin=Origin(origin.request_id, origin.address, agent),
        now=incoming.now,
        current=await _current_project(context, match, session),
    )


async def _current_project(
    context: ConsoleContext, match: Match, session: ConsoleSession
) -> Project | None:
    projects, viewer = context.services.store.projects, session.viewer
    if match.page.is_of_project:
        wanted = as_uuid(match.params["project"])
        found = None
        if wanted is not None and viewer.sees(wanted):
            found = await projects.get(wanted)
        if found is None or found.deleted_at is not None:
            raise NotFound("project")
        return found
    last = viewer.project if isinstance(viewer, Manager) else session.project
    found = None if last is None else await projects.get(last)
    if found is not None and found.deleted_at is not None:
        found = None
    if found is None and not isinstance(viewer, Manager):
        found = next(iter(await list_projects(context.services.store)), None)
    return found
