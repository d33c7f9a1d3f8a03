"""The life of a session as a picture: where marks go. The template draws it as SVG.

The picture is 600 by 60 units, stretched to its place; times and meanings stand beside it as text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from satmint.console.times import exact_time
from satmint.model.events import Event, EventKind
from satmint.model.records import Presence, Session
from satmint.model.session_filter import SessionEnd

WIDTH: Final = 600
_MARGIN: Final = 4
"""Between the ends of the picture and those of the life, so that marks there are seen whole."""
_SHORTEST: Final = 3
"""Of a connection."""
_TONES: Final[Mapping[EventKind, str]] = {
    EventKind.ISSUED: "mint",
    EventKind.REFRESHED: "mint",
    EventKind.REPLAYED: "amber",
    EventKind.BOUND: "blue",
    EventKind.DEVICE_TOKEN_ISSUED: "blue",
}
"""Colours by kind; other kinds are red."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An event of the session, or of all of its subscriber."""

    x: float
    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A live socket that is connected."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Legend:
    """What a colour means, and how often it is drawn."""

    text: str
    tone: str
    count: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A session's life, ready to be drawn."""

    begins: float
    """The left end of its life."""
    lived: float
    """Where the part ends in which it was active until now."""
    width: float
    """Of the whole life."""
    ended: bool
    marks: Sequence[Mark]
    connections: Sequence[Connection]
    """Those that are connected now. Nothing is kept of those that were."""
    legend: Sequence[Legend]
    start: int
    """Unix seconds of the left end."""
    end: int
    """Unix seconds when it ended or, if it is active, until when it can last.

    The right end is earlier while most of that time is still to come.
    """
    end_text: str
    summary: str
    """For those who do not see it."""


def picture_of(
    session: Session,
    end: SessionEnd | None,
    events: Iterable[Event],
    now: int,
    sockets: Sequence[Presence] = (),
) -> Picture:
    """The picture of a session.

    Args:
        session: The session.
        end: What ended it; None: it is active.
        events: Its events.
        now: Unix seconds.
        sockets: Its live sockets.
    """
    start = session.created_at
    until = max(session.lives_until if end is None else end.at, start + 1)
    # A picture of a session without an end would be empty: it ends at twice the time until now.
    last = min(until, 2 * max(now, start + 1) - start) if end is None else until

    def x(at: int) -> float:
        part = min(max((at - start) / (last - start), 0), 1)
        return round(_MARGIN + (WIDTH - 2 * _MARGIN) * part, 1)

    found = sorted(events, key=lambda event: event.at)
    marks = [
        Mark(x(event.at), _tone(event), f"{exact_time(event.at)}: {_text(event)}")
        for event in found
    ]
    counts: dict[tuple[str, str], int] = {}
    for event in found:
        key = str(event.kind).replace("_", " "), _tone(event)
        counts[key] = counts.get(key, 0) + 1
    state = "is active and can last until" if end is None else f"ended: {end.by.replace('_', ' ')},"
    return Picture(
        begins=_MARGIN,
        lived=x(now if end is None else end.at),
        width=WIDTH - 2 * _MARGIN,
        ended=end is not None,
        marks=marks,
        connections=[
            Connection(
                x(one.since),
                max(round(x(now) - x(one.since), 1), _SHORTEST),
                f"{exact_time(one.since)}: connected, until now",
            )
            for one in sockets
        ],
        legend=[Legend(text, tone, count) for (text, tone), count in counts.items()],
        start=start,
        end=until,
        end_text="can last until" if end is None else "ended",
        summary=(
            f"Opened {exact_time(start)}, generation {session.head.generation}; the session {state}"
            f" {exact_time(until)}. {len(marks)} events, {len(sockets)} live sockets."
        ),
    )


def _tone(event: Event) -> str:
    return _TONES.get(event.kind, "red")


def _text(event: Event) -> str:
    text = str(event.kind).replace("_", " ")
    generation = "" if event.generation is None else f", generation {event.generation}"
    return f"{text}{generation}{f', {event.cause}' if event.cause else ''}"
