"""The load: a process of its own that keeps some connections busy and checks every answer.

Raw sockets on uvloop, heads made beforehand, and no more parsing than the checks need, so that it
stays lighter than what it measures. Each connection sends its next request when the last answer is
in (a closed loop). In `refresh` each is a chain of its own: it sends the token of its last answer.

Arguments: none; a `Job` comes as JSON on standard input, a `Result` goes to standard output.
"""

import asyncio
import sys
from array import array
from collections import deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final, cast

import msgspec
import uvloop

from benchmarks.meter import Meter, Result
from benchmarks.running import BatchesMetric, ConnectionPlan, Route, Supply, WrongAnswer

_REFERENCES: Final = 32
"""Subscribers per connection that `issue` goes around: after warm-up they all exist."""


class Job(msgspec.Struct, frozen=True):
    """What to do to whom."""

    port: int
    authorization: str
    route: Route
    first: Route | None
    """What a chain begins with, where its plan holds nothing."""
    plans: str | None
    """A file of what each connection sends, one
    `ConnectionPlan` as JSON in a line. What is left of a chain
    is written back: its next load goes on from there."""
    connections: int
    warm_up: float
    """Seconds before the measured window."""
    seconds: float
    """Length of the measured window."""
    processes: dict[str, int]
    batches_metric: BatchesMetric | None


class Window:
    """The answers that came while it was open."""

    def __init__(self) -> None:
        self.open = False
        self.latencies = array("d")
        self.bytes = 0
        self.used_up = asyncio.Event()
        """A connection has nothing more to send."""


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time."""

    def __init__(self, job: Job, plan: ConnectionPlan, window: Window) -> None:
        self._window = window
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at = 0.0
        self._stopping = False
        self._supply = job.route.supply
        self._waiting = deque(text.encode() for text in plan.varying)
        self._sent = b""
        self._authorization = plan.authorization
        authorization = plan.authorization or job.authorization
        self._usual = PreparedRoute(job.port, authorization, job.route)
        self._route = self._usual
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if job.first is not None:
            self._route = PreparedRoute(job.port, authorization, job.first)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none
        self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or WrongAnswer("the server closed a connection"))

    @property
    def plan(self) -> ConnectionPlan:
        """What it would send next."""
        return ConnectionPlan([text.decode() for text in self._waiting], self._authorization)

    def stop(self) -> None:
        """End after the answer that is under way."""
        self._stopping = True

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        received = self._received = self._received + data if self._received else data
        whole = whole_answer(received)
        if whole == 0 or len(received) < whole:
            return
        try:
            token = self._route.check(received, self._sent)
        except WrongAnswer as wrong:
            self.fail(wrong)
            return
        self._received = b""
        if self._window.open:
            self._window.latencies.append(now - self._sent_at)
            self._window.bytes += whole
        if self._supply is Supply.CHAIN:
            self._waiting.append(token)
        elif self._supply is Supply.AGAIN:
            self._waiting.append(self._sent)
        self._route = self._usual
        if self._stopping:
            self._finish()
        else:
            self._send_next()

    def _send_next(self) -> None:
        if self._transport is None:
            return
        if not self._waiting:
            self._window.used_up.set()
            self._finish()
            return
        self._sent = self._waiting.popleft()
        self._sent_at = perf_counter()
        self._transport.write(self._route.request(self._sent))

    def _finish(self) -> None:
        self.done.set_result(None)
        self._close()

    def fail(self, error: BaseException) -> None:
        """End the whole load with `error`."""
        if not self.done.done():
            self.done.set_exception(error)
        self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def whole_answer(received: bytes) -> int:
    """The length of the answer that `received` begins with, 0 while its head is not all there."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return 0
    at = received.find(b"content-length: ", 0, head)
    if at < 0:
        at = received.find(b"Content-Length: ", 0, head)
    if at < 0:
        return head + 4
    return head + 4 + int(received[at + 16 : received.find(b"\r", at)])


