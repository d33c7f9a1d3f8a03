"""Running a coroutine in the event loop of its owner, from any loop or thread."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from satmint_sdk.credentials.errors import SessionClosed

T = TypeVar("T")

LOOP_ENDED: Final = "the session's event loop has ended"
_NO_TRIO: Final = (
    "a CredentialSession runs on asyncio, not on trio: use a BlockingCredentialSession, and call"
    " its token() in trio.to_thread.run_sync"
)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The running event loop; `None` in a thread without one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def require_asyncio() -> asyncio.AbstractEventLoop:
    """The running event loop.

    Raises:
        RuntimeError: There is none; the text names what to use under trio.
    """
    loop = running_loop()
    if loop is None and _under_trio():
        raise RuntimeError(_NO_TRIO)
    return asyncio.get_running_loop() if loop is None else loop


def _under_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except (RuntimeError, AttributeError):
        return False
    return True


def raise_if_ended(loop: asyncio.AbstractEventLoop | None) -> None:
    """Fail if work for this loop would never be done.

    Raises:
        SessionClosed: It is closed, or stopped and not the caller's own.
    """
    if loop is not None and loop is not running_loop() and not loop.is_running():
        raise SessionClosed(LOOP_ENDED)


async def run_in(loop: asyncio.AbstractEventLoop | None, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop, from any loop.

    Raises:
        SessionClosed: That loop has ended.
    """
    if running_loop() is loop:
        return await work
    future = submit_to(loop, work)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if future.cancelled() and task is not None and not task.cancelling():
            raise SessionClosed(LOOP_ENDED) from None
        raise


def submit_to(loop: asyncio.AbstractEventLoop | None, work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine in an event loop, from a thread.

    Raises:
        SessionClosed: That loop has ended.
    """
    if loop is not None and loop.is_running():
        with contextlib.suppress(RuntimeError):  # the loop ended in between
            return asyncio.run_coroutine_threadsafe(work, loop)
    work.close()
    raise SessionClosed(LOOP_ENDED)
