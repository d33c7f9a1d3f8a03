"""PostgreSQL's NOTIFY queue is full for a while: revocations and detections of reuse succeed.

Somebody listens in another database and is idle in a transaction, so that the queue cannot be
emptied; it is filled from there, too. Meanwhile sessions of a project of its own are revoked, and
others end because a spent token is shown. Each has live sessions on every server, which have to end
as promptly as always: by polling, since no notification can be sent.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any, Final
from uuid import UUID

import asyncpg
from websockets.exceptions import WebSocketException

from tests.kit.gateway import Client, connect_to
from tests.kit.postgres import PostgresServer
from tests.kit.wire import REFRESH, Lost
from tests.soak.callers import Yard
from tests.soak.history import FOREVER
from tests.soak.history_checker import Violation
from tests.soak.http_connection import Line, NotReached
from tests.soak.ledgers import unix_seconds
from tests.soak.promptness import BOUNDS, Awaited, Reaction, check_reactions
from tests.soak.rules import SECOND, Rules
from tests.soak.spans import Span
from tests.soak.tenants import REVOKED, SESSIONS, Tenant
from tests.soak.waiting import let_pass

LISTENER: Final = "listener"
"""The project whose sessions end."""
SMALL_QUEUE: Final = "max_notify_queue_pages = 64\n"
"""The least that PostgreSQL allows. Before 17 it has no such setting, and a queue of 8 GB."""
HOLD_SECONDS: Final = 20.0
_LIVE_SESSIONS: Final = 2
"""On each server, so that most likely another process than the one that revokes has one."""
_PAUSE_SECONDS: Final = 0.2
_OCCUPY: Final = "SELECT pg_notify('other', repeat('x', 7900) || n) FROM generate_series(1, {}) n"
_TRY: Final = "SELECT pg_notify('other', '')"
_UNAVAILABLE: Final = 503
_UNANSWERED: Final = (0, _UNAVAILABLE)


class Ending(StrEnum):
    """How a session ends."""

    REVOCATION = "a revocation"
    REUSE = "a detection of reuse"


GOOD: Final = {Ending.REVOCATION: 204, Ending.REUSE: 422}


class QueueViolation(StrEnum):
    """What can be wrong while the queue is full."""

    FAILED = "a request failed while the NOTIFY queue was full"
    NONE = "none succeeded while the NOTIFY queue was full"
    NO_LIVE_END = "no live session was seen to end while the NOTIFY queue was full"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that has to end a session."""

    ending: Ending
    session: UUID
    during: Span
    status: int
    """0: no answer came."""

    @property
    def good(self) -> bool:
        """Whether it did."""
        return self.status == GOOD[self.ending]


@dataclass(slots=True)
class QueueReport:
    """What was seen."""

    full: Span | None = None
    """When it was full, from before the first attempt until after the last; None: it was not."""
    attempts: list[Attempt] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """For people."""
        if self.full is None:
            return "the NOTIFY queue was never full"
        counts = Counter(f"{attempt.ending} {attempt.status}" for attempt in self.attempts)
        told = ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))
        seconds = (self.full.latest - self.full.earliest) / SECOND
        text = f"NOTIFY queue full for {seconds:.1f} s: {told}"
        for awaited in (Awaited.ANSWER, Awaited.LIVE_END):
            took = [
                (found.ended - found.began) / SECOND
                for found in self.reactions
                if found.awaited is awaited and found.ended < FOREVER
            ]
            if took:
                worst = f"median {median(took):.3f} s, worst {max(took):.3f} s"
                text += f"; {awaited}: {len(took)}, {worst}"
        return text


def check_full_queue(report: QueueReport, rules: Rules, now: int) -> list[Violation]:
    """Everything that is wrong with what ended while the queue was full.

    Args:
        report: What was seen. Where the queue was not full, nothing is proven: see `Outcome`.
        rules: With what was done to the servers meanwhile.
        now: Until when what never came was waited for, nanoseconds.
    """
    found = [*_failures(report.attempts, rules), *check_reactions(report.reactions, rules, now)]
    if report.full is not None:
        good = {attempt.ending for attempt in report.attempts if attempt.good}
        found += [Violation(QueueViolation.NONE, None, ending) for ending in set(Ending) - good]
        ended = [found for found in report.reactions if found.awaited is Awaited.LIVE_END]
        if not ended:
            found.append(Violation(QueueViolation.NO_LIVE_END, None, ""))
    return found


def _failures(attempts: Iterable[Attempt], rules: Rules) -> Iterator[Violation]:
    """Answers other than the right one.

    A 503 that comes late tells of a busy machine, and is judged by when the right answer came; one
    that comes at once does not, unless something was done to the servers.
    """
    calm, recovery = BOUNDS[Awaited.ANSWER]
    for attempt in attempts:
        earliest, latest = attempt.during
        slow = latest - earliest > calm * SECOND
        recent = Span(earliest - int(recovery * SECOND), latest)
        excused = slow or rules.disturbed(recent, most=True)
        if not attempt.good and not (attempt.status in _UNANSWERED and excused):
            detail = f"{attempt.ending}: status {attempt.status}"
            yield Violation(QueueViolation.FAILED, attempt.session, detail)


