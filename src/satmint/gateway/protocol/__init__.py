"""The state machine of one gateway connection: inputs go in, effects come out. No I/O.

    connection = initial_state(connection_id, at)
    connection, effects = step(connection, Received(text), at)

The owner of the socket performs the effects, in order.
"""

from satmint.gateway.protocol.connection_state import (
    ConnectionState,
    Phase,
    error_of_denial,
    initial_state,
    step,
)
from satmint.gateway.protocol.frames import state_event
from satmint.gateway.protocol.inputs import (
    Admitted,
    Authenticate,
    ClockReading,
    Close,
    CloseCode,
    Connect,
    CountRequest,
    DenialReason,
    Denied,
    Effect,
    GoOffline,
    GoOnline,
    Input,
    Reauthenticate,
    Received,
    ReceivedBytes,
    Send,
    SendState,
    ServerStopping,
    SessionRevoked,
    SocketLost,
    Tick,
)

__all__ = [
    "Admitted",
    "Authenticate",
    "ClockReading",
    "Close",
    "CloseCode",
    "Connect",
    "ConnectionState",
    "CountRequest",
    "DenialReason",
    "Denied",
    "Effect",
    "GoOffline",
    "GoOnline",
    "Input",
    "Phase",
    "Reauthenticate",
    "Received",
    "ReceivedBytes",
    "Send",
    "SendState",
    "ServerStopping",
    "SessionRevoked",
    "SocketLost",
    "Tick",
    "error_of_denial",
    "initial_state",
    "state_event",
    "step",
]
