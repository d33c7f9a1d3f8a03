"""Bounded waits by an injected clock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from satmint_sdk._ambient import Clock
from satmint_sdk.credentials.errors import TransientRefreshError

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, and cancel it after `seconds` of the given clock.

    Raises:
        TimeoutError: It took longer.
        TransientRefreshError: It cancelled itself, which must not look like a cancelled caller.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.asleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.cancelled():
            raise TransientRefreshError("the attempt was cancelled from within")
        if task.done():
            return task.result()
        raise TimeoutError(f"the attempt took longer than {seconds:g} s")
    finally:
        timer.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # retrieved, so that asyncio does not log it


async def wait_for_event(
    clock: Clock, event: Coroutine[Any, Any, Any], seconds: float | None
) -> None:
    """Wait for an event, for at most so many seconds; `None` waits without limit."""
    waiting = {asyncio.ensure_future(event)}
    if seconds is not None:
        waiting.add(asyncio.ensure_future(clock.asleep(max(0.0, seconds))))
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
