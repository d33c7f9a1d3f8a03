"""Raw connections, at a whole server on a socket."""

import asyncio
from contextlib import AsyncExitStack
from random import Random
from typing import Final, Self

from tests.fuzz.stream_client import (
    ANSWER,
    NUMBER,
    Answer,
    Application,
    AskedRequest,
    Client,
    PendingRequest,
    answers,
)
from tests.fuzz.stream_comparison import NO_REQUEST
from tests.fuzz.stream_mutations import make_stream, shown, split
from tests.fuzz.stream_reading import End, Reading, Request, read
from tests.fuzz.targets import ACCEPTED, Found, Target
from tests.kit.listening import listening

SECONDS: Final = 10.0
"""Within which all is answered. By far the most take some thousandths of a second."""
REFUSALS: Final = frozenset({400, 431, 501, 505})
HANDSHAKE_REFUSALS: Final = frozenset({400, 403, 426})
_MOST_SEGMENTS: Final = 12
_EARLY: Final = 0.3
_AT_ONCE: Final = 0.4


class Sockets(Target):
    """The application is asked for what the reader sees; each request is answered, in order.

    After the answers may come one refusal, and then the server closes the connection.
    """

    name = "sockets"

    async def __aenter__(self) -> Self:
        self._application = Application()
        stack = AsyncExitStack()
        self._port = await stack.enter_async_context(listening(self._application))
        self._stack = stack
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    async def attempt(self, random: Random) -> str:
        """See `Target.attempt`."""
        stream = make_stream(random)
        segments = split(random, stream, pieces=_MOST_SEGMENTS)
        early, at_once = random.random() < _EARLY, random.random() < _AT_ONCE
        # In single bytes, it shows all of a body that the application may get before a refusal.
        expected = Expected(read([stream[at : at + 1] for at in range(len(stream))]), early=early)
        client = await Client.connect(self._port)
        asked = self._application.asked[client.port] = PendingRequest(early)
        try:
            await client.send(segments, at_once=at_once)
            async with asyncio.timeout(SECONDS):
                found = await _all_answers(client, expected)
            expected.check(found, asked, reset=client.reset)
        except (Found, TimeoutError) as error:
            what = f"not within {SECONDS} s" if isinstance(error, TimeoutError) else error
            raise Found(
                f"{what}; {expected.reading.end.value} {expected.reading.cause};"
                f" {early=} {at_once=}; answered {bytes(client.data)!r}; sent {shown(segments)}"
            ) from error
        finally:
            await client.close()
            del self._application.asked[client.port]
        self.notes["requests answered"] += sum(answer.status == 200 for answer in found)
        if client.reset:
            self.notes["connections reset by what came after the last request"] += 1
        return _outcome(expected.reading)


async def _all_answers(client: Client, expected: "Expected") -> list[Answer]:
    """All of them; the connection is closed by the server, or here once no more are due."""
    half_closed = False
    while True:
        found, rest = answers(bytes(client.data), expected.methods)
        if client.closed_by_server:
            break
        if not half_closed and not expected.closes and len(found) == expected.least:
            client.transport.write_eof()
            half_closed = True
        await client.news()
    if rest and not client.reset:
        raise Found(f"answered {rest!r} at the end")
    return found


