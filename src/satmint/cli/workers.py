"""Several server processes behind one address, kept alive and replaced without a lost connection.

Every worker has a listening socket of its own on the same address (SO_REUSEPORT), so that the
kernel spreads connections over them. The sockets belong to the parent: when a worker ends, the
connections that wait on its socket wait for its successor.

Signals to the parent: SIGTERM and SIGINT stop all workers, SIGHUP has each read the keyring again,
and SIGUSR2 replaces them one by one, each only once its successor answers.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from satmint.cli.report import Failure
from satmint.cli.serving import Crew
from satmint.cli.trouble import because
from satmint.cli.worker import READY, Order
from satmint.http.listen import Listener
from satmint.settings import Settings

_STOP_SECONDS: Final = 30.0
"""How long a worker may take to finish; one that takes longer is killed."""
_CALM_SECONDS: Final = 10.0
"""A worker that lived so long has not failed at once: its successor is started without a pause."""
_LONGEST_PAUSE_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class _Worker:
    """One process."""

    process: asyncio.subprocess.Process
    born: float

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def stop(self) -> None:
        """Have it finish what it has begun, for a while."""
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.process.wait()


class Workers:
    """The workers of one server; `run` keeps them until a signal says stop."""

    def __init__(
        self, settings: Settings, listeners: Sequence[Listener], public_url: str, folder: str
    ) -> None:
        """Prepare to start them.

        Args:
            settings: Theirs.
            listeners: One for each.
            public_url: Where the server is reached from outside; no slash at the end.
            folder: For their socket files; the user's own.
        """
        self._settings = settings
        self._folder = folder
        self._listeners = listeners
        self._public_url = public_url
        self._workers: list[_Worker | None] = [None] * len(listeners)
        self._leaving: set[_Worker] = set()
        """Those that were replaced, and finish what they have begun."""
        self._stopping = asyncio.Event()
        self._rolling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("satmint.workers")

    async def run(self, on_ready: Callable[[], Awaitable[None]]) -> None:
        """Start the workers and replace those that end, until SIGTERM or SIGINT.

        Args:
            on_ready: Called once all of them answer.

        Raises:
            Failure: one of them could not start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        loop.add_signal_handler(signal.SIGUSR2, self._in_background, self._roll)
        numbers = range(len(self._listeners))
        try:
            async with self._rolling:
                self._workers[:] = await asyncio.gather(*map(self._start, numbers))
            if not self._stopping.is_set():
                if None in self._workers:
                    raise Failure("a worker could not start: its log says why")
                await on_ready()
            keepers = [asyncio.create_task(self._keep(number)) for number in numbers]
            self._tasks.update(keepers)
            await self._stopping.wait()
        finally:
            self._stopping.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            left = {*self._leaving, *(worker for worker in self._workers if worker)}
            await asyncio.gather(*(worker.stop() for worker in left))

    async def _start(self, number: int) -> _Worker | None:
        """Start a worker; None where it ended before it answered."""
        fd = self._listeners[number].socket.fileno()
        try:
            process = await asyncio.create_subprocess_exec(
                # Not from the current folder, where anybody may have put a module (-P).
                *(sys.executable, "-P", "-m", "satmint.cli.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(fd,),
                # A terminal's Ctrl-C is for the parent, which stops them in good order.
                start_new_session=True,
            )
        except OSError as error:
            # No process, no memory or no file is to be had just now; whoever keeps tries again.
            self._log.error("worker_not_started", worker=number, reason=because(error))
            return None
        worker = _Worker(process, asyncio.get_running_loop().time())
        try:
            order = Order(Crew(number, self._folder), fd, self._public_url, self._settings)
            said = await _exchange(process, msgspec.json.encode(order) + b"\n")
        except BaseException:
            await worker.stop()
            raise
        if said != READY:
            await process.wait()
            return None
        return worker

    async def _keep(self, number: int) -> None:
        """Replace a worker whenever it ends."""
        pause = 0.0
        while True:
            worker = self._workers[number]
            if worker is not None:
                code = await worker.process.wait()
                if self._workers[number] is not worker:
                    continue  # it was replaced, which is why it ended
                lived = asyncio.get_running_loop().time() - worker.born
                self._log.error("worker_ended", worker=number, code=code, lived=round(lived, 1))
                pause = 0.0 if lived > _CALM_SECONDS else pause
                self._workers[number] = None
            await asyncio.sleep(pause)
            pause = min(max(2 * pause, 0.5), _LONGEST_PAUSE_SECONDS)
            new = await self._start(number)
            if self._workers[number] is None:
                self._workers[number] = new
            elif new is not None:  # all were being replaced meanwhile
                await new.stop()

    def _hang_up(self) -> None:
        for worker in (*self._workers, *self._leaving):
            if worker is not None:
                worker.signal(signal.SIGHUP)

    async def _roll(self) -> None:
        """Put a new worker in the place of each, one after the other."""
        async with self._rolling:
            for number in range(len(self._workers)):
                new = await self._start(number)
                if new is None:
                    self._log.error("worker_not_replaced", worker=number)
                    return
                old, self._workers[number] = self._workers[number], new
                if old is not None:
                    self._leaving.add(old)
                    await old.stop()
                    self._leaving.discard(old)
            self._log.info("workers_replaced", workers=len(self._workers))

    def _in_background(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _exchange(process: asyncio.subprocess.Process, order: bytes) -> bytes:
    """Give a new process its order; what it says to it."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a worker was started without its pipes")
    process.stdin.write(order)
    return await process.stdout.readline()
