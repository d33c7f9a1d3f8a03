"""Follows the feed of revocations in a thread of its own.

A thread, for asyncio too: an event loop that is busy must not delay what ends tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from satmint_sdk._ambient import Clock, Entropy, fraction
from satmint_sdk._retry import MIN_BACKOFF, backoff
from satmint_sdk._secrets import one_line
from satmint_sdk.rest.errors import SignalWireRestError
from satmint_sdk.verify._answers import Answers

if TYPE_CHECKING:
    from satmint_sdk.rest import AsyncRestClient, RestClient
    from satmint_sdk.rest._event_stream import ServerSentEvent
    from satmint_sdk.rest._listening import Listening

LOGGER: Final = "satmint_sdk.verify"
_JOIN_SECONDS: Final = 2.0
_LASTED_SECONDS: Final = 5.0
"""A stream that lasted so long has worked; after others, the pause grows."""
_FIRST_WAIT: Final = 0.1
"""Seconds; the minimum pause after a stream that has worked. It is drawn like every other pause:
all verifiers of a server that stops lose their streams at the same time."""
_COUNTED_FAILURES: Final = 3
"""More do not lengthen the pause, of 4 s at most: without the feed, each verification is asked."""
_EPOCHS: Final = frozenset({"subscriber", "project"})


@dataclass(frozen=True, slots=True)
class FeedState:
    """The state of the feed of revocations.

    Attributes:
        is_current: Whether it is up to date, so that cached answers are used.
        heard_seconds_ago: Seconds since its last message; `None` before the first.
        connections: How often it was connected.
        resets: How often the server could not resume it, so that all cached answers were dropped.
        revocations: How many revocations it has delivered.
        error: Why it is not connected; empty if it is.
    """

    is_current: bool
    heard_seconds_ago: float | None
    connections: int
    resets: int
    revocations: int
    error: str


class Source(Protocol):
    """Where the feed comes from."""

    def run(self, after: str | None, take: Callable[[ServerSentEvent], None]) -> None:
        """Pass on each event until the stream ends. Raises what has ended it."""
        ...

    def stop(self) -> None:
        """End `run`, from another thread."""
        ...


class Feed:
    """Tells `Answers` of what ends tokens, from the first use on until `close`."""

    def __init__(
        self, source: Callable[[], Source], answers: Answers, clock: Clock, entropy: Entropy
    ) -> None:
        self._source = source
        self._answers = answers
        self._clock = clock
        self._entropy = entropy
        self.forget()

    def forget(self) -> None:
        """Begin anew: a forked child has no thread of its parent."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._is_started = False
        self._thread: threading.Thread | None = None
        self._running: Source | None = None
        self._cursor: str | None = None
        self._heard: float | None = None
        self._connections = self._resets = self._revocations = 0
        self._error = "not connected yet"
        self._has_warned = False

    def start(self) -> None:
        """Follow the feed, if it is not followed yet."""
        if not self._is_started:  # without the lock: every verification comes here
            self._start_once()

    def _start_once(self) -> None:
        with self._lock:
            if not self._is_started and not self._ended.is_set():
                thread = threading.Thread(
                    target=self._follow, name="satmint-revocations", daemon=True
                )
                thread.start()  # raises where a process may have no more threads
                self._thread, self._is_started = thread, True

    def close(self) -> None:
        """Stop following."""
        with self._lock:
            self._ended.set()
            thread, running = self._thread, self._running
        if running is not None:
            running.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)

    def state(self) -> FeedState:
        """How it is now."""
        now = self._clock.now()
        return FeedState(
            is_current=self._answers.is_believed(now),
            heard_seconds_ago=None if self._heard is None else now.mono - self._heard,
            connections=self._connections,
            resets=self._resets,
            revocations=self._revocations,
            error=self._error,
        )

    def _follow(self) -> None:
        failures = 0
        while not self._ended.is_set():
            began = self._clock.now().mono
            self._error = self._listen()
            self._answers.miss()
            # A stream that was there for a while ends now and then: that is no failure.
            lasted = (self._heard or 0.0) - began
            failures = 1 if lasted >= _LASTED_SECONDS else failures + 1
            counted = min(failures, _COUNTED_FAILURES)
            least = _FIRST_WAIT if counted == 1 else MIN_BACKOFF
            self._ended.wait(backoff(counted, fraction(self._entropy), first=least))

    def _listen(self) -> str:
        """Listen until the stream ends; returns why it has."""
        source = self._source()
        with self._lock:
            if self._ended.is_set():
                return "closed"
            self._running = source
        try:
            source.run(self._cursor, self.take)
        except SignalWireRestError as failed:
            why = str(failed)
        except Exception as failed:  # noqa: BLE001 - the thread must go on, whatever happens
            why = one_line(f"{type(failed).__name__}: {failed}")
        else:
            return "the server has ended the stream"
        self._log("WARNING", f"the feed of revocations was cut: {why}")
        self._has_warned = True
        return why

    def take(self, event: ServerSentEvent) -> None:
        """Take note of an event.

        Raises:
            ValueError: It is none that satmint sends. Everything is forgotten.
        """
        now = self._clock.now()
        if event.event in ("start", "reset", "resumed"):
            self._connections += 1
            self._error = ""
            if self._has_warned:
                self._has_warned = False
                self._log("INFO", "the feed of revocations is connected again")
            if event.event != "resumed":
                self._resets += event.event == "reset"
                self._answers.begin()
        elif event.event == "revoked":
            self._revocations += 1
            self._revoke(event.data)
        self._heard = now.mono
        if event.id is not None:
            # All before it was told: only then is what was missed in a cut known.
            self._cursor = event.id
            self._answers.hear(now)

    def _revoke(self, data: str) -> None:
        try:
            told = json.loads(data)
        except (ValueError, RecursionError):
            told = None
        members = told if isinstance(told, dict) else {}
        kind, identifier, epoch = (members.get(name) for name in ("type", "id", "epoch"))
        if not isinstance(identifier, str) or not isinstance(epoch, int | None):
            self._answers.begin()
            raise ValueError("a revocation that names nothing")  # noqa: TRY004 - the text is wrong
        self._answers.revoke(identifier, epoch if kind in _EPOCHS else None, self._clock.now())

    def _log(self, level: str, message: str) -> None:
        import logging

        logging.getLogger(LOGGER).log(getattr(logging, level), "%s", message)


