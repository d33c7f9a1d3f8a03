"""The settings in force, and where each value comes from."""

from satmint.console.context import ConsoleContext
from satmint.console.page import NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    search = request.query.get("search", "").lower()
    found = [
        setting
        for setting in context.settings
        if search in setting.name or search in setting.description.lower()
    ]
    data = {
        "given": [setting for setting in found if setting.source],
        "defaults": [setting for setting in found if not setting.source],
        "search": request.query.get("search", ""),
    }
    return View("settings.html", data)


PAGE = Page(
    path="/settings",
    title="Settings",
    show=_show,
    navigation=NavigationItem(Section.DEPLOYMENT, 40, "settings"),
)
