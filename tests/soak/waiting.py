"""Time that passes while the load goes on."""

import asyncio
from contextlib import suppress


async def let_pass(seconds: float) -> None:
    """Go on after so many seconds: what is waited for is the time itself."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
