"""Waiting for a lock, and work that must run to completion."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from satmint_sdk._ambient import Clock, Entropy, fraction
from satmint_sdk.credentials.errors import StoreLocked

T = TypeVar("T")

LOCK_TIMEOUT: Final = 15.0
_MIN_POLL: Final = 0.005
_MAX_POLL: Final = 0.1


async def acquire_lock(
    acquire: Callable[[], bool],
    is_needless: Callable[[], Awaitable[bool]],
    clock: Clock,
    entropy: Entropy,
    timeout: float = LOCK_TIMEOUT,  # noqa: ASYNC109 - by the injected clock
) -> float:
    """Poll for a lock, with growing pauses, until it is acquired or needless.

    Polling is the only way to wait that works across threads, event loops and processes without
    blocking the loop. It is not fair.

    Returns:
        The waiting time in seconds.

    Raises:
        StoreLocked: The lock was not free within `timeout` seconds.
    """
    began = clock.now().mono
    interval = _MIN_POLL
    while not (await is_needless() or acquire()):
        waited = clock.now().mono - began
        if waited >= timeout:
            raise StoreLocked(f"the lock of the store was not free within {timeout:g} s")
        await clock.asleep(interval * (0.5 + fraction(entropy) / 2))
        interval = min(interval * 2, _MAX_POLL)
    return clock.now().mono - began


async def run_to_completion(work: Callable[[], T]) -> T:
    """Run blocking work in a thread, and wait for its end even when cancelled.

    A thread cannot be stopped. Returning before its end would release a lock that it still needs.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not thread.done():
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        thread.exception()  # retrieved, so that asyncio does not log it
        raise cancelled
    return thread.result()
