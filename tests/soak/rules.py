"""When a spent token is replayed and when it is evidence (spec 1.6), by the clock that measures it.

The checker knows each moment only as a span between two of its own: the earliest and the latest at
which it can have been. Steps of the server's clock are told to it, so that it measures ages as the
server does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from satmint.flows.policy import Policy
from satmint.model.lifetimes import CLOCK_STEP_SECONDS, CONCURRENT_REPLAY_SECONDS
from tests.soak.spans import Span, Stalls

SECOND: Final = 1_000_000_000
"""Nanoseconds."""
_ROUNDING: Final = 1
"""Seconds by which an age can be less than the time that passed: the server counts whole ones. An
age that is over a window says that so much time did pass."""


BELIEVED_SECONDS: Final = 1.0
"""A verifier believes a token for no longer after its end was acknowledged (spec 10.1)."""
SILENT_SECONDS: Final = 10.0
"""But if its feed is silent without being cut, for so long."""


class ClockStep(NamedTuple):
    """The server's clock was set."""

    during: Span
    offset: int
    """Seconds that it is ahead of the callers' clock from then on."""


@dataclass(slots=True)
class Rules:
    """What a history is held to, and what was done to the server meanwhile."""

    replay_seconds: int = Policy().replay_seconds
    believed_seconds: float = BELIEVED_SECONDS
    """For how long a verifier may believe a token after its end."""
    slack: int = 0
    """Seconds by which small steps of the clock may keep a window open longer."""
    steps: list[ClockStep] = field(default_factory=list)
    """Of the clock that measures windows, oldest first."""
    disturbances: list[Span] = field(default_factory=list)
    """When something was killed, stopped, cut off or full."""
    held: list[Span] = field(default_factory=list)
    """When somebody held rows of the crowd, or set a clock: a bystander may not notice."""

    pauses: list[Span] = field(default_factory=list)
    """When a server or its database may have stood still, so that feeds were silent."""
    silences: dict[str, list[Span]] = field(default_factory=dict)
    """By verifier: when nothing of its feed arrived, and the connection stayed."""
    stalls: Stalls = field(default_factory=Stalls)
    """When the soak itself got no CPU, and so most likely nobody did."""

    def window(self, *, seen: bool) -> int:
        """Seconds after a rotation in which the spent token is replayed.

        Args:
            seen: Whether the new head is in use.
        """
        return min(self.replay_seconds, CONCURRENT_REPLAY_SECONDS) if seen else self.replay_seconds

    def disturbed(self, during: Span, *, most: bool = False) -> bool:
        """Whether anything was done in this time.

        Args:
            during: The time.
            most: Whether only what everybody may notice counts.
        """
        spans = tuple(self.disturbances) if most else (*self.disturbances, *self.held)
        return any(
            found.earliest <= during.latest and during.earliest <= found.latest for found in spans
        )

    def may_be_believed(
        self, verifier: str, ended: int, shown: int, seconds: float | None = None
    ) -> bool:
        """Whether a verifier may believe a token after its end.

        Args:
            verifier: Its name.
            ended: When the end was acknowledged.
            shown: When it was asked for the token.
            seconds: For how long, while its feed is not silent; None: `believed_seconds`.
        """
        during = Span(ended, shown)
        silent = any(
            found.earliest <= shown and ended <= found.latest
            for found in (*self.pauses, *self.silences.get(verifier, ()))
        )
        usual = self.believed_seconds if seconds is None else seconds
        limit = usual + (SILENT_SECONDS if silent else 0.0)
        return shown - ended <= int(limit * SECOND) + self.stalls.within(during)

    def may_be_over(self, window: int, rotated: Span, shown: Span) -> int | None:
        """The earliest moment within `shown` at which a window can be over; None: it cannot.

        Args:
            window: Its seconds.
            rotated: When it began.
            shown: When the server had the token.
        """
        found = []
        for moved in self._moves(rotated, shown):
            if moved < 0 and _seconds(rotated.latest, shown.earliest) + moved < (
                -CLOCK_STEP_SECONDS
            ):
                found.append(shown.earliest)
            end = rotated.earliest + (window - moved) * SECOND
            if end <= shown.latest:
                found.append(max(shown.earliest, end))
        found += [max(shown.earliest, end) for end in self._seen_over(window, rotated, shown)]
        return min(found, default=None)

    def _seen_over(self, window: int, rotated: Span, shown: Span) -> Iterator[int]:
        """When a clock that was set back later can have shown that a window is over, for good."""
        for ahead, back in pairwise(tuple(self.steps)):
            if ahead.offset - back.offset <= CLOCK_STEP_SECONDS:
                continue
            for before in self._offsets(rotated):
                end = rotated.earliest + (window - ahead.offset + before) * SECOND
                end = max(end, ahead.during.earliest)
                if rotated.earliest <= ahead.during.latest and end <= min(
                    back.during.latest, shown.latest
                ):
                    yield end

    def is_over(self, window: int, rotated: Span, shown: Span) -> bool:
        """Whether a window is over for certain; the arguments are those of `may_be_over`."""
        return all(
            _seconds(rotated.latest, shown.earliest) + moved > window + _ROUNDING
            or _seconds(rotated.earliest, shown.latest) + moved < -CLOCK_STEP_SECONDS - _ROUNDING
            for moved in self._moves(rotated, shown)
        )

    def _moves(self, rotated: Span, shown: Span) -> Iterator[int]:
        """By how much the clock may have been set between the two."""
        for before in self._offsets(rotated):
            for after in self._offsets(shown):
                yield after - before

    def _offsets(self, during: Span) -> set[int]:
        """Every offset that the clock may have had."""
        offset, found = 0, set[int]()
        for step in tuple(self.steps):
            if step.during.latest < during.earliest:
                offset = step.offset
            elif step.during.earliest <= during.latest:
                found.add(step.offset)
        return {offset, *found}


def _seconds(earlier: int, later: int) -> float:
    return (later - earlier) / SECOND