class FullQueue:
    """A queue that is full for a while, and sessions that end meanwhile."""

    def __init__(self, yard: Yard, postgres: PostgresServer) -> None:
        """Prepare; the server must have been made with `SMALL_QUEUE`."""
        self._yard = yard
        self._database = postgres.url("postgres")
        self._tenant = Tenant(yard, LISTENER)
        self._line = Line()
        self.report = QueueReport()

    async def hold(self, seconds: float) -> None:
        """End sessions for so long, once the queue is full."""
        now = self._yard.recorder.now
        try:
            async with self._idle_listener() as full:
                began = now()
                while now() < began + seconds * SECOND:
                    for ending in Ending:
                        await self._end(ending)
                    await let_pass(_PAUSE_SECONDS)
                if full and await self._is_full():
                    self.report.full = Span(began, now())
        finally:
            self._tenant.close()
            self._line.close()
        self.report.reactions += self._tenant.reactions

    @asynccontextmanager
    async def _idle_listener(self) -> AsyncIterator[bool]:
        """Whether the queue is full; it is as long as the listener does not read."""
        listener = await asyncpg.connect(self._database)
        try:
            await listener.add_listener("other", lambda *_: None)
            await listener.execute("BEGIN")
            await listener.fetch("SELECT 1")
            for count in (10, 1):
                await self._fill(count)
            yield await self._is_full()
            await listener.execute("COMMIT")
        finally:
            await listener.close()

    async def _fill(self, count: int) -> None:
        """Notify, `count` at a time, until there is no room for as many."""
        while await self._notified(_OCCUPY.format(count)):
            pass

    async def _is_full(self) -> bool:
        return not await self._notified(_TRY)

    async def _notified(self, statement: str) -> bool:
        connection = await asyncpg.connect(self._database)
        try:
            await connection.execute(statement)
        except asyncpg.ProgramLimitExceededError:
            return False
        finally:
            await connection.close()
        return True

    async def _end(self, ending: Ending) -> None:
        """One session, with live sessions on every server."""
        yard, began = self._yard, unix_seconds()
        session, first = await self._tenant.sign_in()
        yard.under_way[session] = began
        pair = first
        for _ in range(2):
            status, pair = await self._tenant.ask("POST", REFRESH, _refreshing(pair))
            assert status == 201, (status, pair)
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(_live(url, pair["token"]))
                for url in yard.deployment.urls
                for _ in range(_LIVE_SESSIONS)
            ]
            if ending is Ending.REVOCATION:
                await self._until_answered(ending, session, "DELETE", f"{SESSIONS}/{session}")
            else:
                await self._until_answered(ending, session, "POST", REFRESH, _refreshing(first))
            if self.report.attempts[-1].good:
                ended = yard.recorder.now()
                waits = [
                    self._until_closed(client, session, ending, ended)
                    for client in clients
                    if client is not None
                ]
                await asyncio.gather(*waits)
        yard.under_way.pop(session, None)

    async def _until_answered(
        self, ending: Ending, session: UUID, method: str, path: str, body: object = None
    ) -> None:
        """Ask until there is an answer, and note each attempt."""
        deployment, now = self._yard.deployment, self._yard.recorder.now
        first, status = now(), 0
        while status in _UNANSWERED:
            await deployment.up.wait()
            began = now()
            try:
                await self._line.connect(deployment.urls, deployment.url)
                self._line.send(method, path, body, deployment.tenants[LISTENER])
                status, _ = await self._line.answer()
            except (NotReached, Lost):
                status = 0
            self.report.attempts.append(Attempt(ending, session, Span(began, now()), status))
            await let_pass(0.01)
        self._note(Awaited.ANSWER, session, first, self.report.attempts[-1].during.latest, ending)

    async def _until_closed(
        self, client: Client, session: UUID, ending: Ending, acknowledged: int
    ) -> None:
        ended, what = FOREVER, str(ending)
        with suppress(TimeoutError):
            code = await client.close_code()
            if code == REVOKED:
                ended = max(acknowledged, self._yard.recorder.now())
            else:
                what = f"{ending}, closed with {code}"
        self._note(Awaited.LIVE_END, session, acknowledged, ended, what)

    def _note(self, awaited: Awaited, session: UUID, began: int, ended: int, what: str) -> None:
        self.report.reactions.append(Reaction(awaited, session, began, ended, what))


def _refreshing(pair: dict[str, Any]) -> dict[str, str]:
    return {"refresh_token": pair["refresh_token"]}


@asynccontextmanager
async def _live(url: str, token: str) -> AsyncIterator[Client | None]:
    """A live session; None where it cannot be opened."""
    async with AsyncExitStack() as stack:
        client = None
        with suppress(OSError, WebSocketException, TimeoutError, AssertionError):
            opened = await stack.enter_async_context(connect_to(url.replace("http:", "ws:")))
            await opened.connected(token)
            client = opened
        yield client
