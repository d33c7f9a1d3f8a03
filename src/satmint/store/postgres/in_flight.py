"""Tracks operations in flight, so that the store closes only after the last one."""

import asyncio

from satmint.model.refusals import StoreUnavailable


class InFlight:
    """Counts operations in flight: one may pass through several batches in turn."""

    def __init__(self) -> None:
        self._count = 0
        self._closed = False
        self._idle = asyncio.Event()

    def __enter__(self) -> None:
        """Begin an operation.

        Raises:
            StoreUnavailable: the store was closed.
        """
        if self._closed:
            raise StoreUnavailable("store_closed")
        self._count += 1

    def __exit__(self, *_raised: object) -> None:
        self._count -= 1
        if self._closed and not self._count:
            self._idle.set()

    async def close(self) -> None:
        """Accept no more operations, and wait until the running ones are finished."""
        self._closed = True
        if self._count:
            await self._idle.wait()
