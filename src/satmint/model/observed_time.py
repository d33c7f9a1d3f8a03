"""What a process knows of time when its clock goes back: a window that was over stays closed.

A head is as old as the clock has shown at any time since the head exists. After a step back, a head
whose time is not between the earliest and the latest time that the clock has shown since was there
before: the latest time of before counts for it, too. A head within may be from before or from
after, and only the time of after counts. If it is newer than ten seconds from now, its negative age
tells that its window is over (`is_replayable`).
"""

from dataclasses import dataclass, replace

from satmint.model.lifetimes import CLOCK_STEP_SECONDS


@dataclass(frozen=True, slots=True)
class ObservedTime:
    """The times that a clock has shown. A clock that goes back a little has not been set back."""

    latest: int = 0
    """Unix seconds: the latest time since the clock was last set back."""
    steps: tuple[tuple[int, int], ...] = ()
    """For each time that the clock was set back: the earliest time that it has shown since, in
    ascending order, and the latest that it had shown before."""
    latest_before: int = 0
    """The latest time between the last two of them."""

    def after(self, now: int) -> "ObservedTime":
        """With another time that the clock shows."""
        if now > self.latest:
            return replace(self, latest=now)
        is_step = now < self.latest - CLOCK_STEP_SECONDS
        passed = [latest for earliest, latest in self.steps if earliest > now]
        if is_step:
            passed.append(self.latest)
        if not passed:
            return self
        steps = (*(step for step in self.steps if step[0] <= now), (now, max(passed)))
        if is_step:
            return ObservedTime(now, steps, self.latest)
        return replace(self, steps=steps)

    def latest_since(self, began_at: int, now: int) -> int:
        """The latest time that the clock has certainly shown since `began_at`; not before `now`."""
        before = [latest for earliest, latest in self.steps if began_at < earliest]
        if now <= self.latest < began_at <= now + CLOCK_STEP_SECONDS:
            before.append(self.latest_before)
        # It may have shown a time that is not much later before the head was there.
        return max([now, *(at for at in before if at > began_at + CLOCK_STEP_SECONDS)])


class ObservedClock:
    """The clock that one store measures windows by."""

    def __init__(self) -> None:
        self._time = ObservedTime()

    def observe(self, now: int) -> None:
        """Take note of the time."""
        self._time = self._time.after(now)

    def latest_since(self, began_at: int, now: int) -> int:
        """See `ObservedTime.latest_since`; takes note of `now`."""
        self.observe(now)
        return self._time.latest_since(began_at, now)
