"""A clock that can be set, moved and stopped."""

from typing import Final

from satmint.model.clock import Clock

EARLIEST: Final = 946_684_800
"""2000-01-01T00:00:00Z."""
LATEST: Final = 4_102_444_799
"""2099-12-31T23:59:59Z. Whatever is issued then can still be shown as a time."""


class MovableClock:
    """See `satmint.model.clock.Clock`: another one, some seconds away from it or standing still."""

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._offset = 0
        self._stands_at: int | None = None

    def now(self) -> int:
        """Whole seconds since the Unix epoch."""
        if self._stands_at is not None:
            return self._stands_at
        return self._machine.now() + self._offset

    @property
    def offset(self) -> int:
        """How many seconds it is ahead of the machine's clock."""
        return self.now() - self._machine.now()

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._stands_at is not None

    def set(self, at: int) -> None:
        """Go to `at`, Unix seconds; a clock that stands goes on standing there."""
        if self._stands_at is None:
            self._offset = at - self._machine.now()
        else:
            self._stands_at = at

    def freeze(self) -> None:
        """Stand still from now on."""
        self._stands_at = self.now()

    def run(self) -> None:
        """Go on from where it stands."""
        if self._stands_at is not None:
            self._offset = self.offset
            self._stands_at = None

    def reset(self) -> None:
        """Be the machine's clock again."""
        self._offset = 0
        self._stands_at = None