class PreparedRoute:
    """A route with everything about its requests made that does not vary."""

    def __init__(self, port: int, authorization: str, route: Route) -> None:
        self._head = (
            f"{route.method} {route.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"User-Agent: satmint-benchmarks\r\nAuthorization: {authorization}\r\n"
        ).encode()
        if route.method == "POST":
            self._head += f"Content-Type: {route.content_type}\r\n".encode()
        self._head += b"Content-Length: "
        self._before = route.before.encode()
        self._after = route.after.encode()
        self._fixed = len(self._before) + len(self._after)
        self._status = f"HTTP/1.1 {route.status} ".encode()
        self._markers = [marker.encode() for marker in route.markers]
        self._holds = route.holds.encode()

    def request(self, varying: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b%b%b" % (
            self._head,
            self._fixed + len(varying),
            self._before,
            varying,
            self._after,
        )

    def check(self, answer: bytes, sent: bytes) -> bytes:
        """The refresh token of an answer with the right status and every token.

        Raises:
            WrongAnswer: it is not such a one, or its refresh token is the one that was `sent`.
        """
        token = b""
        if answer.startswith(self._status) and self._holds in answer:
            for marker in self._markers:
                at = answer.find(marker) + len(marker)
                token = answer[at : answer.find(b'"', at)] if at >= len(marker) else b""
                if len(token) < 40 or token == sent:
                    break
            else:
                return token
        raise WrongAnswer(f"a wrong answer: {answer[:1000].decode('latin-1')}")


def write_plans(plans: Iterable[ConnectionPlan], file: Path) -> None:
    """Keep what connections are to send."""
    file.write_bytes(b"\n".join(msgspec.json.encode(plan) for plan in plans))


def plans_of(job: Job) -> list[ConnectionPlan]:
    """What each connection sends: as the job's file says, else references of its own."""
    if job.plans is None:
        return [
            ConnectionPlan(
                [f"user-{number}-{turn}" for turn in range(1 if job.first else _REFERENCES)]
            )
            for number in range(job.connections)
        ]
    lines = Path(job.plans).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=ConnectionPlan) for line in lines]


async def run(job: Job) -> Result:
    """Do `job`.

    Raises:
        WrongAnswer: an answer was not what it must be.
        OSError: the server cannot be reached or went away.
    """
    loop = asyncio.get_running_loop()
    window = Window()
    connections: list[Connection] = []
    for plan in plans_of(job):
        _, connection = await loop.create_connection(
            partial(Connection, job, plan, window), "127.0.0.1", job.port
        )
        connections.append(connection)
    # A bug in a callback must end the run; by itself it would only be logged, and its chain stall.
    loop.set_exception_handler(lambda _, context: _give_up(connections, context))
    all_done = asyncio.gather(*(connection.done for connection in connections))
    await _unless_failed(all_done, window, job.warm_up)
    meter = Meter(job.processes, job.batches_metric)
    await meter.start()
    window.open = True
    await _unless_failed(all_done, window, job.seconds)
    window.open = False
    await meter.stop()
    for connection in connections:
        connection.stop()
    await all_done
    if job.plans is not None and job.route.supply is Supply.CHAIN:
        write_plans((connection.plan for connection in connections), Path(job.plans))
    return meter.result(window.latencies, window.bytes)


def _give_up(connections: list[Connection], context: dict[str, Any]) -> None:
    connections[0].fail(context.get("exception") or RuntimeError(context["message"]))


async def _unless_failed(
    all_done: "asyncio.Future[list[None]]", window: Window, seconds: float
) -> None:
    """Let the load run for some time; raise at once what goes wrong in it."""
    used_up = asyncio.ensure_future(window.used_up.wait())
    first: set[asyncio.Future[Any]] = {all_done, used_up}
    await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    used_up.cancel()
    if all_done.done():
        all_done.result()


def main() -> int:
    """Do the job on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(run(job))
    except (WrongAnswer, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
