"""What can happen to a connection (events), and what it then wants done (effects)."""

from enum import Enum, IntEnum
from typing import NamedTuple

import msgspec

from satmint.model.live import Admission, ResumeState
from satmint.model.secrets import SecretText


class Moment(NamedTuple):
    """When something happens, by both clocks that matter."""

    wall: int
    """Unix seconds by the mint's clock, against which tokens expire."""
    steady: float
    """Seconds by a clock that nobody can set, for everything else."""


# Events


class Received(msgspec.Struct, frozen=True):
    """A text frame has come."""

    text: str


class ReceivedBytes(msgspec.Struct, frozen=True):
    """A binary frame has come."""


class Admitted(msgspec.Struct, frozen=True):
    """What was to be authenticated is good."""

    admission: Admission
    resumed: ResumeState | None = None
    """What goes on from here; None: a new beginning, or a re-authentication."""


class Why(Enum):
    """Whose fault a refusal is."""

    REFUSED = "refused"
    """The credentials are not good, whatever is wrong with them."""
    FULL = "full"
    """The project has as many connections as it may have."""
    UNAVAILABLE = "unavailable"
    """Nobody could tell whether they are good."""


class Denied(msgspec.Struct, frozen=True):
    """What was to be authenticated is not let in."""

    why: Why


class Passed(msgspec.Struct, frozen=True):
    """Time has passed."""


class Ended(msgspec.Struct, frozen=True):
    """The session stands no longer: it was revoked, or its subscriber is gone."""


class Stopping(msgspec.Struct, frozen=True):
    """The server stops; the client finds another."""


class Gone(msgspec.Struct, frozen=True):
    """The client is gone."""


Event = Received | ReceivedBytes | Admitted | Denied | Passed | Ended | Stopping | Gone


# Effects


class Connect(msgspec.Struct, frozen=True):
    """Credentials for a new beginning or, with `state`, for going on with what was before."""

    token: SecretText
    proof: str | None
    state: str | None
    protocol: str | None

    def __repr__(self) -> str:
        return "Connect(hidden)"

    @property
    def resumes(self) -> bool:
        """Whether it is to go on with what was before."""
        return self.state is not None


class Reauthenticate(msgspec.Struct, frozen=True):
    """A newer SAT for a connection that lives."""

    token: SecretText
    proof: str | None
    current: Admission

    def __repr__(self) -> str:
        return "Reauthenticate(hidden)"


class Authenticate(msgspec.Struct, frozen=True):
    """Judge these credentials, and come back with `Admitted` or `Denied`."""

    attempt: Connect | Reauthenticate


class Send(msgspec.Struct, frozen=True):
    """Send a text frame."""

    text: str


class GiveState(msgspec.Struct, frozen=True):
    """Seal this and send it (see `state_event`), so that the client can resume from here."""

    state: ResumeState
    event_id: str


class Appear(msgspec.Struct, frozen=True):
    """The subscriber is online here, as `Connection.admission` says."""


class Disappear(msgspec.Struct, frozen=True):
    """The subscriber is not online here any more."""


class Requested(msgspec.Struct, frozen=True):
    """A request was understood: count it."""

    method: str
    """One of those that there are, or `-`."""


class CloseCode(IntEnum):
    """Why the server closes (RFC 6455, section 7.4: 4000 to 4999 are for private use)."""

    GOING_AWAY = 1001
    EXPIRED = 4401
    """The token expired, and no newer one came."""
    REVOKED = 4403
    SILENT = 4408
    """Nothing that could be let in has come, or pings stay unanswered."""


class Close(msgspec.Struct, frozen=True):
    """Close the socket. Nothing is sent after it."""

    code: CloseCode


Effect = Send | Authenticate | GiveState | Appear | Disappear | Requested | Close
