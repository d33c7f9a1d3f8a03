"""The projects of the deployment: choose the one to look at."""

from satmint.console.context import ConsoleContext
from satmint.console.page import NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.lookup import list_projects

_SHOWN = 200


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    wanted = request.query.get("search", "").lower()
    found = [
        project
        for project in await list_projects(context.services.store)
        if wanted in project.name.lower() or wanted in str(project.id)
    ]
    return View("projects.html", {"projects": found[:_SHOWN], "more": len(found) - _SHOWN})


PAGE = Page(
    path="/projects",
    title="Projects",
    show=_show,
    navigation=NavigationItem(Section.DEPLOYMENT, 20, "projects"),
)
