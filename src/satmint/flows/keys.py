"""What is done to the keyring concerns every project, and each has an audit trail of its own."""

import asyncio
from typing import Final

import msgspec

from satmint.flows.finding import list_projects
from satmint.flows.mint import Mint
from satmint.model.events import EventKind, Origin

_AT_ONCE: Final = 100


async def record_in_all_projects(mint: Mint, kind: EventKind, key: str, origin: Origin) -> int:
    """Have every project's trail tell what was done to a master key; returns how many those are.

    Args:
        mint: The tools.
        kind: What was done.
        key: The key's id, which is public: every token of it says it.
        origin: Who did it.
    """
    projects = await list_projects(mint)
    now = mint.clock.now()
    for first in range(0, len(projects), _AT_ONCE):
        some = projects[first : first + _AT_ONCE]
        events = [
            msgspec.structs.replace(mint.event(kind, project.id, origin, now), cause=key)
            for project in some
        ]
        # Together, so that they share a commit.
        await asyncio.gather(*map(mint.store.events.record, events))
    return len(projects)
