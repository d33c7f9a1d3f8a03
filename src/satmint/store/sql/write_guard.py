"""Refuses writes while a condition of writing does not hold."""

from satmint.model.refusals import StoreUnavailable


class WriteGuard:
    """Whether a store may be written. Shared by everything of a store that writes."""

    def __init__(self) -> None:
        self.cause = ""
        """Why writes are refused; "" if they are not."""

    def check(self) -> None:
        """Check before a write.

        Raises:
            StoreUnavailable: writes are refused; nothing was changed.
        """
        if self.cause:
            raise StoreUnavailable(self.cause)
