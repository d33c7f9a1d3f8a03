"""Purges expired rows in small steps that take a small share of the database's time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import PurgeResult

PURGE_ROWS: Final = 500
"""About how many rows of each table a step examines."""
_INTERVAL_SECONDS: Final = 5.0
_MIN_PAUSE_SECONDS: Final = 0.02
_MAX_SHARE: Final = 0.02
"""Maximum share of time for which a purge that finds few expired rows uses the database."""


async def purge_in_steps(step: Callable[[], Awaitable[PurgeResult]]) -> None:
    """Purge until cancelled.

    Args:
        step: Examines `PURGE_ROWS` rows of each table. It may raise `StoreUnavailable`.
    """
    time, pause = asyncio.get_running_loop().time, _INTERVAL_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause, started_at = _INTERVAL_SECONDS, time()
        try:
            result = await step()
        except StoreUnavailable as error:
            structlog.get_logger("satmint.purge").warning("purge_failed", cause=error.cause)
            continue
        if result.more:
            # A step that deletes many rows is followed by a shorter pause: otherwise, rows that
            # expire faster than they are deleted would accumulate.
            share = 0.5 if result.removed >= PURGE_ROWS // 2 else _MAX_SHARE
            pause_for_share = (time() - started_at) * (1 / share - 1)
            pause = min(max(_MIN_PAUSE_SECONDS, pause_for_share), _INTERVAL_SECONDS)
