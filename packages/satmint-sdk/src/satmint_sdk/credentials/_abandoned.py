"""Sessions that were dropped without `close()`."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
import weakref
from typing import Any, Final, TypeVar

from satmint_sdk.credentials._events import EventLog
from satmint_sdk.credentials.refresh._scheduler import RefreshScheduler

S = TypeVar("S")

_closing: Final[set[asyncio.Task[None]]] = set()


def warn_if_abandoned(
    session: S,
    name: str,
    scheduler: RefreshScheduler,
    loop: asyncio.AbstractEventLoop,
    log: EventLog[Any],
) -> weakref.finalize[..., S]:
    """Stop refreshing, with a `ResourceWarning`, when `session` is collected.

    Nothing that runs in the event loop refers to the session, so that this can happen. Detach the
    finalizer to close the session in the normal way.
    """
    finalizer = weakref.finalize(session, _abandon, name, scheduler, loop, log)
    finalizer.atexit = False
    return finalizer


def _abandon(
    name: str, scheduler: RefreshScheduler, loop: asyncio.AbstractEventLoop, log: EventLog[Any]
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_close_in_background, scheduler)
    log.end()
    warnings.warn(
        f"{name} was not closed: use `async with`, or close()", ResourceWarning, stacklevel=2
    )


def _close_in_background(scheduler: RefreshScheduler) -> None:
    closing = asyncio.ensure_future(scheduler.close())
    _closing.add(closing)
    closing.add_done_callback(_closing.discard)
