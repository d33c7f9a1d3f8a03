"""Time that passes while the load goes on."""

import asyncio
from contextlib import suppress


async def let_pass(seconds: float) -> None:
    """Go on after so many seconds: what is waited for is the time itself."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
