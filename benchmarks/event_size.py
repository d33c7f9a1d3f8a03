"""What an event of the audit trail takes on the disk, with its indexes.

    .venv/bin/python -m benchmarks --part event-size

Most events are refreshes. The rows are as the server writes them, with the longest of usual values:
an address of IPv4 and the User-Agent of a browser.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from benchmarks.database import NoPostgres
from benchmarks.deployment import Deployment, deployment
from benchmarks.filling import Row, insert_postgres, insert_sqlite
from satmint.model.clock import SystemClock
from satmint.model.events import EventKind
from satmint.stores import sqlite_path

_EVENTS: Final = 200_000
_QUICK_EVENTS: Final = 20_000
_SEED: Final = 7
_ADDRESS: Final = "203.0.113.123"
_AGENT: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"
    " Safari/537.36"
)
_COLUMNS: Final = (
    *("project_id", "event_id", "kind", "at", "subscriber_id", "session_id", "generation"),
    *("cause", "request_id", "address", "agent", "position"),
)
_PER_SECOND: Final = 1000


class EventSize(msgspec.Struct, frozen=True):
    """What was measured on one store."""

    store: str
    """As subjects are named."""
    events: int
    bytes_each: float


def _rows(project: UUID, count: int, now: int) -> Iterator[Row]:
    chance = random.Random(_SEED)
    for number in range(count):
        milliseconds = now * 1000 + number * 1000 // _PER_SECOND
        own = (milliseconds << 80 | 7 << 76 | chance.getrandbits(76)).to_bytes(16, "big")
        ids = (UUID(int=chance.getrandbits(128)), UUID(int=chance.getrandbits(128)))
        yield (
            *(project, own, EventKind.REFRESHED.value, milliseconds // 1000, *ids, number % 100),
            *("", f"0123456789ab-{number}", _ADDRESS, _AGENT, number),
        )


async def _in_postgres(url: str) -> int:
    db = await asyncpg.connect(url)
    try:
        size: int = await db.fetchval("SELECT pg_total_relation_size('events')")
    finally:
        await db.close()
    return size


def _measure(deployed: Deployment, events: int) -> float:
    project, now = UUID(deployed.project["id"]), SystemClock().now()
    tables = [("events", _COLUMNS, _rows(project, events, now))]
    if deployed.database.startswith("sqlite"):
        file = sqlite_path(deployed.database)
        insert_sqlite(file, [])  # what was written so far is in the file then
        before = file.stat().st_size
        insert_sqlite(file, tables)
        return (file.stat().st_size - before) / events
    before = asyncio.run(_in_postgres(deployed.database))
    asyncio.run(insert_postgres(deployed.database, tables))
    return (asyncio.run(_in_postgres(deployed.database)) - before) / events


def measure_event_sizes(
    place: Path, stores: Sequence[str], leave_out: Callable[[str], None], *, quick: bool
) -> list[EventSize]:
    """Measure on some stores.

    Args:
        place: A folder for what they keep.
        stores: As `deployment` names them.
        leave_out: Is told, in a line each, what cannot be measured here.
        quick: Whether few events are enough.
    """
    events = _QUICK_EVENTS if quick else _EVENTS
    found = []
    for store in stores:
        own = place / f"event-size-{store}"
        own.mkdir()
        try:
            with deployment(own, store) as deployed:
                found.append(EventSize(store, events, _measure(deployed, events)))
        except NoPostgres as missing:
            leave_out(f"event-size, {store}: {missing}")
    return found
