"""Events of a live session."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from satmint_sdk.credentials._events import Warned
from satmint_sdk.credentials.errors import SessionClosed

LOG: Final = logging.getLogger("satmint_sdk.credentials.live")


@dataclass(frozen=True, slots=True)
class Connected:
    """The gateway has accepted the credential.

    Attributes:
        resumed: Whether the previous connection's session was resumed.
    """

    kind: ClassVar[Literal["connected"]] = "connected"
    resumed: bool


@dataclass(frozen=True, slots=True)
class Reauthenticated:
    """The gateway has accepted the refreshed credential.

    Attributes:
        expires_at: Its expiry by the gateway, seconds since the epoch; `None` if unknown.
    """

    kind: ClassVar[Literal["reauthenticated"]] = "reauthenticated"
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class WentOnline:
    """The subscriber is reachable here. Sent after every connection on which it is."""

    kind: ClassVar[Literal["online"]] = "online"


@dataclass(frozen=True, slots=True)
class WentOffline:
    """The subscriber is not reachable here any more, as requested."""

    kind: ClassVar[Literal["offline"]] = "offline"


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is lost; the client will reconnect.

    Attributes:
        cause_code: `closed`: by the gateway or the network. `told_to`: the gateway is shutting down
            and asked for a reconnect. `expired`: the credential expired before its refresh.
            `silence`: no frame was received for too long. `no_answer`: a request was not answered.
            `refused`: the gateway requires another credential or a fresh connect. `unreadable`: an
            invalid response. `unreachable`, `timeout`, `http_<status>`: the connection failed.
            `no_credential`: there is no valid credential at the moment.
        detail: The cause, in a line for a log.
        retry_in: Seconds until the next attempt.
        close_code: The WebSocket's close code; `None` without a close frame.
    """

    kind: ClassVar[Literal["disconnected"]] = "disconnected"
    cause_code: str
    detail: str
    retry_in: float
    close_code: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The live session has ended, other than by its owner.

    A new sign-in of its session, `login()`, connects it again; not after `SessionClosed`.

    Attributes:
        error: `SessionRevoked`, `GatewayRefused`, `CredentialExpired`, `CredentialRefused`,
            `SessionClosed` or `InvalidCredential`.
    """

    kind: ClassVar[Literal["ended"]] = "ended"
    error: Exception


ClientEvent = Connected | Reauthenticated | WentOnline | WentOffline | Disconnected | Warned | Ended
"""What happened to a live session."""


def log_line(event: ClientEvent) -> tuple[int, str]:
    """Format an event for the log: level and text, never a token."""
    match event:
        case Connected():
            return logging.INFO, "session resumed" if event.resumed else "session connected"
        case Reauthenticated():
            return logging.INFO, "session reauthenticated"
        case WentOnline() | WentOffline():
            return logging.INFO, f"session {event.kind}"
        case Disconnected():
            return logging.INFO, f"session disconnected: {event.cause_code}: {event.detail}"
        case Warned():
            level = logging.WARNING if event.code == "presence_refused" else logging.INFO
            return level, f"{event.code}: {event.cause_code}: {event.detail}"
        case Ended():
            level = logging.INFO if isinstance(event.error, SessionClosed) else logging.ERROR
            return level, f"session ended: {type(event.error).__name__}: {event.error}"
