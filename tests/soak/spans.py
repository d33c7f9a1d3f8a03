"""Spans of time, asked often: each answer takes the logarithm of their number."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple


class Span(NamedTuple):
    """Something happened between these two, nanoseconds of the callers' clock."""

    earliest: int
    latest: int


class Stalls:
    """Spans that follow each other, none before the end of the one before it."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._earliest: list[int] = []
        self._latest: list[int] = []
        self._before = [0]
        """The sum of the spans before each, and at the end of all."""
        for span in spans:
            self.append(span)

    def append(self, span: Span) -> None:
        """Add one.

        Raises:
            ValueError: it begins before the end of the last one.
        """
        if self._latest and span.earliest < self._latest[-1]:
            raise ValueError("spans overlap")
        self._earliest.append(span.earliest)
        self._latest.append(span.latest)
        self._before.append(self.total + span.latest - span.earliest)

    @property
    def total(self) -> int:
        """Nanoseconds of all."""
        return self._before[-1]

    def within(self, during: Span) -> int:
        """Nanoseconds of them in this time."""
        first = bisect_right(self._latest, during.earliest)
        after = bisect_left(self._earliest, during.latest)
        if first >= after:
            return 0
        cut = max(0, during.earliest - self._earliest[first])
        cut += max(0, self._latest[after - 1] - during.latest)
        return self._before[after] - self._before[first] - cut


class Spans:
    """Spans of any order, which may overlap."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = sorted(spans)
        self._earliest = [span.earliest for span in self._spans]
        self._latest = list(accumulate((span.latest for span in self._spans), max))
        """The latest end of each and of all before it."""

    def overlap(self, during: Span) -> bool:
        """Whether any of them is in this time."""
        before_end = bisect_right(self._earliest, during.latest)
        return before_end > 0 and self._latest[before_end - 1] >= during.earliest

    def since(self, moment: int) -> Iterator[Span]:
        """By their beginnings: those that end then or later, perhaps after some that do not."""
        yield from self._spans[bisect_left(self._latest, moment) :]
