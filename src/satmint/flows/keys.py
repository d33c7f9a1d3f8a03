"""Changes of the keyring, which concern every project, and the keys that the database knows."""

import asyncio
from collections.abc import Collection
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


async def record_keys(services: ServiceContext, keys: Collection[str]) -> None:
    """Record the keys of a changed keyring in its database; in another one, nothing is written.

    Servers do so, too. But before one runs again, all keys that it has recorded may be retired.

    Args:
        services: The context of this process.
        keys: The ids of all keys of the keyring.
    """
    await services.store.known_keys.record(keys, services.clock.now())


async def adopt_keyring(services: ServiceContext) -> frozenset[str]:
    """Know the keys of this keyring only: it was replaced on purpose.

    Servers that use it stop warning; one that has the former keyring will warn from its next start.

    Returns:
        The ids of the keys that the database knew before.
    """
    known = services.store.known_keys
    before = await known.ids()
    await known.replace([key.id for key in services.cipher.keyring.keys], services.clock.now())
    return before
