"""The phases of a connection to the gateway."""

from __future__ import annotations

import enum


class Phase(enum.Enum):
    """See the table in `_connection_state`."""

    IDLE = "idle"
    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    CONNECTED = "connected"
    BACKOFF = "backoff"
    CLOSING = "closing"
    ENDED = "ended"
    CLOSED = "closed"
