"""A live session at one moment, as its owner sees it."""

from __future__ import annotations

from dataclasses import dataclass

from signalwire.credentials._line import Line, Phase
from signalwire.credentials._methods import Authorization


@dataclass(frozen=True, slots=True)
class ClientState:
    """A live session at one moment.

    Attributes:
        phase: `connecting`; `connected`; `online`: connected, and the subscriber can be reached
            here; `waiting`: for the next attempt to connect; `ended`: for good, by `error`;
            `closed`: by its owner, or not opened yet.
        resumed: Whether the connection went on with the session of the one before.
        failures: Attempts that failed in a row.
        protocol: The gateway's name for this session; `None` before the first connection.
        authorization: What the gateway says about the credential; `None` before.
        error: What ended it.
    """

    phase: str
    resumed: bool
    failures: int
    protocol: str | None
    authorization: Authorization | None
    error: Exception | None


def state_of(line: Line) -> ClientState:
    """Say how a line is."""
    return ClientState(
        phase=_said(line),
        resumed=line.resumed,
        failures=line.failures,
        protocol=line.protocol,
        authorization=line.authorization,
        error=line.error,
    )


def _said(line: Line) -> str:
    match line.phase:
        case Phase.DIALLING | Phase.GREETING:
            return "connecting"
        case Phase.LIVE:
            return "online" if line.told else "connected"
        case Phase.RESTING:
            return "waiting"
        case Phase.OVER if line.error is not None:
            return "ended"
        case _:
            return "closed"
