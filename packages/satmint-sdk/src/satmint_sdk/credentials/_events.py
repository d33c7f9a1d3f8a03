"""Events of a session's credential."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, Self, TypeVar

from satmint_sdk.credentials._credential import Credential

E = TypeVar("E")

_MAX_EVENTS: Final = 256
_LOG: Final = logging.getLogger("satmint_sdk.credentials")
_LOG.addHandler(logging.NullHandler())  # a library logs only if its user configures logging


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A fresh credential is in use.

    Attributes:
        credential: The fresh credential.
        mechanism: How it was refreshed: `provider` or `bound`.
        margin: Seconds until the previous credential's expiry; `None` if unknown.
    """

    kind: ClassVar[str] = "refreshed"
    credential: Credential
    mechanism: str
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

    kind: ClassVar[str] = "warning"
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

    kind: ClassVar[str] = "failed"
    cause_code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The credential has expired and is not refreshed yet.

    Attributes:
        credential: The expired credential.
    """

    kind: ClassVar[str] = "expired"
    credential: Credential


SessionEvent = Refreshed | Warned | Failed | Expired


@dataclass(slots=True, eq=False, weakref_slot=True)
class EventStream(AsyncIterator[E]):
    """One reader's stream of events; ends after the last event."""

    _waiting: deque[E]
    _ended: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def push(self, event: E) -> None:
        """Add an event; drops the oldest one if the reader does not keep up."""
        self._waiting.append(event)
        self._changed.set()

    def end(self) -> None:
        """End the stream after the events that are queued."""
        self._ended = True
        self._changed.set()


class EventLog(Generic[E]):
    """The latest events, and weak references to their readers, who do not unsubscribe.

    Args:
        line: Formats an event for the log: level and text, never a token.
    """

    def __init__(self, line: Callable[[E], tuple[int, str]]) -> None:
        self._line = line
        self._past: deque[E] = deque(maxlen=_MAX_EVENTS)
        self._streams: weakref.WeakSet[EventStream[E]] = weakref.WeakSet()
        self._ended = False

    def emit(self, event: E) -> None:
        """Send an event to every reader, and keep it for later readers."""
        self._past.append(event)
        _LOG.log(*self._line(event))
        for stream in self._streams:
            stream.push(event)

    def stream(self) -> EventStream[E]:
        """Start reading, from the oldest kept event."""
        stream: EventStream[E] = EventStream(deque(self._past, maxlen=_MAX_EVENTS), self._ended)
        self._streams.add(stream)
        return stream

    def end(self) -> None:
        """End all streams."""
        self._ended = True
        for stream in self._streams:
            stream.end()


def log_line(event: SessionEvent) -> tuple[int, str]:
    """Format an event for the log: level and text, never a token."""
    match event:
        case Refreshed():
            return logging.INFO, f"credential refreshed by {event.mechanism}"
        case Warned():
            return logging.WARNING, f"{event.code}: {event.cause_code}: {event.detail}"
        case Failed():
            return logging.WARNING, f"refreshing has stopped: {event.cause_code}: {event.detail}"
        case Expired():
            return logging.WARNING, "the credential has expired"
