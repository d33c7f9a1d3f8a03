"""When a lasting cause is logged: at once when it changes, and then once a minute."""

from typing import Final

REMINDER_SECONDS: Final = 60.0


class Reminder:
    """Decides whether a cause is logged again."""

    def __init__(self) -> None:
        self.cause = ""
        """The cause that was noted last; "" if there is none."""
        self._due_at = 0.0

    def is_due(self, cause: str, time: float) -> bool:
        """Note the cause; return whether to log it.

        Args:
            cause: The cause; "" if there is none any more.
            time: Seconds of a clock that is not set.
        """
        before, self.cause = self.cause, cause
        if not cause or (cause == before and time < self._due_at):
            return False
        self._due_at = time + REMINDER_SECONDS
        return True
