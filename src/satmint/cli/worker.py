"""One of several server processes, `python -m satmint.cli.worker`: see `satmint.cli.workers`.

Standard input and output are pipes to the supervisor, which no other user of the machine can read:

- The supervisor sends the configuration as one line of JSON. The worker sends `ready` when it
  serves requests.
- The supervisor sends `ping` lines. The event loop answers each one with `pong`.
- End of input means that the supervisor has exited. The worker then stops.

SIGUSR1 writes the stacks of all threads to the pipe, even while the event loop is blocked.
"""

import asyncio
import contextlib
import faulthandler
import os
import signal
import socket
import sys
from typing import Final

import msgspec
import structlog

from satmint.cli.report import Failure
from satmint.cli.running import certificate_of, run_server
from satmint.cli.serving import Listeners, WorkerContext, serve_on
from satmint.logs import configure_logs
from satmint.server import Listener
from satmint.settings import Settings

READY: Final = b"ready\n"
PING: Final = b"ping\n"
PONG: Final = b"pong\n"
STACK_SIGNAL: Final = signal.SIGUSR1
_READ_BYTES: Final = 4096


class WorkerConfig(msgspec.Struct, frozen=True):
    """The configuration of one worker."""

    context: WorkerContext
    listen_fd: int
    """An inherited socket, bound and listening."""
    admin_fd: int | None
    """The inherited socket of the admin listener. None: the admin listener is off."""
    public_url: str
    settings: Settings
    sources: dict[str, str]
    """Where settings come from, by name."""


def main() -> None:
    """Serve until a signal, or the exit of the supervisor, stops the worker."""
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerConfig)
    faulthandler.register(STACK_SIGNAL, file=sys.stdout)
    settings = config.settings
    configure_logs(settings.log_format, settings.log_level)
    try:
        certificate = certificate_of(settings)
        listener = Listener(socket.socket(fileno=config.listen_fd), certificate)
        admin = None
        if config.admin_fd is not None:
            admin = Listener(socket.socket(fileno=config.admin_fd))
        run_server(settings, _run(config, Listeners(listener, admin)))
    except Failure as failure:
        log = structlog.get_logger("satmint.worker")
        log.error("worker_failed", worker=config.context.index, reason=str(failure))
        sys.exit(1)


async def _run(config: WorkerConfig, listeners: Listeners) -> None:
    async def send_ready() -> None:
        _send(READY)

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _receive)
    await serve_on(
        listeners,
        config.settings,
        config.public_url,
        send_ready,
        config.context,
        sources=config.sources,
    )


def _receive() -> None:
    """Answer pings. At the end of input, stop."""
    received = os.read(sys.stdin.fileno(), _READ_BYTES)
    if received:
        _send(PONG * received.count(b"\n"))
    else:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


def _send(message: bytes) -> None:
    """Write to the supervisor. If it has exited, the end of input follows and is handled there."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), message)


if __name__ == "__main__":
    main()
