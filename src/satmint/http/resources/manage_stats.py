"""The management operation for statistics."""

from typing import Final

import msgspec

from satmint.flows.stats import project_stats
from satmint.http.call import Call
from satmint.http.management_answers import CountAnswer
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.listing import BoundedCount


class ActiveSessionsAnswer(msgspec.Struct, frozen=True):
    """The number of active sessions of each kind."""

    subscriber: CountAnswer
    guest: CountAnswer
    invite: CountAnswer
    embed: CountAnswer


class EventCountAnswer(msgspec.Struct, frozen=True):
    """The number of events of a kind."""

    kind: EventKind
    value: int


class StatsAnswer(msgspec.Struct, frozen=True):
    """What a project has, in numbers, each counted up to 10,000."""

    subscribers: CountAnswer
    """Without guests, invitees and embed visitors."""
    sessions: CountAnswer
    """All that are listed, also revoked and expired ones."""
    active_sessions: ActiveSessionsAnswer
    """Of the newest 10,000 sessions, by kind."""
    bound_sessions: CountAnswer
    """Active ones that are bound to a key, of the newest 10,000 sessions."""
    online_connections: CountAnswer
    """Gateway connections whose subscribers are online."""
    addresses: CountAnswer
    conference_rooms: CountAnswer
    click_to_call_tokens: CountAnswer
    """Those that are not disabled."""
    api_tokens: CountAnswer
    webhooks: CountAnswer
    pending_deliveries: CountAnswer
    """Deliveries to webhooks that have not been accepted yet."""
    events_of_last_hour: CountAnswer
    events_by_kind: list[EventCountAnswer]
    """The newest events of the last hour, as many as `events_of_last_hour` counts."""


async def _get(context: HandlerContext, call: Call) -> StatsAnswer:
    stats = await project_stats(context.services, call.caller.project)
    active = {kind: _show(stats.active_sessions[kind]) for kind in Kind}
    return StatsAnswer(
        subscribers=_show(stats.subscribers),
        sessions=_show(stats.sessions),
        active_sessions=ActiveSessionsAnswer(
            subscriber=active[Kind.SUBSCRIBER],
            guest=active[Kind.GUEST],
            invite=active[Kind.INVITE],
            embed=active[Kind.EMBED],
        ),
        bound_sessions=_show(stats.bound_sessions),
        online_connections=_show(stats.online_connections),
        addresses=_show(stats.addresses),
        conference_rooms=_show(stats.rooms),
        click_to_call_tokens=_show(stats.c2c_tokens),
        api_tokens=_show(stats.api_tokens),
        webhooks=_show(stats.webhooks),
        pending_deliveries=_show(stats.pending_deliveries),
        events_of_last_hour=_show(stats.events),
        events_by_kind=[
            EventCountAnswer(kind, value) for kind, value in sorted(stats.events_by_kind.items())
        ],
    )


def _show(count: BoundedCount) -> CountAnswer:
    return CountAnswer(count.value, count.is_exact)


OPERATIONS: Final = (
    Operation(
        id="get-stats",
        method="GET",
        path="/api/satmint/stats",
        tag="Management",
        summary="Count what the project has",
        description=(
            "Reads a bounded number of rows, whatever the size of the project: a count that is not"
            " exact is a lower bound."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_get,
        answer=StatsAnswer,
    ),
)
