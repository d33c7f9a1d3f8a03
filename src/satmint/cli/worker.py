"""One of several server processes, `python -m satmint.cli.worker`: see `satmint.cli.workers`.

What it needs comes on standard input, where no other user of the machine can read it: a line of
JSON, and then nothing until its parent is gone, upon which it stops. It says `ready` on standard
output once it answers.
"""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import structlog

from satmint.assembly import Service
from satmint.cli.report import Failure
from satmint.cli.running import run_server
from satmint.cli.serving import Crew, serve_on
from satmint.http.listen import Listener
from satmint.logs import configure_logs
from satmint.settings import Settings

READY = b"ready\n"


class Order(msgspec.Struct, frozen=True):
    """What one worker is to do."""

    crew: Crew
    listen_fd: int
    """An inherited socket, bound and listening."""
    public_url: str
    settings: Settings


def main() -> None:
    """Serve until told to stop."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    settings = order.settings
    configure_logs(settings.log_format, settings.log_level)
    tls = (None if path is None else Path(path) for path in (settings.tls_cert, settings.tls_key))
    listener = Listener(socket.socket(fileno=order.listen_fd), *tls)
    try:
        run_server(settings, _run(order, listener))
    except Failure as failure:
        log = structlog.get_logger("satmint.worker")
        log.error("worker_failed", worker=order.crew.number, reason=str(failure))
        sys.exit(1)


async def _run(order: Order, listener: Listener) -> None:
    async def answers(_service: Service) -> None:
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _stop_without_parent)
    await serve_on(listener, order.settings, order.public_url, answers, order.crew)


def _stop_without_parent() -> None:
    """Standard input can be read from again only when its other end is closed."""
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
