"""The API tokens of a project: masked, with permissions and last use."""

from satmint.console.context import ConsoleContext
from satmint.console.listing import pager_of, window_of
from satmint.console.page import NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.credentials import list_api_tokens
from satmint.http.paging import by_creation


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    tokens = await list_api_tokens(context.services.store, request.project.id, window_of(request))
    pager = pager_of(request, tokens, by_creation)
    return View("api_tokens.html", {"tokens": tokens.items, "pager": pager})


PAGE = Page(
    path="/projects/{project}/api-tokens",
    title="API tokens",
    show=_show,
    navigation=NavigationItem(Section.SECURITY, 10, "token"),
)
