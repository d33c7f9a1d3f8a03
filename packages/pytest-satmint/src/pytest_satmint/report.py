"""What a failing test's report shows of the server."""

import json
from pathlib import Path
from typing import Final

from pytest_satmint.calls import SatmintCalls
from pytest_satmint.control import SatmintError
from pytest_satmint.server import Satmint

_LINES: Final = 100
_FRAME: Final = ("timestamp", "level", "event", "logger")
_TIME: Final = slice(len("2026-01-01T"), len("2026-01-01T00:00:00.000"))


def sections(server: Satmint, since: int) -> list[tuple[str, str]]:
    """The sections of a report: titles and texts.

    Args:
        server: The server.
        since: The size of its log when the test began.
    """
    found = []
    try:
        calls = SatmintCalls(server.control)()
    except SatmintError as error:
        found.append(("satmint calls", str(error)))
    else:
        found.append(("satmint calls", "\n".join(map(str, calls)) or "none"))
    if log := _log_since(server.log, since):
        found.append((f"satmint log ({server.log})", log))
    return found


def _log_since(file: Path, since: int) -> str:
    with file.open("rb") as log:
        log.seek(since)
        lines = log.read().decode(errors="replace").splitlines()
    dropped = len(lines) - _LINES
    first = [f"({dropped} earlier lines)"] if dropped > 0 else []
    return "\n".join([*first, *map(_shown, lines[-_LINES:])])


def _shown(line: str) -> str:
    """A line of the log, for people: `12:00:00.000 info fault_met kind=lose_answer`."""
    try:
        event = json.loads(line)
        frame = [str(event[name]) for name in _FRAME]
    except (ValueError, KeyError, TypeError):
        return line
    members = [f"{name}={value}" for name, value in event.items() if name not in _FRAME]
    return " ".join([frame[0][_TIME], *frame[1:3], *members])
