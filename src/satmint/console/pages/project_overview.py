"""The overview of a project: its sessions, counted up to a limit, and its last alerts."""

import asyncio
from typing import Final

from satmint.console.alerts import last_alerts
from satmint.console.context import ConsoleContext
from satmint.console.page import NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.session_queries import count_matching
from satmint.model.claims import Kind
from satmint.model.session_filter import SessionFilter, SessionStatus

_DAY: Final = 86_400
_ACTIVE: Final = SessionStatus.ACTIVE


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    project, services = request.project.id, context.services
    since = request.now - _DAY
    filters = {
        "Active sessions": SessionFilter(state=_ACTIVE),
        "Bound to a key": SessionFilter(state=_ACTIVE, bound=True),
        "Guests": SessionFilter(state=_ACTIVE, kind=Kind.GUEST),
        "Opened in the last day": SessionFilter(since=since),
        "Of them revoked": SessionFilter(state=SessionStatus.REVOKED, since=since),
    }
    counts = await asyncio.gather(
        *(count_matching(services, project, wanted) for wanted in filters.values())
    )
    data = {
        "counts": list(zip(filters, counts, strict=True)),
        "alerts": await last_alerts(services.store, project),
    }
    return View("project_overview.html", data)


PAGE = Page(
    path="/projects/{project}/overview",
    title="Project overview",
    show=_show,
    navigation=NavigationItem(Section.PROJECT, 0, "overview"),
)
