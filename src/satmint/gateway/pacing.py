"""Limits on what thousands of connections do at once, so that requests do not wait behind them."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Final, TypeVar

T = TypeVar("T")

MAX_AUTHENTICATIONS: Final = 32
"""At the same time in one process: further ones wait here and not in the store's queues."""
_BATCH_SIZE: Final = 32


async def paced(items: Collection[T]) -> AsyncIterator[T]:
    """Iterate over the present items; other tasks run after every few of them."""
    for number, item in enumerate(tuple(items), 1):
        yield item
        if number % _BATCH_SIZE == 0:
            await asyncio.sleep(0)
