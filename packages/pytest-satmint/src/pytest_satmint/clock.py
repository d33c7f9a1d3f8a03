"""The server's clock."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

from pytest_satmint.control import Control


class SatmintClock:
    """Moves and stops the server's clock: tokens, rate limits, events and `Date` go by it.

    The clock of this machine, and so that of the program under test, goes on.
    """

    def __init__(self, control: Control) -> None:
        """Take the clock of the server of `control`."""
        self._control = control

    def now(self) -> datetime:
        """The server's time, in UTC, to the second."""
        return _time(self._control.dev("GET")["clock"]["now"])

    def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> datetime:
        """Let time pass, or with a negative sum set the clock back; returns the new time.

        Raises:
            ValueError: the sum is not a whole number of seconds.
            SatmintError: the new time is not in the years 2000 to 2099.
        """
        total = seconds + 60 * minutes + 3600 * hours + 86_400 * days
        if total != int(total):
            raise ValueError(f"the server's clock has whole seconds: {total} cannot pass")
        return self._move(advance=int(total))

    def at(self, time: datetime | int) -> datetime:
        """Set the time; returns it.

        Args:
            time: A time with a time zone, or Unix seconds. A fraction of a second is dropped.

        Raises:
            ValueError: `time` has no time zone.
            SatmintError: it is not in the years 2000 to 2099.
        """
        if isinstance(time, datetime):
            if time.tzinfo is None:
                raise ValueError("a time without a time zone is ambiguous: use tzinfo=UTC")
            time = int(time.timestamp())
        return self._move(set=time)

    def freeze(self) -> "Frozen":
        """Stop the clock now: a test is then exact to the second.

        It goes on at the end of the test, or of a `with` block, or after `resume`.
        """
        return Frozen(self, self._move(frozen=True))

    def resume(self) -> datetime:
        """Let a stopped clock go on; returns the time."""
        return self._move(frozen=False)

    def _move(self, **members: object) -> datetime:
        return _time(self._control.dev("POST", "/clock", **members)["now"])


class Frozen(AbstractContextManager["Frozen"]):
    """A stopped clock, which goes on at the end of a `with` block."""

    def __init__(self, clock: SatmintClock, now: datetime) -> None:
        """Keep what `SatmintClock.freeze` has stopped."""
        self._clock = clock
        self.now = now
        """The time at which the clock was stopped."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        """Let the clock go on."""
        self._clock.resume()
        return False


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
