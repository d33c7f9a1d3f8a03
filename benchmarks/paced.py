"""Refreshes at a steady rate, through a restart of the server: a process of its own.

A refresh that is lost with its connection is sent again, with the same token, as a client does that
has not got its answer. Takes a `Pace`, says `{}` once it refreshes; says `Refreshed` when it is
told to end.
"""

import asyncio
import sys
from time import perf_counter
from typing import Final

import msgspec

from benchmarks.load import PreparedRoute, whole_answer
from benchmarks.load_process import hear, run_load, say
from benchmarks.running import Route

_RETRY_SECONDS: Final = 0.02
_UNAVAILABLE: Final = b"HTTP/1.1 503 "
_READ_BYTES: Final = 64 * 1024


class Pace(msgspec.Struct, frozen=True):
    """How often, and where."""

    port: int
    authorization: str
    issue: Route
    refresh: Route
    chains: int
    """Connections, each with a session of its own."""
    per_second: float
    """Refreshes of all of them."""


class Refreshed(msgspec.Struct, frozen=True):
    """What was seen."""

    answers: list[tuple[float, float]]
    """When each was asked for, by the machine's monotonic clock, and how long it took; both in
    seconds."""
    lost: int
    """Attempts without an answer."""


class Chain:
    """One connection at a time, and one session."""

    def __init__(self, pace: Pace, number: int, seen: list[tuple[float, float]]) -> None:
        self._pace = pace
        self._number = number
        self._seen = seen
        self._refresh = PreparedRoute(pace.port, pace.authorization, pace.refresh)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._token = b""
        self.lost = 0

    async def begin(self) -> None:
        """Sign in."""
        issue = PreparedRoute(self._pace.port, self._pace.authorization, self._pace.issue)
        reference = f"paced-{self._number}".encode()
        self._token = issue.check(await self._ask(issue.request(reference)), b"")

    async def run(self, ends: asyncio.Event) -> None:
        """Refresh at this chain's part of the rate."""
        interval = self._pace.chains / self._pace.per_second
        due = perf_counter() + interval * self._number / self._pace.chains
        while not ends.is_set():
            await asyncio.sleep(max(0.0, due - perf_counter()))
            began = perf_counter()
            try:
                answer = await self._ask(self._refresh.request(self._token))
            except (OSError, EOFError):
                answer = _UNAVAILABLE
            if answer.startswith(_UNAVAILABLE):
                self._hang_up()
                self.lost += 1
                due = perf_counter() + _RETRY_SECONDS
                continue
            self._token = self._refresh.check(answer, self._token)
            self._seen.append((began, perf_counter() - began))
            due = max(due + interval, began)
        self._hang_up()

    async def _ask(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._pace.port)
        reader, writer = self._streams
        writer.write(request)
        answer = b""
        while not (whole := whole_answer(answer)) or len(answer) < whole:
            received = await reader.read(_READ_BYTES)
            if not received:
                raise EOFError
            answer += received
        return answer

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _work() -> None:
    pace, seen, ends = await hear(Pace), list[tuple[float, float]](), asyncio.Event()
    chains = [Chain(pace, number, seen) for number in range(pace.chains)]
    for chain in chains:
        await chain.begin()
    async with asyncio.TaskGroup() as group:
        for chain in chains:
            group.create_task(chain.run(ends))
        say({})
        await hear(dict[str, str])
        ends.set()
    say(Refreshed(sorted(seen), sum(chain.lost for chain in chains)))


if __name__ == "__main__":
    sys.exit(run_load(_work()))
