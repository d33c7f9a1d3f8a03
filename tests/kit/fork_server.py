"""Forks processes that run `satmint`, from one that has imported it; `tests.kit.forked` starts it.

It runs alone in its process: `python -m tests.kit.fork_server FD`, where FD is a socket. Each
message on it is a `Command` in JSON, with four file descriptors: those of the new process's
standard streams, and a pipe. Into the pipe goes the process's id, and when it has ended, its status
(waitpid(2)), each as a line. The end of the socket ends this process.
"""

import atexit
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from typing import Any, Final, NoReturn

MAX_MESSAGE: Final = 1 << 20
DESCRIPTORS: Final = 4
_FEATURES: Final = (
    "jinja2",
    "satmint.control",
    "satmint.store.postgres.maintenance",
    "satmint.webhooks.attempt",
    "typer._adapters",
)
"""What a command imports only when it needs it."""


def serve(control: socket.socket) -> None:
    """Fork as told, until the other end of `control` is closed."""
    _import_satmint()
    waiting = selectors.DefaultSelector()
    waiting.register(control, selectors.EVENT_READ)
    running: dict[int, tuple[int, int]] = {}
    """By the descriptor of a process (pidfd_open(2)): its id, and its pipe."""
    while True:
        for key, _ in waiting.select():
            if key.fileobj is control:
                message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, DESCRIPTORS)
                if not message:
                    return
                child = os.fork()
                if child == 0:
                    waiting.close()
                    control.close()
                    for handle, (_, pipe) in running.items():
                        os.close(handle)
                        os.close(pipe)
                    _become(json.loads(message), descriptors)
                *streams, pipe = descriptors
                for stream in streams:
                    os.close(stream)
                os.write(pipe, b"%d\n" % child)
                handle = os.pidfd_open(child)
                running[handle] = child, pipe
                waiting.register(handle, selectors.EVENT_READ)
            else:
                handle = key.fd
                child, pipe = running.pop(handle)
                _, status = os.waitpid(child, 0)
                _tell(pipe, status)
                waiting.unregister(handle)
                os.close(handle)


def _tell(pipe: int, status: int) -> None:
    try:
        os.write(pipe, b"%d\n" % status)
    except BrokenPipeError:
        pass  # nobody waits for this process
    finally:
        os.close(pipe)


def _import_satmint() -> None:
    from satmint.cli.program import COMMANDS

    for name in COMMANDS:
        importlib.import_module(f"satmint.cli.{name.replace('-', '_')}")
    for module in _FEATURES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # or each fork would copy what a collection touches


def _become(command: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """In the new process: run `satmint` as if it had been started from a shell."""
    code = 1
    try:
        *streams, pipe = descriptors
        os.close(pipe)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(streams) + 1)
        _open_streams()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(command["environment"])
        os.chdir(command["folder"])
        sys.path[0] = command["folder"]
        sys.argv = ["satmint", *command["arguments"]]
        import satmint.cli

        importlib.reload(satmint.cli)  # it ignores some signals, by the command
        satmint.cli.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        traceback.print_exc()
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # what an interpreter does first
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _open_streams() -> None:
    """Python's objects anew: they remember what their files are."""
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        before = getattr(sys, name)
        stream = open(  # noqa: SIM115 - as long as the process
            descriptor,
            mode,
            buffering=1 if name == "stderr" else -1,
            encoding=before.encoding,
            errors=before.errors,
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as _control:
        serve(_control)
