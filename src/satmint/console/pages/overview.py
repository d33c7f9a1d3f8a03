"""The overview of the deployment: plots of the last hours, and its health."""

from typing import Final

from satmint.console.alerts import last_alerts
from satmint.console.context import ConsoleContext
from satmint.console.load_plots import LoadPlots
from satmint.console.page import NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.http.metrics_history import Range

_NAMES: Final = {Range.HOUR: "1 hour", Range.SIX_HOURS: "6 hours", Range.DAY: "1 day"}
_CAUSES: Final = 8


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    wanted, project = _range(request.query.get("range", "")), request.current
    history, missing = await context.history(wanted)
    load = LoadPlots(history, wanted)
    data = {
        "plots": load.plots(),
        "ranges": [(each.value, name, each is wanted) for each, name in _NAMES.items()],
        "range_name": _NAMES[wanted],
        "totals": load.totals,
        "refused": sum(load.causes.values()),
        "causes": load.causes.most_common(_CAUSES),
        "history": history,
        "missing": missing,
        "sockets": load.last.sockets,
        "report": await context.health.read(request.now),
        "alerts": () if project is None else await last_alerts(context.services.store, project.id),
    }
    return View("overview.html", data)


def _range(text: str) -> Range:
    try:
        return Range(text)
    except ValueError:
        return Range.HOUR


PAGE = Page(
    path="/overview",
    title="Overview",
    show=_show,
    navigation=NavigationItem(Section.OVERVIEW, 0, "pulse"),
)
