"""Resolves host names of webhooks, so that one project's name servers cannot occupy all threads.

`getaddrinfo` cannot be interrupted: a look-up that a name server never answers occupies its thread
for up to half a minute, whatever the caller's deadline is. So look-ups have threads of their own,
and each project may occupy a few of them. The threads are daemons: a process that stops does not
wait for them.
"""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from contextvars import ContextVar
from typing import Any, Final
from uuid import UUID

PROJECT: Final[ContextVar[UUID | None]] = ContextVar("PROJECT", default=None)
"""The project for which the current task connects; httpcore does not pass it on."""

_THREADS: Final = 32
_THREADS_PER_PROJECT: Final = 4


class Resolver:
    """Runs look-ups in a limited number of threads."""

    def __init__(self, threads: int = _THREADS, per_project: int = _THREADS_PER_PROJECT) -> None:
        """Prepare to resolve.

        Args:
            threads: The number of look-ups that may run at once.
            per_project: The number of these that may run for one project.
        """
        self._threads = threads
        self._per_project = per_project
        self._running: dict[tuple[str, int], asyncio.Future[list[Any]]] = {}
        """Concurrent requests for one name share a look-up."""
        self._by_project: Counter[UUID | None] = Counter()
        self._ended = asyncio.Event()

    async def addresses_of(self, host: str, port: int, seconds: float | None) -> list[str]:
        """All addresses of a name, at least one.

        Args:
            host: The name.
            port: The port to connect to.
            seconds: How long to wait for a thread and for the look-up; None: without a limit.

        Raises:
            TimeoutError: the name was not resolved in time.
            OSError: the name does not resolve.
        """
        async with asyncio.timeout(seconds):
            found = await asyncio.shield(await self._lookup((host, port)))
        return [str(entry[4][0]) for entry in found]

    async def _lookup(self, name: tuple[str, int]) -> asyncio.Future[list[Any]]:
        """The look-up of a name, which is started as soon as there is a thread for it."""
        project = PROJECT.get()
        while name not in self._running:
            if self._has_thread(project):
                self._start(name, project)
            else:
                await self._ended.wait()
        return self._running[name]

    def _has_thread(self, project: UUID | None) -> bool:
        free = len(self._running) < self._threads
        return free and self._by_project[project] < self._per_project

    def _start(self, name: tuple[str, int], project: UUID | None) -> None:
        loop = asyncio.get_running_loop()
        lookup: asyncio.Future[list[Any]] = loop.create_future()

        def on_done(found: list[Any] | Exception) -> None:
            del self._running[name]
            self._by_project[project] -= 1
            self._by_project += Counter()  # without those that have none
            if isinstance(found, Exception):
                lookup.set_exception(found)
                lookup.exception()  # the callers may be gone
            else:
                lookup.set_result(found)
            self._ended.set()
            self._ended = asyncio.Event()

        def resolve() -> None:
            found: list[Any] | Exception
            try:
                found = socket.getaddrinfo(*name, type=socket.SOCK_STREAM)
            except Exception as error:  # noqa: BLE001 - it belongs to the callers
                found = error
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(on_done, found)

        threading.Thread(target=resolve, name="satmint-resolver", daemon=True).start()
        self._running[name] = lookup
        self._by_project[project] += 1
