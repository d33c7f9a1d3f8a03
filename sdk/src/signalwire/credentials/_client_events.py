"""What happens to a live session, told as it happens."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from signalwire.credentials._events import Warned


@dataclass(frozen=True, slots=True)
class Connected:
    """The gateway has accepted the credential.

    Attributes:
        resumed: Whether the session before goes on, and nobody noticed that it was away.
    """

    kind: ClassVar[str] = "connected"
    resumed: bool


@dataclass(frozen=True, slots=True)
class Reauthenticated:
    """The gateway has accepted the credential that came with the last refresh.

    Attributes:
        expires_at: Its end as the gateway sees it, seconds since the epoch; `None` if unsaid.
    """

    kind: ClassVar[str] = "reauthenticated"
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class WentOnline:
    """The subscriber can be reached here. Told after every connection on which that is so."""

    kind: ClassVar[str] = "online"


@dataclass(frozen=True, slots=True)
class WentOffline:
    """The subscriber cannot be reached here any more, as was wished."""

    kind: ClassVar[str] = "offline"


@dataclass(frozen=True, slots=True)
class Disconnected:
    """There is no connection. There will be another one.

    Attributes:
        cause_code: `closed`: by the gateway, or the way to it broke. `told_to`: the gateway stops,
            and asked to come again. `expired`: the credential's end came before a fresh one.
            `silence`: nothing was heard for too long. `no_answer`: to a request. `refused`: the
            gateway wants another credential, or a new start. `unreadable`: its answer made no
            sense. `unreachable`, `timeout`, `http_<status>`: no connection came about.
            `no_credential`: there is no live one to show just now.
        detail: The same in a line for a log.
        retry_in: Seconds until the next attempt.
        close_code: What the WebSocket was closed with; `None` where it just ended.
    """

    kind: ClassVar[str] = "disconnected"
    cause_code: str
    detail: str
    retry_in: float
    close_code: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over, and not because its owner closed it.

    Attributes:
        error: `SessionRevoked`, `GatewayRefused`, `CredentialExpired`, `SessionClosed` or
            `InvalidCredential`.
    """

    kind: ClassVar[str] = "ended"
    error: Exception


ClientEvent = Connected | Reauthenticated | WentOnline | WentOffline | Disconnected | Warned | Ended


def line_of(event: ClientEvent) -> tuple[int, str]:
    """Say an event in a line for the log: level and text, and never a token."""
    match event:
        case Connected():
            return logging.INFO, "session resumed" if event.resumed else "session connected"
        case Reauthenticated():
            return logging.INFO, "session reauthenticated"
        case WentOnline() | WentOffline():
            return logging.INFO, f"session {event.kind}"
        case Disconnected():
            return logging.WARNING, f"session disconnected: {event.cause_code}: {event.detail}"
        case Warned():
            return logging.WARNING, f"{event.code}: {event.cause_code}: {event.detail}"
        case Ended():
            return logging.ERROR, f"session ended: {type(event.error).__name__}: {event.error}"
