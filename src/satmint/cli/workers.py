"""The supervisor of several server processes that share one address.

Each worker has its own listening socket on the address (SO_REUSEPORT), and the kernel distributes
connections over the sockets. The supervisor owns the sockets: when a worker exits, connections that
wait in its socket's backlog wait for its successor.

The supervisor restarts a worker that exits. It pings every worker and replaces one that hangs: the
successor answers before the hung process is killed.

Signals to the supervisor: SIGTERM and SIGINT stop all workers. SIGHUP makes each worker read the
keyring and the certificate again. SIGUSR2 replaces all workers, one by one; each old worker stops
after its successor answers.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from satmint.cli import worker_process
from satmint.cli.errors import error_reason
from satmint.cli.report import Failure
from satmint.cli.serving import WorkerContext
from satmint.cli.worker import WorkerConfig
from satmint.cli.worker_process import WorkerProcess
from satmint.server import Listener
from satmint.settings import Settings

_STABLE_SECONDS: Final = 10.0
"""A worker that exits after at least this uptime is restarted without a delay."""
_MAX_RESTART_DELAY_SECONDS: Final = 10.0
_HANG_FREE_SECONDS: Final = 600.0
"""A worker that hangs after at least this uptime is replaced after the usual timeout."""
_MAX_TIMEOUT_FACTOR: Final = 4


@dataclass(slots=True, eq=False)
class _Slot:
    """The listeners of one worker, and the process that currently serves them."""

    index: int
    listener: Listener
    admin_listener: Listener | None
    worker: WorkerProcess | None = None
    restart_delay: float = 0.0
    """Seconds until the next restart after an exit."""
    timeout_factor: int = 1
    """Multiplies the timeout. It grows while successors hang as well."""
    replacements: Counter[str] = field(default_factory=lambda: Counter(exited=0, hung=0))
    """How often a process was replaced here, by reason."""


class Supervisor:
    """Starts the workers of one server, and replaces those that exit or hang."""

    def __init__(
        self,
        settings: Settings,
        listeners: Sequence[Listener],
        admin_listeners: Sequence[Listener],
        public_url: str,
        folder: str,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare the workers; `run` starts them.

        Args:
            settings: The settings of every worker.
            listeners: One for each worker.
            admin_listeners: One for each worker, or none if the admin listener is off.
            public_url: The server's URL from outside, without a slash at the end.
            folder: A folder for the workers' sockets that only this user can enter.
            sources: Where settings come from, by name; see `sources_of`.
        """
        self._settings = settings
        self._sources = dict(sources or {})
        self._folder = folder
        self._public_url = public_url
        self._slots = [
            _Slot(index, listener, admin_listeners[index] if admin_listeners else None)
            for index, listener in enumerate(listeners)
        ]
        self._retiring: set[WorkerProcess] = set()
        """Replaced workers that finish their requests."""
        self._stopping = asyncio.Event()
        self._replacing = asyncio.Lock()
        """Held while a running worker is replaced: only one at a time."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("satmint.workers")

    async def run(self, on_ready: Callable[[], Awaitable[None]]) -> None:
        """Start the workers and supervise them until SIGTERM or SIGINT.

        Args:
            on_ready: Called when all workers serve requests.

        Raises:
            Failure: a worker could not start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_files)
        loop.add_signal_handler(signal.SIGUSR2, lambda: self._create_task(self._replace_all()))
        try:
            async with self._replacing:
                started = [self._create_task(self._fill(slot)) for slot in self._slots]
                await self._unless_stopping(asyncio.gather(*started))
            if not self._stopping.is_set():
                if any(slot.worker is None for slot in self._slots):
                    raise Failure("a worker could not start: the log has the reason")
                await on_ready()
                for slot in self._slots:
                    self._create_task(self._supervise(slot))
                await self._stopping.wait()
        finally:
            self._stopping.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            current = {slot.worker for slot in self._slots if slot.worker is not None}
            await asyncio.gather(*(worker.stop() for worker in current | self._retiring))

    async def _unless_stopping(self, work: asyncio.Future[Any]) -> None:
        """Wait for `work`, or cancel it when the server stops.

        Raises:
            Exception: whatever `work` raises.
        """
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if work.done():
            work.result()
        else:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _fill(self, slot: _Slot) -> None:
        slot.worker = await self._start(slot)

    async def _start(self, slot: _Slot) -> WorkerProcess | None:
        """Start a worker and wait until it serves requests. None: it could not start."""
        config = WorkerConfig(
            context=WorkerContext(slot.index, self._folder, dict(slot.replacements)),
            listen_fd=slot.listener.socket.fileno(),
            admin_fd=None if slot.admin_listener is None else slot.admin_listener.socket.fileno(),
            public_url=self._public_url,
            settings=self._settings,
            sources=self._sources,
        )
        try:
            worker = await WorkerProcess.spawn(config)
        except OSError as error:
            # The system lacks processes, memory or file descriptors. The caller tries again.
            self._log.error("worker_not_started", worker=slot.index, reason=error_reason(error))
            return None
        ready = False
        try:
            ready = await worker.wait_ready()
        except TimeoutError:
            reason = f"no answer within {worker_process.START_SECONDS:g} s"
            self._log.error("worker_not_started", worker=slot.index, pid=worker.pid, reason=reason)
        finally:
            if not ready:
                await worker.kill()
        return worker if ready else None

    async def _supervise(self, slot: _Slot) -> None:
        """Replace the worker of a slot whenever it exits or hangs."""
        while True:
            worker = slot.worker
            if worker is None:
                await self._restart(slot)
                continue
            hung = await self._wait_failed(slot, worker)
            if slot.worker is not worker:
                continue  # it was replaced, and exits because of that
            if hung:
                await self._replace_hung(slot, worker)
            else:
                code, uptime = await worker.wait_exited(), worker.uptime_seconds
                self._log.error(
                    "worker_exited",
                    worker=slot.index,
                    pid=worker.pid,
                    code=code,
                    uptime_seconds=round(uptime, 1),
                )
                slot.replacements["exited"] += 1
                if uptime > _STABLE_SECONDS:
                    slot.restart_delay = 0.0
                slot.worker = None

    async def _wait_failed(self, slot: _Slot, worker: WorkerProcess) -> bool:
        """Wait until a worker exits, hangs or is replaced. Returns whether it hangs."""
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(worker.wait_exited()),
            asyncio.create_task(worker.retired.wait()),
        ]
        hung: asyncio.Task[None] | None = None
        if timeout := self._timeout_of(slot):
            hung = asyncio.create_task(worker.wait_hung(timeout))
            waits.append(hung)
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return done == {hung}
        finally:
            for task in waits:
                task.cancel()

    def _timeout_of(self, slot: _Slot) -> float:
        """Seconds after which a worker without an answer counts as hung; 0: never."""
        return self._settings.worker_timeout_seconds * slot.timeout_factor

    async def _restart(self, slot: _Slot) -> None:
        """Start a worker in an empty slot, after a delay that grows with each failure."""
        await asyncio.sleep(slot.restart_delay)
        slot.restart_delay = min(max(2 * slot.restart_delay, 0.5), _MAX_RESTART_DELAY_SECONDS)
        new = await self._start(slot)
        if slot.worker is None:
            slot.worker = new
        elif new is not None:  # SIGUSR2 has filled the slot meanwhile
            await new.stop()

    async def _replace_hung(self, slot: _Slot, worker: WorkerProcess) -> None:
        """Start the successor of a hung worker, then kill the hung one.

        If load makes workers hang, replacing them adds load. So workers are replaced one at a time,
        and the timeout doubles, up to `_MAX_TIMEOUT_FACTOR`, where successors hang as well.
        """
        timeout = self._timeout_of(slot)
        async with self._replacing:
            if slot.worker is not worker or worker.answered():
                return
            self._log.error(
                "worker_hung",
                worker=slot.index,
                pid=worker.pid,
                silent_seconds=timeout,
                stacks=await worker.dump_stacks(),
            )
            stable = worker.uptime_seconds > _HANG_FREE_SECONDS
            slot.timeout_factor = 1 if stable else min(2 * slot.timeout_factor, _MAX_TIMEOUT_FACTOR)
            slot.replacements["hung"] += 1
            new = await self._start(slot)
            if new is None:
                slot.replacements["hung"] -= 1
                self._log.error("worker_not_replaced", worker=slot.index)
                return
            slot.worker = new
        # A worker that has recovered meanwhile finishes its requests. SIGTERM has no effect on one
        # that still hangs.
        recovered = worker.answered()
        self._log.info(
            "worker_replaced", worker=slot.index, pid=new.pid, old=worker.pid, killed=not recovered
        )
        if recovered:
            self._create_task(self._retire(worker))
        else:
            await worker.kill()

    async def _replace_all(self) -> None:
        """Replace all workers, one after the other."""
        async with self._replacing:
            for slot in self._slots:
                new = await self._start(slot)
                if new is None:
                    self._log.error("worker_not_replaced", worker=slot.index)
                    return
                old, slot.worker = slot.worker, new
                if old is not None:
                    await self._retire(old)
            self._log.info("workers_replaced", workers=len(self._slots))

    async def _retire(self, worker: WorkerProcess) -> None:
        """Stop a worker that has been replaced."""
        self._retiring.add(worker)
        worker.retired.set()
        await worker.stop()
        self._retiring.discard(worker)

    def _reload_files(self) -> None:
        for worker in (*(slot.worker for slot in self._slots), *self._retiring):
            if worker is not None:
                worker.signal(signal.SIGHUP)

    def _create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("supervision_failed", exc_info=error)
