"""A worker process as its supervisor sees it: start it, ping it, stop it."""

import asyncio
import contextlib
import signal
import sys
from typing import Any, Final, Self

import msgspec

from satmint.cli.worker import PING, PONG, READY, STACK_SIGNAL, WorkerConfig

START_SECONDS: Final = 120.0
"""How long a worker may take from its start to its first answer."""
STOP_SECONDS: Final = 30.0
"""How long a worker may take to finish its requests after SIGTERM; then it is killed."""
_PING_INTERVAL_SECONDS: Final = 1.0
_STACK_SECONDS: Final = 0.5
"""How long the supervisor waits for the stacks of a hung worker."""
_MAX_STACK_LINES: Final = 200
_WAIT_STEPS: Final = 10


class WorkerProcess:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Wrap a process that was started with pipes for standard input and output.

        Raises:
            RuntimeError: it has no pipes.
        """
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker process has no pipes")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._started_at = asyncio.get_running_loop().time()
        self._answered = asyncio.Event()
        self._stack: list[str] = []
        self._reader: asyncio.Task[None] | None = None
        self.retired = asyncio.Event()
        """Set when another process has taken this one's place."""

    @classmethod
    async def spawn(cls, config: WorkerConfig) -> Self:
        """Start a process and send it its configuration.

        Raises:
            OSError: the system cannot start a process now.
        """
        fds = (config.listen_fd, config.admin_fd)
        process = await asyncio.create_subprocess_exec(
            # -P: do not import modules from the current folder, which others may be able to write.
            *(sys.executable, "-P", "-m", "satmint.cli.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[fd for fd in fds if fd is not None],
            # Ctrl-C in a terminal reaches only the supervisor, which then stops the workers.
            start_new_session=True,
        )
        worker = cls(process)
        worker._stdin.write(msgspec.json.encode(config) + b"\n")
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def uptime_seconds(self) -> float:
        """Time since it was started."""
        return asyncio.get_running_loop().time() - self._started_at

    def answered(self) -> bool:
        """Whether it has answered the last ping."""
        return self._answered.is_set()

    async def wait_ready(self) -> bool:
        """Wait until it serves requests. False: it exited before that.

        Raises:
            TimeoutError: it did neither within `START_SECONDS`.
        """
        line = asyncio.create_task(self._stdout.readline())
        try:
            if not await _done_within(line, START_SECONDS):
                raise TimeoutError
        finally:
            line.cancel()
        if line.result() != READY:
            return False
        self._answered.set()
        self._reader = asyncio.create_task(self._read())
        return True

    async def wait_exited(self) -> int:
        """Wait until the process exits; returns its exit code, or minus the signal's number."""
        return await self._process.wait()

    async def wait_hung(self, timeout_seconds: float) -> None:
        """Ping the worker until it leaves a ping unanswered for `timeout_seconds`.

        The worker answers from its event loop. A blocked event loop and a stopped process are both
        detected. Time in which the supervisor did not run does not count: see `_done_within`.
        """
        while True:
            await asyncio.sleep(_PING_INTERVAL_SECONDS)
            self._answered.clear()
            if not self._stdin.is_closing():
                self._stdin.write(PING)
            answer = asyncio.create_task(self._answered.wait())
            try:
                if not await _done_within(answer, timeout_seconds):
                    return
            finally:
                answer.cancel()

    async def dump_stacks(self) -> list[str]:
        """Return the stacks of its threads: files, lines and functions, without any values.

        The list is empty if the process is stopped (SIGSTOP) and cannot handle the signal.
        """
        self._stack.clear()
        self.signal(STACK_SIGNAL)
        await asyncio.sleep(_STACK_SECONDS)
        return [*self._stack]

    def signal(self, number: int) -> None:
        """Send a signal. Nothing happens if the process has exited."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self) -> None:
        """Let the worker finish its requests, for `STOP_SECONDS` at most, and exit."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the process at once. Requests in progress are lost."""
        self.signal(signal.SIGKILL)
        await self._process.wait()

    async def _read(self) -> None:
        """Read the worker's standard output: answers to pings, and stacks."""
        while line := await self._stdout.readline():
            if line == PONG:
                self._answered.set()
            elif len(self._stack) < _MAX_STACK_LINES:
                self._stack.append(line.decode(errors="replace").rstrip())


async def _done_within(task: asyncio.Task[Any], seconds: float) -> bool:
    """Whether a task finishes within `seconds` of time in which this process runs.

    The wait is divided into steps, and a step counts as its nominal length even if more time has
    passed. If this process is stopped or starved, or the machine is suspended, the wait grows by
    that time: a worker is not blamed for a pause of its supervisor.
    """
    for _ in range(_WAIT_STEPS):
        done, _pending = await asyncio.wait({task}, timeout=seconds / _WAIT_STEPS)
        if done:
            return True
    return False
