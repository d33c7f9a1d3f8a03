"""The last alerts of a project, with whose they are."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.flows.session_queries import list_events
from satmint.model.event_filter import EventFilter
from satmint.model.events import Event
from satmint.model.listing import Window
from satmint.model.webhooks import ALERTS
from satmint.store.contract import Store

_SHOWN: Final = 8
_FILTER: Final = EventFilter(kinds=ALERTS)


async def last_alerts(store: Store, project: UUID) -> Sequence[Event]:
    """The newest events of the kinds that webhooks report, newest first."""
    page = await list_events(store, project, _FILTER, Window(_SHOWN, descending=True))
    return page.items
