"""The inputs of the connection state machine, and its effects."""

from enum import Enum, IntEnum
from typing import NamedTuple

import msgspec

from satmint.model.live import Admission, ResumeState
from satmint.model.secrets import HidesFields, SecretText


class ClockReading(NamedTuple):
    """One reading of both clocks."""

    wall: int
    """Unix seconds, against which tokens expire."""
    monotonic: float
    """Seconds by the monotonic clock, for all other deadlines."""


# Inputs


class Received(msgspec.Struct, frozen=True):
    """A text frame was received."""

    text: str


class ReceivedBytes(msgspec.Struct, frozen=True):
    """A binary frame was received."""


class Admitted(msgspec.Struct, frozen=True):
    """The credentials were accepted."""

    admission: Admission
    resumed: ResumeState | None = None
    """The state to resume; None for a fresh connect or a re-authentication."""


class DenialReason(Enum):
    """Why credentials were not accepted."""

    REFUSED = "refused"
    """The credentials are invalid."""
    FULL = "full"
    """The project, the session or the Click-to-Call token has reached its connection limit."""
    UNAVAILABLE = "unavailable"
    """The credentials could not be checked."""


class Denied(msgspec.Struct, frozen=True):
    """The credentials were not accepted."""

    reason: DenialReason


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


class SessionRevoked(msgspec.Struct, frozen=True):
    """The session was revoked, or its subscriber deleted."""


class ServerStopping(msgspec.Struct, frozen=True):
    """The server is shutting down; the client reconnects elsewhere."""


class SocketLost(msgspec.Struct, frozen=True):
    """The socket is closed."""


Input = (
    Received
    | ReceivedBytes
    | Admitted
    | Denied
    | Tick
    | SessionRevoked
    | ServerStopping
    | SocketLost
)


# Effects


class Connect(HidesFields, msgspec.Struct, frozen=True):
    """Credentials for a fresh connect or, with `state`, for a resume."""

    token: SecretText
    proof: str | None
    state: str | None
    protocol: str | None

    @property
    def resumes(self) -> bool:
        """Whether it resumes an earlier connection."""
        return self.state is not None


class Reauthenticate(HidesFields, msgspec.Struct, frozen=True):
    """A newer SAT for a connected client."""

    token: SecretText
    proof: str | None
    current: Admission


class Authenticate(msgspec.Struct, frozen=True):
    """Check these credentials; the result is the input `Admitted` or `Denied`."""

    attempt: Connect | Reauthenticate


class Send(msgspec.Struct, frozen=True):
    """Send a text frame."""

    text: str


class SendState(msgspec.Struct, frozen=True):
    """Seal the resume state and send it (see `state_event`)."""

    state: ResumeState
    event_id: str


class GoOnline(msgspec.Struct, frozen=True):
    """Mark the subscriber of the connection's admission online."""


class GoOffline(msgspec.Struct, frozen=True):
    """Mark the subscriber offline."""


class CountRequest(msgspec.Struct, frozen=True):
    """Count a valid request."""

    method: str
    """A known method, or `-`."""


class CloseCode(IntEnum):
    """Close codes of the server (RFC 6455, section 7.4: 4000 to 4999 are for private use)."""

    GOING_AWAY = 1001
    EXPIRED = 4401
    """The token expired before a re-authentication."""
    REVOKED = 4403
    TIMED_OUT = 4408
    """No valid credentials in time, or unanswered pings."""


class Close(msgspec.Struct, frozen=True):
    """Close the socket. Nothing is sent afterwards."""

    code: CloseCode


Effect = Send | Authenticate | SendState | GoOnline | GoOffline | CountRequest | Close
