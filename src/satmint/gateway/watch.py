"""Ending what was revoked, on whichever node that happened.

Four times a second each process asks the store for the events that may end sessions. An event is
only a hint: whatever it names is judged anew, by the same question that a connect is asked. Ids of
different nodes are in no strict order, so each look goes back a little further than the last one
ended; after trouble with the store, to where the last good look began. Once a second it goes back
further still: an event bears the time at which somebody asked, and a slow database may take that
long to make it durable.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Final

import structlog

from satmint.flows.live import endings_since, still_stands
from satmint.flows.mint import Mint
from satmint.gateway.line import Line
from satmint.model.events import Event
from satmint.model.refusals import StoreUnavailable

LOOK_EVERY_SECONDS: Final = 0.25
_LOOK_BACK_SECONDS: Final = 10
_LOOK_FAR_BACK_SECONDS: Final = 60
_LOOK_FAR_EVERY_SECONDS: Final = 1.0
_JUDGE_AGAIN_SECONDS: Final = 60.0
"""Every session is judged so often without any occasion: that of a node whose clock is far behind
would otherwise be seen by nobody."""
_EVENTS_AT_ONCE: Final = 1000
_JUDGED_AT_ONCE: Final = 256
_UNASKED_AT_ONCE: Final = 128
_LOOKS_UNTIL_DOWN: Final = 2


class Watch:
    """Looks after the sessions that live in this process."""

    def __init__(
        self,
        mint: Mint,
        lines: Collection[Line],
        end: Callable[[Line], None],
        steady: Callable[[], float],
    ) -> None:
        """Prepare to look.

        Args:
            mint: The tools.
            lines: All lines there are, kept up to date by their owner.
            end: Called with a line whose session does not stand any more.
            steady: Seconds by a clock that nobody can set.
        """
        self.looks = 0
        """How often events were taken in: a connect that saw it change has to be judged again."""
        self._mint = mint
        self._lines = lines
        self._end = end
        self._steady = steady
        self._doubtful: set[Line] = set()
        self._seen: frozenset[bytes] = frozenset()
        self._looked_at: int | None = None
        self._look_far_at = 0.0
        self._failed = 0
        self._log = structlog.get_logger("satmint.gateway")

    @property
    def store_is_down(self) -> bool:
        """Whether the store did not answer lately, so that nobody new can be let in."""
        return self._failed >= _LOOKS_UNTIL_DOWN

    def doubt(self, line: Line) -> None:
        """Have a session judged with the next look."""
        self._doubtful.add(line)

    def trouble(self) -> None:
        """The store was found not to answer, for long enough to believe it."""
        self._count_failures(_LOOKS_UNTIL_DOWN)

    async def look(self) -> None:
        """Look once. Where the store does not answer, what is due stays due."""
        now = self._mint.clock.now()
        if not self._failed and not any(line.lives for line in self._lines):
            self._looked_at = None
            self._doubtful.clear()
            return
        if self._looked_at is None:
            self._looked_at = now
        far = self._steady() >= self._look_far_at
        back = _LOOK_FAR_BACK_SECONDS if far else _LOOK_BACK_SECONDS
        try:
            events = await self._events(min(self._looked_at, now) - back)
        except StoreUnavailable:
            self._count_failures(1)
            return
        if self.store_is_down:
            self._log.info("store_up")
        self._failed = 0
        self._looked_at = now
        self._doubtful |= _named(self._lines, [one for one in events if one.id not in self._seen])
        ids = frozenset(event.id for event in events)
        self._seen = ids if far else self._seen | ids
        if far:
            self._look_far_at = self._steady() + _LOOK_FAR_EVERY_SECONDS
        self.looks += 1
        self._doubtful.update(self._unasked())
        await self._judge_all()

    def _count_failures(self, count: int) -> None:
        before = self.store_is_down
        self._failed += count
        if self.store_is_down and not before:
            self._log.warning("store_down", meaning="nobody is let in, and who is in stays")

    async def _events(self, second: int) -> list[Event]:
        events: list[Event] = []
        while True:
            after = events[-1].id if events else b""
            more = await endings_since(self._mint, second, after, _EVENTS_AT_ONCE)
            events += more
            if len(more) < _EVENTS_AT_ONCE:
                return events

    def _unasked(self) -> list[Line]:
        """Some of those that were not judged for longest."""
        steady = self._steady()
        due = (line for line in self._lines if line.judge_again_at <= steady and line.lives)
        found = [line for line, _ in zip(due, range(_UNASKED_AT_ONCE), strict=False)]
        for line in found:
            line.judge_again_at = steady + _JUDGE_AGAIN_SECONDS
        return found

    async def _judge_all(self) -> None:
        lines = tuple(self._doubtful)
        for start in range(0, len(lines), _JUDGED_AT_ONCE):
            await asyncio.gather(*map(self._judge, lines[start : start + _JUDGED_AT_ONCE]))

    async def _judge(self, line: Line) -> None:
        admission = line.lives
        try:
            stands = admission is None or await still_stands(self._mint, admission)
        except StoreUnavailable:
            return  # it stays doubtful
        if line.lives is not admission:
            return  # a newer token came in between, so the judgement is about nobody
        self._doubtful.discard(line)
        if not stands:
            self._end(line)


def new_deadline(steady: float) -> float:
    """When a session that was judged just now is due to be judged again, by the steady clock."""
    return steady + _JUDGE_AGAIN_SECONDS


def _named(lines: Iterable[Line], events: Iterable[Event]) -> set[Line]:
    """The lines that live and that any of `events` may have ended."""
    sessions, subscribers, projects = set(), set(), set()
    for event in events:
        if event.session is not None:
            sessions.add((event.project, event.session))
        elif event.subscriber is not None:
            subscribers.add((event.project, event.subscriber))
        else:
            projects.add(event.project)
    if not (sessions or subscribers or projects):
        return set()
    return {
        line
        for line in lines
        if (who := line.lives) is not None
        and (
            who.project in projects
            or (who.project, who.session) in sessions
            or (who.project, who.subscriber) in subscribers
        )
    }
