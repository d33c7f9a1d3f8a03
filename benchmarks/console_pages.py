"""The console's pages over very many sessions: how long each takes, and what memory they need.

.venv/bin/python -m benchmarks --part console
"""

import asyncio
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
from tests.console.visitor import Visitor, visiting
from tests.kit.service import Server, a_service

from benchmarks.filling import check_room, fill_sqlite
from satmint.console.pages import PAGES
from satmint.model.session_filter import SessionStatus

LIMIT_SECONDS: Final = 0.3
_TRIES: Final = 5
_SEARCHES: Final = (
    *(f"?state={state.value}" for state in SessionStatus),
    *("?kind=guest", "?bound=true", "?since=1h", "?search=127.0.0.1", "?search=nobody"),
)
"""Searches of sessions: most of them find few or none."""


class PageFigures(msgspec.Struct, frozen=True):
    """What was measured with one number of sessions."""

    sessions: int
    slowest_path: str
    """Of the page, with its search."""
    slowest_seconds: float
    """The median of its tries."""
    pages: int
    grown_mb: float
    """How much more memory the process needs after all pages."""


async def _median(visitor: Visitor, path: str) -> float:
    took = []
    for _ in range(_TRIES):
        began = perf_counter()
        answer = await visitor.get(path)
        took.append(perf_counter() - began)
        if answer.status_code not in (200, 303):
            raise ValueError(f"{path}: {answer.status_code}")
    return sorted(took)[_TRIES // 2]


def _paths(server: Server) -> list[str]:
    """Every page that needs no record, and searches of sessions."""
    project = str(server.tenant.id)
    lists = [
        page.path.replace("{project}", project)
        for page in PAGES
        if not page.development_only and "{" not in page.path.replace("{project}", "")
    ]
    sessions = f"/projects/{project}/sessions"
    more = [f"{sessions}{search}" for search in _SEARCHES]
    return [f"/console{path}" for path in (*lists, *more, f"{sessions}/revoke?state=active")]


def _resident_mb() -> float:
    """The memory of this process now, in megabytes."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def _measure(place: Path, sessions: int) -> PageFigures:
    file = place / "satmint.db"
    async with a_service(place, database=f"sqlite:///{file}") as server:
        now = server.clock.now()
        await asyncio.to_thread(fill_sqlite, file, server.tenant.id, sessions, now)
        async with visiting(server) as visitor:
            await visitor.sign_in_as_operator()
            paths = _paths(server)
            for path in paths:
                await visitor.get(path)
            before = _resident_mb()
            took = {path: await _median(visitor, path) for path in paths}
            grown = _resident_mb() - before
    slowest = max(took, key=lambda path: took[path])
    shown = slowest.replace(str(server.tenant.id), "{project}")
    return PageFigures(sessions, shown, took[slowest], len(took), grown)


def measure_pages(place: Path, sessions: int) -> PageFigures:
    """Fill an SQLite database, and open every page.

    Args:
        place: A folder for the database.
        sessions: How many.
    """
    check_room(place, sessions)
    own = place / f"console-{sessions}"
    own.mkdir()
    return asyncio.run(_measure(own, sessions))