class Expected:
    """What has to come of a stream."""

    def __init__(self, reading: Reading, *, early: bool) -> None:
        """Work it out.

        Args:
            reading: What the reader saw in it.
            early: Whether the application answers before it has received any body.
        """
        self.reading = reading
        self.early = early
        self.requests = [*reading.requests]
        self.end = reading.end
        if early:
            # The rest of a body that nobody asked for may never come: the connection closes.
            for index, request in enumerate(self.requests):
                if request.expects_continue:
                    del self.requests[index + 1 :]
                    self.end = End.REFUSED if self._is_refused_later(request) else End.CLOSED
                    break
        if self.end is End.SWITCHED:
            self.requests.pop()
        whole = sum(request.complete for request in self.requests)
        self.least = whole + (early and self.end is End.OPEN and whole < len(self.requests))
        """How many answers of the application are due."""
        self.most = len(self.requests) if early else whole
        self.methods = [request.head.method.decode() for request in reading.requests]

    def _is_refused_later(self, request: Request) -> bool:
        return self.reading.end is End.REFUSED and not request.complete

    @property
    def closes(self) -> bool:
        """Whether the server closes the connection by itself."""
        if self.early and self.requests and not self.requests[-1].head.keep_alive:
            return True
        return self.end is not End.OPEN

    def check(self, found: list[Answer], asked: PendingRequest, *, reset: bool) -> None:
        """Check what came of it.

        Args:
            found: The answers.
            asked: What the application was asked.
            reset: Whether the connection was reset, so that some answers may be lost. That may be
                where the client goes on sending after its last request.

        Raises:
            Found: it is not what has to.
        """
        own = [answer for answer in found if NUMBER in answer.headers]
        if found[: len(own)] != own:
            raise Found("a refusal before an answer")
        for number, (answer, request) in enumerate(zip(own, self.requests, strict=False)):
            self._check_answer(number, answer, request)
        refusals = found[len(own) :]
        if reset:
            if self.end not in (End.CLOSED, End.SWITCHED) and not self.closes:
                raise Found("a connection that is reset")
        elif not self.least <= len(own) <= self.most:
            raise Found(f"{len(own)} answers, and not {self.least} to {self.most}")
        self._check_refusals(refusals, len(own), reset=reset)
        self._check_asked(asked)

    def _check_answer(self, number: int, answer: Answer, request: Request) -> None:
        body = b"" if request.head.method == b"HEAD" else ANSWER
        if answer.headers[NUMBER] != b"%d" % number or (answer.status, answer.body) != (200, body):
            raise Found(f"answer {number} is {answer}")
        if answer.interim > (request.expects_continue and not self.early):
            raise Found(f"{answer.interim} interim answers before {number}")
        last = number == len(self.requests) - 1
        if not request.head.keep_alive and answer.headers.get(b"connection") != b"close":
            raise Found(f"answer {number} does not say that it is the last")
        if not last and b"connection" in answer.headers:
            raise Found(f"answer {number} says that it is the last")

    def _check_refusals(self, refusals: list[Answer], answered: int, *, reset: bool) -> None:
        allowed: frozenset[int] = frozenset()
        due = self.end in (End.REFUSED, End.SWITCHED)
        if self.end is End.REFUSED:
            allowed = REFUSALS
            # What is answered early is not refused as well.
            due = not (self.early and answered > sum(one.complete for one in self.requests))
        elif self.end is End.SWITCHED:
            allowed = HANDSHAKE_REFUSALS
        if len(refusals) > due or (len(refusals) < due and not reset):
            raise Found(f"{len(refusals)} refusals, and not {int(due)}")
        for refusal in refusals:
            if refusal.status not in allowed or refusal.headers.get(b"connection") != b"close":
                raise Found(f"refused with {refusal}")
            if refusal.interim > any(request.expects_continue for request in self.requests[-1:]):
                raise Found(f"{refusal.interim} interim answers before a refusal")

    def _check_asked(self, asked: PendingRequest) -> None:
        whole = [request for request in self.requests if request.complete]
        if not len(whole) <= len(asked.requests) <= len(self.requests):
            raise Found(f"asked for {asked.requests}")
        for request, got in zip(self.requests, asked.requests, strict=False):
            _check_asked_request(request, got, early=self.early)
        if asked.websockets > (self.end is End.SWITCHED):
            raise Found("asked for a WebSocket")


def _check_asked_request(request: Request, got: AskedRequest, *, early: bool) -> None:
    head = request.head
    path, _, query = head.target.partition(b"?")
    expected = (head.method, head.version, path + (b"?" + query if query else b""), head.headers)
    if (got.method.encode(), got.version.encode(), got.target, got.headers) != expected:
        raise Found(f"asked for {got}, and not {request}")
    if early:
        return
    if got.complete is not request.complete or not request.body.startswith(got.body):
        raise Found(f"asked for {got}, and not {request}")
    if request.complete and got.body != request.body:
        raise Found(f"asked for {got}, and not {request}")


def _outcome(reading: Reading) -> str:
    if reading.end is End.REFUSED:
        return f"refused: {reading.status} {reading.cause}"
    if reading.end is End.SWITCHED:
        return "a WebSocket, which the application or the handshake refuses"
    return ACCEPTED if reading.complete() else NO_REQUEST
