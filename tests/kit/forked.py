"""Processes of `satmint` that start in a tenth of the time.

with start(["serve", "--port", "0"], cwd=folder, env=clean_environment()) as process:
    ...

What a start costs is Python's imports, 0.4 s of CPU. So a process that has imported all of satmint
(`tests.kit.fork_server`) forks those that tests need. They are processes like any others: with a
working folder, an environment, standard streams and signal handlers of their own.

A test of how a process starts, ends or uses its terminal runs `SATMINT` (`tests.kit.dev`) itself.
"""

import atexit
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, Final

from tests.kit.fork_server import DESCRIPTORS, MAX_MESSAGE

_ROOT: Final = Path(__file__).parents[2]
_FOR_INTERPRETERS: Final = ("PYTHON", "LC_", "LANG", "TZ", "MALLOC_", "LD_")
"""Prefixes of variables that a process reads when it starts, and no later."""
_PARAMETERS: Final = signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether a process with these variables may be a fork."""
    return _for_interpreter(env) == _for_interpreter(os.environ)


def _for_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in env.items()
        if name.startswith(_FOR_INTERPRETERS) and name != "PYTHONDONTWRITEBYTECODE"
    }


class ForkedProcess(subprocess.Popen[Any]):
    """A fork, with the methods of a `Popen`: its first argument is the command line."""

    def _execute_child(self, *arguments: Any) -> None:  # noqa: ANN401 - `Popen`'s own
        """Have the server fork, in place of fork(2) and exec(2)."""
        given = _PARAMETERS.bind(self, *arguments).arguments
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        command = {
            "arguments": list(given["args"]),
            "folder": os.path.abspath(given["cwd"] or os.curdir),  # noqa: PTH100 - Popen's type
            "environment": dict(given["env"]),
        }
        message = json.dumps(command).encode()
        assert len(message) < MAX_MESSAGE
        self._answers, pipe = os.pipe()
        streams = [
            own if descriptor == -1 else descriptor
            for own, descriptor in enumerate(
                (given["p2cread"], given["c2pwrite"], given["errwrite"])
            )
        ]
        control = _fork_server(os.getpid())
        assert len([*streams, pipe]) == DESCRIPTORS
        socket.send_fds(control, [message], [*streams, pipe])
        os.close(pipe)
        self.pid = int(self._line())
        self._child_created = True
        self._close_pipe_fds(*(given[end] for end in ends))  # type: ignore[attr-defined]

    def _line(self) -> bytes:
        """The next line of the fork server."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._answers, 1)
            assert byte, "the fork server has ended"
            line += byte
        return line

    def _ended(self, *, wait: bool) -> bool:
        """Whether it has ended; its exit code is set then."""
        if self.returncode is None and (wait or select.select([self._answers], [], [], 0)[0]):
            status = int(self._line())
            os.close(self._answers)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode is not None

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:  # noqa: ANN401 - `Popen`'s own
        self._ended(wait=False)
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if not self._ended(wait=not wait_flags & os.WNOHANG):
            return 0, 0
        code = self.returncode
        return self.pid, -code if code < 0 else code << 8


def start(arguments: Sequence[str], **options: Any) -> subprocess.Popen[Any]:  # noqa: ANN401
    """Start `satmint` with these arguments.

    Args:
        arguments: The command line after the program's name.
        options: Those of `Popen` that tests use: `cwd`, `env`, which is required, the streams, and
            `text`.
    """
    if can_fork(options["env"]):
        return ForkedProcess(arguments, **options)
    return start_interpreter(arguments, **options)


def start_interpreter(arguments: Sequence[str], **options: Any) -> subprocess.Popen[Any]:  # noqa: ANN401
    """Start `satmint` with these arguments, as its users do. Takes the same options."""
    return subprocess.Popen([sys.executable, "-m", "satmint", *arguments], **options)


def run(
    arguments: Sequence[str],
    *,
    timeout: float = 60,
    **options: Any,  # noqa: ANN401
) -> subprocess.CompletedProcess[Any]:
    """The outcome of such a process, with what it printed."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with start(arguments, **streams) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


@cache
def _fork_server(_owner: int) -> socket.socket:
    """The server of this process: a fork of it, as in `make mutants`, has another one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.fork_server", str(theirs.fileno())],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
