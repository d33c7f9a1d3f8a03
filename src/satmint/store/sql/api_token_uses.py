"""The uses of API tokens that are not in the database yet: one for each token and hour.

The caller of `add` never waits. A background task writes the uses one by one. What cannot be
written, because of a lock or because the database is away, is tried again with back-off. It is lost
if the server stops meanwhile, or if there are more than `MAX_PENDING`: then the token's next use is
recorded.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from satmint.model.records import ApiTokenUse

MAX_PENDING: Final = 10_000
CLOSE_SECONDS: Final = 1.0
"""How long `close` waits for a write that has begun."""
_MIN_RETRY_SECONDS: Final = 0.5
_MAX_RETRY_SECONDS: Final = 60.0

Write = Callable[[ApiTokenUse], Awaitable[bool]]
"""Writes a use. Returns False if it could not be written because of a lock."""


class ApiTokenUses:
    """The uses of one store. Bound to one event loop."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._pending: dict[UUID, ApiTokenUse] = {}
        """By token, in the order of the next tries."""
        self._written: dict[UUID, int] = {}
        """The newest hour that this process has written, by token."""
        self._closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, use: ApiTokenUse) -> None:
        """Keep a use until it is written, unless that of its hour was written before."""
        pending = self._pending.get(use.token)
        newest = self._written.get(use.token, -1) if pending is None else pending.hour
        if self._closed.is_set() or newest >= use.hour:
            return
        if pending is None and len(self._pending) >= MAX_PENDING:
            return
        self._pending[use.token] = use
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def drained(self) -> None:
        """Wait until every use is written."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """End the background task. What is not written is lost. Accepts no more."""
        self._closed.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        delay = _MIN_RETRY_SECONDS
        try:
            while self._pending and not self._closed.is_set():
                token, use = next(iter(self._pending.items()))
                if await self._try(use):
                    self._note_written(use)
                    delay = _MIN_RETRY_SECONDS
                    continue
                self._pending[token] = self._pending.pop(token)  # the others come first
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._closed.wait()
                delay = min(2 * delay, _MAX_RETRY_SECONDS)
        finally:
            self._task = None

    async def _try(self, use: ApiTokenUse) -> bool:
        try:
            return await self._write(use)
        except Exception:  # noqa: BLE001 - the store reports that it is away; not even a bug may end the task
            return False

    def _note_written(self, use: ApiTokenUse) -> None:
        if self._pending[use.token] == use:
            del self._pending[use.token]
        if len(self._written) >= MAX_PENDING:
            self._written.clear()
        self._written[use.token] = use.hour
