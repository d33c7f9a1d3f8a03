"""The overview of a project: what it has, counted up to a limit, and its last alerts."""

from satmint.console.alerts import last_alerts
from satmint.console.context import ConsoleContext
from satmint.console.page import NavigationItem, Page, Section, View
from satmint.console.request import ConsoleRequest
from satmint.flows.stats import project_stats
from satmint.model.events import EventKind
from satmint.model.listing import BoundedCount

_TOKEN_EVENTS = (
    EventKind.ISSUED,
    EventKind.REFRESHED,
    EventKind.REPLAYED,
    EventKind.REUSE_DETECTED,
    EventKind.KEY_MISMATCH,
    EventKind.SESSION_REVOKED,
)


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:
    project, services = request.project.id, context.services
    stats = await project_stats(services, project)
    by_kind = stats.active_sessions
    active = BoundedCount(
        sum(count.value for count in by_kind.values()),
        all(count.is_exact for count in by_kind.values()),
    )
    data = {
        "counts": (
            ("Active sessions", active),
            ("Bound to a key", stats.bound_sessions),
            ("Online now", stats.online_connections),
            ("Subscribers", stats.subscribers),
            ("API tokens", stats.api_tokens),
            ("Webhook messages pending", stats.pending_deliveries),
        ),
        "kinds": [(kind.value, count) for kind, count in by_kind.items()],
        "hour": [(kind.value, stats.events_by_kind.get(kind, 0)) for kind in _TOKEN_EVENTS],
        "hour_is_exact": stats.events.is_exact,
        "alerts": await last_alerts(services.store, project),
    }
    return View("project_overview.html", data)


PAGE = Page(
    path="/projects/{project}/overview",
    title="Project overview",
    show=_show,
    navigation=NavigationItem(Section.PROJECT, 0, "overview"),
)
