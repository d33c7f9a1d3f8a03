"""What happens on a line, and what there is to do about it.

A `Line` is fed the one and answers in the other. None of them shows a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from signalwire.credentials._client_events import ClientEvent
from signalwire.credentials.errors import GatewayRefused

# What happens.


@dataclass(frozen=True, slots=True)
class Begin:
    """The owner wants a connection."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A socket is open, to show this token on."""

    serial: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unopened:
    """There is no socket.

    Attributes:
        serial: Which attempt.
        cause_code: Why, in one stable word.
        detail: The same in a line for a log.
        not_before: Seconds that the gateway wants to be left alone.
        final: What makes further attempts useless; `None` where they may help.
    """

    serial: int
    cause_code: str
    detail: str
    not_before: float = 0.0
    final: Exception | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A text frame came."""

    serial: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """The socket is closed, by the gateway or by the way to it."""

    serial: int
    code: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Fresh:
    """The session holds another token than before."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionGone:
    """The session was closed."""


@dataclass(frozen=True, slots=True)
class Want:
    """The owner wants to be online, or does not."""

    online: bool


@dataclass(frozen=True, slots=True)
class Leave:
    """The owner wants no connection any more."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; `wake_at` has come, perhaps."""


Happening = (
    Begin | Opened | Unopened | Heard | Lost | Fresh | SessionGone | Want | Leave | Tick
)  # fmt: skip


# What to do.


@dataclass(frozen=True, slots=True)
class Dial:
    """Get a token, any but `refused`, and open a socket; then `Opened` or `Unopened`."""

    serial: int
    refused: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text frame."""

    serial: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the socket once everything is sent, or stop opening it."""

    serial: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell whoever listens."""

    event: ClientEvent


@dataclass(frozen=True, slots=True)
class PresenceRefused:
    """Tell whoever waits to go online or offline."""

    error: GatewayRefused


Effect = Dial | Send | HangUp | Tell | PresenceRefused