class SyncSource:
    """The feed of a `RestClient`."""

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._is_stopped = False
        self._listening: Listening | None = None

    def run(self, after: str | None, take: Callable[[ServerSentEvent], None]) -> None:
        """See `Source.run`."""
        listening = self._client.satmint.revocations.listen(after=after)
        with self._lock:
            if self._is_stopped:
                return
            self._listening = listening
        for event in listening:
            take(event)

    def stop(self) -> None:
        """See `Source.stop`."""
        with self._lock:
            self._is_stopped = True
            listening = self._listening
        if listening is not None:
            listening.close()


class AsyncSource:
    """The feed of an `AsyncRestClient`, in an event loop of its own."""

    def __init__(self, client: AsyncRestClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._is_stopped = False
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    def run(self, after: str | None, take: Callable[[ServerSentEvent], None]) -> None:
        """See `Source.run`."""
        asyncio.run(self._run(after, take))

    async def _run(self, after: str | None, take: Callable[[ServerSentEvent], None]) -> None:
        task = asyncio.create_task(self._listen(after, take))
        with self._lock:
            self._running = asyncio.get_running_loop(), task
            if self._is_stopped:
                task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return
        finally:
            with self._lock:
                self._running = None

    async def _listen(self, after: str | None, take: Callable[[ServerSentEvent], None]) -> None:
        listening = self._client.satmint.revocations.listen(after=after)
        try:
            async with contextlib.aclosing(aiter(listening)) as events:
                async for event in events:
                    take(event)
        finally:
            await listening.leave_loop()

    def stop(self) -> None:
        """See `Source.stop`."""
        with self._lock:
            self._is_stopped = True
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)
