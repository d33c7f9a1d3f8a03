"""Record changes of the keyring, which concern every project, in each project's audit trail."""

import asyncio
from typing import Final

import msgspec

from satmint.flows.lookup import list_projects
from satmint.flows.service_context import ServiceContext
from satmint.model.events import EventKind, Origin

_BATCH_SIZE: Final = 100


async def record_in_all_projects(
    services: ServiceContext, kind: EventKind, key: str, origin: Origin
) -> int:
    """Record an event about a master key for every project; return the number of projects.

    Args:
        services: The context of this process.
        kind: The kind of the event.
        key: The id of the key. It is public: the header of every token contains it.
        origin: The origin of the change.
    """
    projects = await list_projects(services.store)
    now = services.clock.now()
    for first in range(0, len(projects), _BATCH_SIZE):
        batch = projects[first : first + _BATCH_SIZE]
        events = [
            msgspec.structs.replace(services.new_event(kind, project.id, origin, now), cause=key)
            for project in batch
        ]
        # Concurrently, so that the events share a group commit.
        await asyncio.gather(*map(services.store.events.record, events))
    return len(projects)
