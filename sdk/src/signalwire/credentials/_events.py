"""What happens to a session's credential, told as it happens."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, Self, TypeVar

from signalwire.credentials._credential import Credential

E = TypeVar("E")

_KEPT: Final = 256
_LOG: Final = logging.getLogger("signalwire.credentials")
_LOG.addHandler(logging.NullHandler())  # a library says nothing unless it is asked to


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A fresh credential is in use.

    Attributes:
        credential: The fresh one.
        mechanism: What brought it: `provider` or `bound`.
        margin: Seconds of life that the old one had left; `None` where its end was not known.
    """

    kind: ClassVar[str] = "refreshed"
    credential: Credential
    mechanism: str
    margin: float | None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something went wrong that may pass, or that changes how the session is refreshed.

    Attributes:
        code: `attempt_failed`: it will be tried again. `bound_to_provider`: refreshing by key
            failed for good, the provider's `refresh()` is used from now on.
            `scope_unknown`: whether the token may refresh itself could not be found out.
            `clock_skew`: the server refused a proof, and its clock is used for proofs from now on.
            Of a live session: `presence_refused`, `reauthentication_refused`.
        cause_code: What it was, in one stable word.
        detail: The same in a line for a log.
        retry_in: Seconds until the next attempt, where there will be one.
    """

    kind: ClassVar[str] = "warning"
    code: str
    cause_code: str
    detail: str
    retry_in: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The schedule has stopped; the current credential goes on until it expires.

    Attributes:
        cause_code: The server's code (`token_expired`, `token_invalid`, ...) or `http_<status>`;
            `not_moved`: the fresh credential was the old one, or ended when the old one does;
            `out_of_time`: nothing came until well after the end of the old one;
            `invalid_credential`, `provider`: the provider's own doing.
        detail: The same in a line for a log.
    """

    kind: ClassVar[str] = "failed"
    cause_code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The credential is past its end, and no fresh one has come yet.

    Attributes:
        credential: The one that is dead now.
    """

    kind: ClassVar[str] = "expired"
    credential: Credential


SessionEvent = Refreshed | Warned | Failed | Expired


@dataclass(slots=True, eq=False, weakref_slot=True)
class EventStream(AsyncIterator[E]):
    """One reader's view of what happened; ends when nothing will happen any more."""

    _waiting: deque[E]
    _ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def push(self, event: E) -> None:
        """Add an event; the oldest one falls out where a reader does not keep up."""
        self._waiting.append(event)
        self._news.set()

    def end(self) -> None:
        """Let the reader finish what is there, and stop."""
        self._ended = True
        self._news.set()


class EventLog(Generic[E]):
    """The last events, and everyone who reads on: held weakly, since nobody says good-bye.

    Args:
        line: Says an event in a line for the log: level and text, and never a token.
    """

    def __init__(self, line: Callable[[E], tuple[int, str]]) -> None:
        self._line = line
        self._past: deque[E] = deque(maxlen=_KEPT)
        self._streams: weakref.WeakSet[EventStream[E]] = weakref.WeakSet()
        self._ended = False

    def emit(self, event: E) -> None:
        """Tell every reader, and keep it for those to come."""
        self._past.append(event)
        _LOG.log(*self._line(event))
        for stream in self._streams:
            stream.push(event)

    def stream(self) -> EventStream[E]:
        """Start reading, from the oldest event that is still kept."""
        stream: EventStream[E] = EventStream(deque(self._past, maxlen=_KEPT), self._ended)
        self._streams.add(stream)
        return stream

    def end(self) -> None:
        """Nothing will happen any more."""
        self._ended = True
        for stream in self._streams:
            stream.end()


def line_of(event: SessionEvent) -> tuple[int, str]:
    """Say an event in a line for the log: level and text, and never a token."""
    match event:
        case Refreshed():
            return logging.INFO, f"credential refreshed by {event.mechanism}"
        case Warned():
            return logging.WARNING, f"{event.code}: {event.cause_code}: {event.detail}"
        case Failed():
            return logging.WARNING, f"refreshing has stopped: {event.cause_code}: {event.detail}"
        case Expired():
            return logging.WARNING, "the credential has expired"
