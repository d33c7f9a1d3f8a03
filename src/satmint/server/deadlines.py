"""Deadlines of many connections without one timer each."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Entries that are due a fixed time after they were added, in order of their deadlines.

    Adding and removing an entry is one dictionary operation, and a sweep visits only entries that
    are due: an idle connection costs nothing until its deadline.
    """

    __slots__ = ("_due", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """Time from adding an entry to its deadline."""
        self._due: dict[T, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._due))

    def __contains__(self, entry: object) -> bool:
        return entry in self._due

    def add(self, entry: T, now: float) -> None:
        """Set the deadline of `entry`, unless it has one already.

        Args:
            entry: The entry.
            now: Seconds of a monotonic clock.
        """
        if entry not in self._due:
            self._due[entry] = now + self.seconds

    def discard(self, entry: object) -> None:
        """Remove the deadline of `entry`, if any."""
        if entry in self._due:
            del self._due[entry]

    def oldest(self, now: float, seconds: float = 0.0) -> T | None:
        """The entry that is due first, if it was added at least `seconds` ago."""
        for entry, due in self._due.items():
            return entry if due - self.seconds + seconds <= now else None
        return None

    def expire(self, now: float) -> Iterator[T]:
        """Remove and yield the entries that are due by `now`, oldest first."""
        while self._due:
            entry = next(iter(self._due))
            if self._due[entry] > now:
                return
            del self._due[entry]
            yield entry
