"""Events of a session's credential."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, Generic, Literal, Self, TypeVar

from satmint_sdk.credentials._credential import Credential

E = TypeVar("E")

_MAX_EVENTS: Final = 256
_LOG: Final = logging.getLogger("satmint_sdk.credentials")
_FOR_A_PERSON: Final = frozenset({"credential_refresh_fallback", "credential_no_refresh_handler"})

MechanismName = Literal["provider", "bound"]
"""How a credential is refreshed."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A fresh credential is in use.

    Attributes:
        credential: The fresh credential.
        mechanism: How it was refreshed: `provider` or `bound`.
        margin: Seconds until the previous credential's expiry; `None` if unknown.
    """

    kind: ClassVar[Literal["refreshed"]] = "refreshed"
    credential: Credential
    mechanism: MechanismName
    margin: float | None


@dataclass(frozen=True, slots=True)
class Warned:
    """A transient failure, or a change in how the session is refreshed.

    Attributes:
        code: `attempt_failed`: it will be retried. `credential_refresh_fallback`: the provider's
            `refresh()` is used, and not the key, because the token's scope does not contain
            `sat:refresh` (`no-scope`), because the server refused the key or its endpoints could
            not be asked (`endpoint-failed`), or because the first refresh by key did not succeed
            within 30 s (`activation-timeout`). `credential_no_refresh_handler`: the credential has
            an expiry, and nothing will refresh it. `scope_unknown`: the token's scope could not be
            read. `clock_skew`: the server refused a proof; its clock is used for proofs from now
            on.
            Of a live session: `presence_refused`, `reauthentication_refused`.
        cause_code: The cause, a stable word.
        detail: The cause, in a line for a log.
        retry_in: Seconds until the next attempt, if there is one.
        expiry_at: Of `credential_no_refresh_handler`: when the credential expires, milliseconds
            since the epoch.
    """

    kind: ClassVar[Literal["warning"]] = "warning"
    code: str
    cause_code: str
    detail: str
    retry_in: float | None = None
    expiry_at: int | None = None

    @property
    def reason(self) -> str:
        """The vendor's name of `cause_code` in `credential_refresh_fallback`."""
        return self.cause_code


@dataclass(frozen=True, slots=True)
class Failed:
    """Refreshing has stopped; the current credential stays valid until it expires.

    Attributes:
        cause_code: The server's code (`token_expired`, `token_invalid`, ...) or `http_<status>`;
            `not_moved`: the new credential has the same token or expiry as the old one;
            `out_of_time`: no refresh succeeded until well after the old credential's expiry;
            `invalid_credential`, `provider`: an error of the provider.
        detail: The cause, in a line for a log.
    """

    kind: ClassVar[Literal["failed"]] = "failed"
    cause_code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The credential has expired and is not refreshed yet.

    Attributes:
        credential: The expired credential.
    """

    kind: ClassVar[Literal["expired"]] = "expired"
    credential: Credential


SessionEvent = Refreshed | Warned | Failed | Expired
"""What happened to a session."""


class EventStream(AsyncIterator[E]):
    """One reader's stream of events; ends after the last event.

    Events may be pushed in one thread and read in the event loop of another.
    """

    def __init__(self, past: Iterable[E], *, ended: bool) -> None:
        self._queue: deque[E] = deque(past, maxlen=_MAX_EVENTS)
        self._ended = ended
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        while True:
            woken = asyncio.Event()
            wake = partial(asyncio.get_running_loop().call_soon_threadsafe, woken.set)
            if self._ready_or_wait(wake):
                return self._take()
            await woken.wait()

    def next_blocking(self) -> E | None:
        """Wait for the next event in a thread without an event loop; `None` at the end."""
        while True:
            woken = threading.Event()
            if self._ready_or_wait(woken.set):
                with contextlib.suppress(StopAsyncIteration):
                    return self._take()
                return None
            woken.wait()

    def _ready_or_wait(self, wake: Callable[[], object]) -> bool:
        """Whether `_take` can answer; if not, `wake` will be called when it can."""
        with self._lock:
            ready = bool(self._queue) or self._ended
            self._wake = None if ready else wake
            return ready

    def _take(self) -> E:
        with self._lock:
            if not self._queue:
                raise StopAsyncIteration
            return self._queue.popleft()

    def push(self, event: E) -> None:
        """Add an event; drops the oldest one if the reader does not keep up."""
        with self._lock:
            self._queue.append(event)
        self._wake_reader()

    def end(self) -> None:
        """End the stream after the events that are queued."""
        with self._lock:
            self._ended = True
        self._wake_reader()

    def _wake_reader(self) -> None:
        with self._lock:
            wake, self._wake = self._wake, None
        if wake is not None:
            with contextlib.suppress(RuntimeError):  # the reader's loop has ended
                wake()


class EventLog(Generic[E]):
    """The latest events, and weak references to their readers, who do not unsubscribe.

    Args:
        name: What the owner is called in the log.
        line: Formats an event for the log: level and text, never a token.
        logger: Where it is logged.
    """

    def __init__(
        self, name: str, line: Callable[[E], tuple[int, str]], logger: logging.Logger = _LOG
    ) -> None:
        self._name = name
        self._line = line
        self._logger = logger
        self._past: deque[E] = deque(maxlen=_MAX_EVENTS)
        self._streams: weakref.WeakSet[EventStream[E]] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._ended = False

    def emit(self, event: E) -> None:
        """Send an event to every reader, and keep it for later readers."""
        level, text = self._line(event)
        self._logger.log(level, "%s: %s", self._name, text)
        with self._lock:
            self._past.append(event)
            streams = list(self._streams)
        for stream in streams:
            stream.push(event)

    def stream(self) -> EventStream[E]:
        """Start reading, from the oldest kept event. In any thread."""
        with self._lock:
            stream = EventStream(self._past, ended=self._ended)
            self._streams.add(stream)
        return stream

    def end(self) -> None:
        """End all streams."""
        with self._lock:
            self._ended = True
            streams = list(self._streams)
        for stream in streams:
            stream.end()


def log_line(event: SessionEvent) -> tuple[int, str]:
    """Format an event for the log: level and text, never a token.

    WARNING and above are for a person: without configuration, Python prints them.
    """
    match event:
        case Refreshed():
            return logging.INFO, f"credential refreshed by {event.mechanism}"
        case Warned():
            needs_person = event.code in _FOR_A_PERSON and event.cause_code != "no-scope"
            level = logging.WARNING if needs_person else logging.INFO
            return level, f"{event.code}: {event.cause_code}: {event.detail}"
        case Failed():
            return logging.ERROR, f"refreshing has stopped: {event.cause_code}: {event.detail}"
        case Expired():
            return logging.WARNING, "the credential has expired"
