"""One connection of the gateway as a value: events go in, effects come out. No I/O in here.

    connection = opened(connection_id, at)
    connection, effects = step(connection, Received(text), at)

Whoever owns the socket carries the effects out, in their order.
"""

from satmint.gateway.protocol.connection import Connection, Stage, opened, step
from satmint.gateway.protocol.frames import state_event
from satmint.gateway.protocol.happenings import (
    Admitted,
    Appear,
    Authenticate,
    Close,
    CloseCode,
    Connect,
    Denied,
    Disappear,
    Effect,
    Ended,
    Event,
    GiveState,
    Gone,
    Moment,
    Passed,
    Reauthenticate,
    Received,
    ReceivedBytes,
    Requested,
    Send,
    Stopping,
    Why,
)

__all__ = [
    "Admitted",
    "Appear",
    "Authenticate",
    "Close",
    "CloseCode",
    "Connect",
    "Connection",
    "Denied",
    "Disappear",
    "Effect",
    "Ended",
    "Event",
    "GiveState",
    "Gone",
    "Moment",
    "Passed",
    "Reauthenticate",
    "Received",
    "ReceivedBytes",
    "Requested",
    "Send",
    "Stage",
    "Stopping",
    "Why",
    "opened",
    "state_event",
    "step",
]
