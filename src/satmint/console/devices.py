"""The keys of a subscriber's devices, as its sessions tell.

A subscriber may have any number of sessions, so that only the newest are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_project_sessions
from satmint.model.listing import Window
from satmint.model.records import Device, Session
from satmint.model.session_filter import SessionFilter, SessionStatus

_EXAMINED: Final = 200
"""How many active sessions are examined for their keys."""


@dataclass(frozen=True, slots=True)
class Devices:
    """The keys that a subscriber's active sessions are bound to, most recently used first."""

    items: Sequence[Device]
    is_complete: bool
    """Whether all active sessions were examined."""


async def newest_devices(services: ServiceContext, project: UUID, subscriber: UUID) -> Devices:
    """The keys of a subscriber's newest active sessions; see `flows.list_devices` for all."""
    wanted = SessionFilter(state=SessionStatus.ACTIVE, subscriber=subscriber, bound=True)
    window = Window(_EXAMINED, descending=True)
    page = await list_project_sessions(services, project, wanted, window)
    bound: dict[str, list[Session]] = {}
    for found in page.items:
        if found.jkt is not None:
            bound.setdefault(found.jkt, []).append(found)
    used_at = attrgetter("used_at")
    devices = [
        Device(jkt, len(sessions), sessions[-1].created_at, max(sessions, key=used_at))
        for jkt, sessions in bound.items()
    ]
    devices.sort(key=attrgetter("last.used_at"), reverse=True)
    return Devices(devices, not page.more_after)
