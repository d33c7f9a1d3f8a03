"""What was begun is finished before the store is closed."""

import asyncio

from satmint.model.refusals import StoreUnavailable


class AtWork:
    """Counts what is under way: a step may pass through several batches, one after the other."""

    def __init__(self) -> None:
        self._count = 0
        self._over = False
        self._idle = asyncio.Event()

    def __enter__(self) -> None:
        """Begin something.

        Raises:
            StoreUnavailable: the store was closed.
        """
        if self._over:
            raise StoreUnavailable("store_closed")
        self._count += 1

    def __exit__(self, *_raised: object) -> None:
        self._count -= 1
        if self._over and not self._count:
            self._idle.set()

    async def over(self) -> None:
        """Let nothing more begin, and return once everything that was begun is finished."""
        self._over = True
        if self._count:
            await self._idle.wait()
