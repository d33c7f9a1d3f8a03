"""The load: a process of its own that keeps some connections busy and checks every answer.

Raw sockets on uvloop, heads made beforehand, and no more parsing than the checks need, so that it
stays lighter than what it measures. Each connection sends its next request when the last answer is
in (a closed loop). In `refresh` each is a chain of its own: it sends the token of its last answer.

Arguments: none; a `Job` comes as JSON on standard input, a `Result` goes to standard output.
"""

import asyncio
import sys
from array import array
from functools import partial
from time import perf_counter, process_time
from typing import Any, Final, cast

import msgspec
import uvloop

from benchmarks.gauges import Histogram, Usage, machine_busy, read_histogram, usage_of
from benchmarks.subjects import Route, WrongAnswer

_REFERENCES: Final = 32
"""Subscribers per connection that `issue` goes around: after warm-up they all exist."""


class Job(msgspec.Struct, frozen=True):
    """What to do to whom."""

    port: int
    authorization: str
    operation: str
    """`refresh`, or another of `routes`, which is then repeated for one reference after another."""
    routes: dict[str, Route]
    connections: int
    warm_up: float
    """Seconds before the measured window."""
    seconds: float
    """Length of the measured window."""
    processes: dict[str, int]
    batches_metric: str | None


class Result(msgspec.Struct, frozen=True):
    """What was seen in the measured window."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    answer_bytes: float
    """Mean size of an answer, head and body."""
    usage: dict[str, Usage]
    load_cores: float
    """CPU of this process per second: near 1, the load is the bottleneck and not the server."""
    other_cores: float
    """CPU per second of the rest of the machine: the more, the less the figures are worth."""
    batches: dict[str, int]
    batched_steps: float


class Window:
    """The answers that came while it was open."""

    def __init__(self) -> None:
        self.open = False
        self.latencies = array("d")
        self.bytes = 0


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time."""

    def __init__(self, job: Job, number: int, window: Window) -> None:
        self._number = number
        self._window = window
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at = 0.0
        self._issued = 0
        self._refresh_token = b""
        self._stopping = False
        self._chained = job.operation == "refresh"
        first = "issue" if self._chained else job.operation
        self._route = self._first = _Prepared(job, job.routes[first])
        self._refresh = _Prepared(job, job.routes["refresh"])
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none
        self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or WrongAnswer("the server closed a connection"))

    def stop(self) -> None:
        """End after the answer that is under way."""
        self._stopping = True

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        received = self._received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = received.find(b"content-length: ", 0, head) + 16
        whole = head + 4 + int(received[at : received.find(b"\r", at)]) if at > 16 else 0
        if len(received) < whole:
            return
        try:
            self._refresh_token = self._route.check(received, self._refresh_token)
        except WrongAnswer as wrong:
            self.fail(wrong)
            return
        self._received = b""
        if self._window.open:
            self._window.latencies.append(now - self._sent_at)
            self._window.bytes += whole
        if self._stopping:
            self.done.set_result(None)
            self._close()
        else:
            self._send_next()

    def _send_next(self) -> None:
        if self._transport is None:
            return
        if self._chained and self._refresh_token:
            self._route, varying = self._refresh, self._refresh_token
        else:
            name = f"user-{self._number}-{self._issued % _REFERENCES}"
            self._route, varying = self._first, name.encode()
            self._issued += 1
        self._sent_at = perf_counter()
        self._transport.write(self._route.request(varying))

    def fail(self, error: BaseException) -> None:
        """End the whole load with `error`."""
        if not self.done.done():
            self.done.set_exception(error)
        self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Prepared:
    """A route with everything about its requests made that does not vary."""

    def __init__(self, job: Job, route: Route) -> None:
        self._head = (
            f"POST {route.path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n"
            f"User-Agent: satmint-benchmarks\r\nAuthorization: {job.authorization}\r\n"
            f"Content-Type: {route.content_type}\r\nContent-Length: "
        ).encode()
        self._before = route.before.encode()
        self._after = route.after.encode()
        self._fixed = len(self._before) + len(self._after)
        self._status = f"HTTP/1.1 {route.status} ".encode()
        self._markers = [marker.encode() for marker in route.markers]

    def request(self, varying: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b%b%b" % (
            self._head,
            self._fixed + len(varying),
            self._before,
            varying,
            self._after,
        )

    def check(self, answer: bytes, former: bytes) -> bytes:
        """The refresh token of an answer with the right status and every token.

        Raises:
            WrongAnswer: it is not such a one, or its refresh token is the `former` one.
        """
        token = b""
        if answer.startswith(self._status):
            for marker in self._markers:
                at = answer.find(marker) + len(marker)
                token = answer[at : answer.find(b'"', at)] if at >= len(marker) else b""
                if len(token) < 40:
                    break
            else:
                if token != former:
                    return token
        raise WrongAnswer(f"a wrong answer: {answer[:1000].decode('latin-1')}")


async def run(job: Job) -> Result:
    """Do `job`.

    Raises:
        WrongAnswer: an answer was not what it must be.
        OSError: the server cannot be reached or went away.
    """
    loop = asyncio.get_running_loop()
    window = Window()
    connections: list[Connection] = []
    for number in range(job.connections):
        _, connection = await loop.create_connection(
            partial(Connection, job, number, window), "127.0.0.1", job.port
        )
        connections.append(connection)
    # A bug in a callback must end the run; by itself it would only be logged, and its chain stall.
    loop.set_exception_handler(lambda _, context: _give_up(connections, context))
    all_done = asyncio.gather(*(connection.done for connection in connections))
    await _unless_failed(all_done, job.warm_up)
    batches = await _batches(job)
    used = {name: usage_of(root) for name, root in job.processes.items()}
    busy, began, cpu, window.open = machine_busy(), perf_counter(), process_time(), True
    await _unless_failed(all_done, job.seconds)
    window.open, seconds, own = False, perf_counter() - began, process_time() - cpu
    busy = machine_busy() - busy
    usage = {name: usage_of(root).since(used[name]) for name, root in job.processes.items()}
    ours = own + sum(used.user + used.system for used in usage.values())
    batches = (await _batches(job)).since(batches)
    for connection in connections:
        connection.stop()
    await all_done
    if not window.latencies:
        raise WrongAnswer("no answer at all came while it was measured")
    ordered = sorted(window.latencies)
    return Result(
        requests=len(ordered),
        seconds=seconds,
        p50_ms=_quantile(ordered, 0.5) * 1000,
        p99_ms=_quantile(ordered, 0.99) * 1000,
        worst_ms=ordered[-1] * 1000,
        answer_bytes=window.bytes / len(ordered),
        usage=usage,
        load_cores=own / seconds,
        other_cores=max(0.0, busy - ours) / seconds,
        batches=batches.counts,
        batched_steps=batches.total,
    )


def _give_up(connections: list[Connection], context: dict[str, Any]) -> None:
    connections[0].fail(context.get("exception") or RuntimeError(context["message"]))


async def _unless_failed(all_done: "asyncio.Future[list[None]]", seconds: float) -> None:
    """Let the load run for some time; raise at once what goes wrong in it."""
    await asyncio.wait([all_done], timeout=seconds)
    if all_done.done():
        all_done.result()


async def _batches(job: Job) -> Histogram:
    if job.batches_metric is None:
        return Histogram({}, 0.0)
    return await asyncio.to_thread(read_histogram, job.port, job.batches_metric)


def _quantile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


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
