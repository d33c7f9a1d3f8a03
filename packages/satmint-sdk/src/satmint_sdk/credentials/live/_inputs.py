"""The inputs of a `ConnectionState`, and the effects that it returns.

None of them shows a token in its repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from satmint_sdk.credentials.errors import GatewayRefused
from satmint_sdk.credentials.live._client_events import ClientEvent
from satmint_sdk.credentials.live._phase import Phase

# Inputs.


@dataclass(frozen=True, slots=True)
class Open:
    """The owner requests a connection."""


class SocketInput:
    """An input of one attempt to connect; `serial` is its number."""

    __slots__ = ()
    serial: int


@dataclass(frozen=True, slots=True)
class SocketOpened(SocketInput):
    """A socket is open; `token` is to be presented on it."""

    serial: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SocketFailed(SocketInput):
    """No socket could be opened.

    Attributes:
        serial: The number of the attempt.
        cause_code: The cause, a stable word.
        detail: The cause, in a line for a log.
        not_before: Seconds of the gateway's `Retry-After`.
        final: The error if further attempts are useless; `None` if they may succeed.
    """

    serial: int
    cause_code: str
    detail: str
    not_before: float = 0.0
    final: Exception | None = None


@dataclass(frozen=True, slots=True)
class Received(SocketInput):
    """A text frame was received."""

    serial: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SocketLost(SocketInput):
    """The socket is closed, by the gateway or by the network."""

    serial: int
    code: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class TokenReplaced:
    """The session has a new token."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new sign-in of the session has brought a token."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session was closed."""


@dataclass(frozen=True, slots=True)
class SetPresence:
    """The owner requests to be online or offline."""

    online: bool


@dataclass(frozen=True, slots=True)
class Close:
    """The owner closes the client."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; `wake_at` may be reached."""


Input = (
    Open | SocketOpened | SocketFailed | Received | SocketLost
    | TokenReplaced | SignedIn | SessionEnded | SetPresence | Close | Tick
)  # fmt: skip


def is_late(input_: Input, phase: Phase) -> bool:
    """Whether an input is ignored: every one when closed, and those of a socket when ended."""
    return phase is Phase.CLOSED or (phase is Phase.ENDED and isinstance(input_, SocketInput))


# Effects.


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """Get a token other than `refused`, and open a socket: `SocketOpened` or `SocketFailed`."""

    serial: int
    refused: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text frame."""

    serial: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close the socket after pending frames are sent, or stop opening it."""

    serial: int


@dataclass(frozen=True, slots=True)
class Emit:
    """Send an event to all readers."""

    event: ClientEvent


@dataclass(frozen=True, slots=True)
class PresenceRefused:
    """Fail the callers that wait for a change of presence."""

    error: GatewayRefused


Effect = OpenSocket | Send | CloseSocket | Emit | PresenceRefused
