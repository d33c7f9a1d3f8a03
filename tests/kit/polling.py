"""Waiting for what another process or task does, and nobody tells of."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_PAUSE_SECONDS = 0.02


def wait_until(fact: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as `fact()` is true.

    Raises:
        AssertionError: it is not after so many seconds.
    """
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(_PAUSE_SECONDS)


async def until(fact: Callable[[], object], seconds: float = 60) -> None:
    """The same, while other tasks go on.

    Raises:
        TimeoutError: it is not after so many seconds.
    """
    async with asyncio.timeout(seconds):
        while not fact():  # noqa: ASYNC110 - it tells in no other way
            await asyncio.sleep(_PAUSE_SECONDS)


async def until_answered(fact: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """The same for a fact that somebody is asked for."""
    async with asyncio.timeout(seconds):
        while not await fact():  # noqa: ASYNC110 - it tells in no other way
            await asyncio.sleep(_PAUSE_SECONDS)
