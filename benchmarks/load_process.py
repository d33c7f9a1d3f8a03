"""The inside of a process of the load: it reads and writes lines of JSON; see `Conversation`."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import uvloop

from benchmarks.browser import Refused
from benchmarks.running import WrongAnswer

Heard = TypeVar("Heard")


async def hear(kind: type[Heard]) -> Heard:
    """The next line on standard input."""
    return msgspec.json.decode(await asyncio.to_thread(sys.stdin.buffer.readline), type=kind)


def say(message: object) -> None:
    """Write a line to standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def run_load(work: Coroutine[Any, Any, None]) -> int:
    """Do all of a process's work. Its exit code: 1 where a server did not do its own."""
    failures: tuple[BaseException, ...] = ()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(work)
        except* (WrongAnswer, Refused, OSError) as failed:
            failures = failed.exceptions
    if failures:
        print(repr(failures[0]), file=sys.stderr)
    return 1 if failures else 0
