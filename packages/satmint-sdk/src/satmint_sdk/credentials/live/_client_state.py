"""The public state of a live session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from satmint_sdk.credentials.live._connection_state import ConnectionState
from satmint_sdk.credentials.live._methods import Authorization
from satmint_sdk.credentials.live._phase import Phase

PhaseName = Literal["connecting", "connected", "online", "waiting", "ended", "closed"]
"""What a live session does; see `ClientState`."""


@dataclass(frozen=True, slots=True)
class ClientState:
    """The state of a live session.

    Attributes:
        phase: `connecting`; `connected`; `online`: connected, and the subscriber can be reached
            here; `waiting`: for the next attempt to connect; `ended`: by `error`, until a
            new sign-in of the session; `closed`: by its owner, or not opened yet.
        resumed: Whether the connection resumed the previous connection's session.
        failures: Consecutive failed attempts.
        protocol: The gateway's name for this session; `None` before the first connection.
        authorization: The gateway's information about the credential; `None` before.
        error: The error that ended it.
    """

    phase: PhaseName
    resumed: bool
    failures: int
    protocol: str | None
    authorization: Authorization | None
    error: Exception | None


def state_of(connection: ConnectionState) -> ClientState:
    """Take a snapshot of a connection."""
    return ClientState(
        phase=_phase_name(connection),
        resumed=connection.resumed,
        failures=connection.failures,
        protocol=connection.protocol,
        authorization=connection.authorization,
        error=connection.error,
    )


def _phase_name(connection: ConnectionState) -> PhaseName:
    match connection.phase:
        case Phase.CONNECTING | Phase.AUTHENTICATING:
            return "connecting"
        case Phase.CONNECTED:
            return "online" if connection.reported_online else "connected"
        case Phase.BACKOFF:
            return "waiting"
        case Phase.ENDED:
            return "ended"
        case Phase.CLOSED if connection.error is not None:
            return "ended"
        case _:
            return "closed"
