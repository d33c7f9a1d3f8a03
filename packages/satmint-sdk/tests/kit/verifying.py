"""A satmint in this process for verifiers: it answers what a test says, when the test says so."""

from __future__ import annotations

import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from satmint_sdk._ambient import SYSTEM_CLOCK
from satmint_sdk.rest._event_stream import ServerSentEvent

PROJECT = "11111111-1111-4111-8111-111111111111"
SUBSCRIBER = "22222222-2222-4222-8222-222222222222"
_PATIENCE = 60.0
_STEP = 0.01


def wait_until(is_so: Callable[[], object], what: str = "that") -> None:
    """Wait for a condition; a minute without it is a failure."""
    ends = SYSTEM_CLOCK.now().mono + _PATIENCE
    while not is_so():
        assert SYSTEM_CLOCK.now().mono < ends, f"waited in vain for {what}"
        threading.Event().wait(_STEP)


def token_of(number: int, length: int = 0) -> str:
    """A text of the form of a SAT."""
    return (
        f"eyJhbGciOiJkaXIifQ..AAAAAAAAAAAAAAAA.{number:012d}{'A' * length}.AAAAAAAAAAAAAAAAAAAAAA"
    )


def active(session: str = "s-1", **changes: Any) -> dict[str, Any]:
    """Introspection of an active SAT."""
    subscriber = changes.get("sub", SUBSCRIBER)
    found = {
        "active": True,
        "scope": "sat:refresh",
        "token_type": "SAT",
        "sub": subscriber,
        "exp": 1_800_000_000 + 3600,
        "session_id": session,
        "kind": "subscriber",
        "project_id": PROJECT,
        "epoch": 0,
        "project_epoch": 0,
        "depends_on": [session, subscriber, PROJECT, "key:1"],
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


INACTIVE = {"active": False}


def event(kind: str, data: str = "{}", cursor: str | None = None) -> ServerSentEvent:
    """An event of the feed."""
    return ServerSentEvent(kind, data, cursor)


class FakeSatmint:
    """Stands for a `RestClient`, or with `asynchronous` for an `AsyncRestClient`.

    Attributes:
        answers: What introspection says, by token; others are inactive.
        asked: The tokens of each request.
        answering: Called with the answers of each request before they are given.
        listened: The cursors with which the feed was asked for.
        clock_offset: How far the server's clock is ahead.
    """

    def __init__(self, *, asynchronous: bool = False) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[list[str]] = []
        self.answering: Callable[[Any], Any] = lambda found: found
        self.listened: list[str | None] = []
        self.clock_offset: float | None = None
        self.feeds: list[queue.Queue[ServerSentEvent | Exception | None]] = []
        ask, listen = self._ask, self._listen
        if asynchronous:
            ask, listen = self._aask, self._alisten
        self.satmint = SimpleNamespace(
            tokens=SimpleNamespace(introspect_many=ask),
            revocations=SimpleNamespace(listen=listen),
        )

    def _ask(self, *, tokens: Sequence[str]) -> Any:
        self.asked.append(list(tokens))
        found = [self.answers.get(token, INACTIVE) for token in tokens]
        return self.answering({"tokens": found})

    async def _aask(self, *, tokens: Sequence[str]) -> Any:
        found = self._ask(tokens=tokens)
        return await found if hasattr(found, "__await__") else found

    def _listen(self, *, after: str | None) -> _Stream:
        self.listened.append(after)
        self.feeds.append(queue.Queue())
        return _Stream(self.feeds[-1])

    def _alisten(self, *, after: str | None) -> _Stream:
        return self._listen(after=after)


class _Stream:
    """What `listen` returns: a stream that says what a test puts into the last of `feeds`."""

    def __init__(self, events: queue.Queue[ServerSentEvent | Exception | None]) -> None:
        self._events = events

    async def __aiter__(self) -> AsyncIterator[ServerSentEvent]:
        while True:
            try:
                found = self._events.get_nowait()
            except queue.Empty:
                await SYSTEM_CLOCK.asleep(_STEP)
                continue
            if found is None:
                return
            if isinstance(found, Exception):
                raise found
            yield found

    def __iter__(self) -> Iterator[ServerSentEvent]:
        while (found := self._events.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found

    def close(self) -> None:
        self._events.put(None)
