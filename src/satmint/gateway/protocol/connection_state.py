"""The state machine of one connection.

    AUTHENTICATING ── Admitted ──▶ CONNECTED ── SessionRevoked, ServerStopping, SocketLost, expiry,
       │                                     unanswered pings ───────────────────────────▶ CLOSED
       └── ServerStopping, SocketLost, a minute without accepted credentials ────────────▶ CLOSED

A request that needs authentication is kept in `pending` until `Admitted` or `Denied` arrives. The
value is frozen: `step` takes one and returns the next one. It states when it needs the next `Tick`:
`next_tick_at` and `ends_at` by the monotonic clock, `expires_at` by the wall clock.
"""

from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Final, assert_never
from uuid import UUID

import msgspec

from satmint.gateway.protocol.frames import (
    FrameError,
    InvalidFrame,
    Reply,
    Request,
    call,
    connect_result,
    error,
    read_frame,
    result,
)
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
from satmint.model.lifetimes import FOREVER, REFRESH_TOKEN_GRACE_SECONDS, expired
from satmint.model.live import Admission, ResumeState
from satmint.model.secrets import SecretText

AUTHENTICATION_DEADLINE_SECONDS: Final = 60.0
"""How long a client may stay unauthenticated. The time starts again at its first refusal, because
the SDK reconnects at once, for ever, if its socket is closed upon a refusal."""
PING_SECONDS: Final = 9.0
"""After one ping, version 3.30 of the SDK reconnects unless the next arrives within 15 s."""
MAX_UNANSWERED_PINGS: Final = 2
"""The connection closes when a further ping is due and so many are unanswered."""
_CLOCK_TOLERANCE_SECONDS: Final = 2.0
"""The clocks may diverge by so much in a token's lifetime without a step."""
RESUME_SECONDS: Final = REFRESH_TOKEN_GRACE_SECONDS
"""How long after its token's expiry a connection can be resumed with a newer token."""

_VENDOR_METHOD_PREFIXES: Final = (
    "webrtc.",
    "verto.",
    "calling.",
    "call.",
    "video.",
    "chat.",
    "messaging.",
)
"""Methods with these prefixes exist at the vendor; this gateway never implements them."""


class Phase(Enum):
    """A connection's phase. The names are those of the SDK's `Phase`."""

    AUTHENTICATING = "authenticating"
    CONNECTED = "connected"
    CLOSED = "closed"


class PendingRequest(msgspec.Struct, frozen=True):
    """A request that waits for `Admitted` or `Denied`."""

    id: str | int
    resumes: bool


class ConnectionState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one connection."""

    id: UUID
    phase: Phase = Phase.AUTHENTICATING
    next_tick_at: float
    """By the monotonic clock: when the next `Tick` has an effect."""
    expires_at: int = FOREVER
    """Unix seconds: when the token expires and a `Tick` closes the connection."""
    ends_at: float = inf
    """The same by the monotonic clock, for a clock that is set back meanwhile."""
    pending: PendingRequest | None = None
    refused: bool = False
    admission: Admission | None = None
    """Set once CONNECTED, and kept when CLOSED."""
    protocol: str = ""
    online: bool = False
    pings: tuple[str, ...] = ()
    """Ids of unanswered pings."""
    messages_sent: int = 0
    """How many requests and events the server has sent; gives them their ids."""

    def due(self, at: ClockReading) -> bool:
        """Whether a `Tick` has an effect now."""
        return at.monotonic >= self.next_tick_at or self.token_expired(at)

    def token_expired(self, at: ClockReading) -> bool:
        """Whether the token has expired, by either clock."""
        return expired(self.expires_at, at.wall) or at.monotonic >= self.ends_at


Step = tuple[ConnectionState, tuple[Effect, ...]]


def initial_state(connection_id: UUID, at: ClockReading) -> ConnectionState:
    """The state of a new connection."""
    return ConnectionState(
        id=connection_id, next_tick_at=at.monotonic + AUTHENTICATION_DEADLINE_SECONDS
    )


def step(connection: ConnectionState, event: Input, at: ClockReading) -> Step:
    """Apply an input. Returns the next state and the effects to perform, in order."""
    if connection.phase is Phase.CLOSED:
        return connection, ()
    if connection.phase is Phase.CONNECTED and connection.token_expired(at):
        # Checked first: nothing is granted after expiry.
        if isinstance(event, SocketLost):
            return _close(connection, None)
        return _refuse_and_close(connection, CloseCode.EXPIRED, at)
    return _handle_input(connection, event, at)


def _handle_input(connection: ConnectionState, event: Input, at: ClockReading) -> Step:
    match event:
        case Received(text=text):
            return _handle_frame(connection, text)
        case ReceivedBytes():
            return connection, (Send(error(None, FrameError.REQUEST)),)
        case Admitted():
            return _handle_admitted(connection, event, at)
        case Denied(reason=reason):
            return _handle_denied(connection, reason, at)
        case Tick():
            return _handle_tick(connection, at)
        case SessionRevoked():
            return _handle_session_revoked(connection, at)
        case ServerStopping():
            return _handle_server_stopping(connection, at)
        case SocketLost():
            return _close(connection, None)
        case _:
            assert_never(event)


def _handle_frame(connection: ConnectionState, text: str) -> Step:
    frame = read_frame(text)
    match frame:
        case InvalidFrame(id=known, frame_error=frame_error):
            return connection, (Send(error(known, frame_error)),)
        case Reply(id=answered):
            if answered in connection.pings:
                connection = _replace(connection, pings=())
            return connection, ()
        case Request():
            handle = _METHODS.get(frame.method)
            if handle is None:
                calls = frame.method.startswith(_VENDOR_METHOD_PREFIXES)
                refusal = error(frame.id, FrameError.NO_CALLS if calls else FrameError.METHOD)
                return connection, (CountRequest("-"), Send(refusal))
            connection, effects = handle(connection, frame)
            return connection, (CountRequest(frame.method), *effects)
        case _:
            assert_never(frame)


def _handle_connect(connection: ConnectionState, request: Request) -> Step:
    if connection.phase is not Phase.AUTHENTICATING or connection.pending is not None:
        return _reply_error(connection, request, FrameError.REQUEST)
    params = request.params
    token = _text_member(params.get("authentication"), "jwt_token")
    proof, state, protocol = (
        _text_member(params, name) for name in ("dpop_token", "authorization_state", "protocol")
    )
    if not token or _NOT_TEXT in (token, proof, state, protocol):
        return _reply_error(connection, request, FrameError.PARAMS)
    # Without a state, 3.30 starts afresh, though it may still send its former protocol name.
    attempt = Connect(SecretText(token), proof, state or None, protocol)
    pending = PendingRequest(request.id, attempt.resumes)
    return _replace(connection, pending=pending), (Authenticate(attempt),)


def _handle_reauthenticate(connection: ConnectionState, request: Request) -> Step:
    if connection.admission is None:
        return _reply_error(connection, request, FrameError.AUTHENTICATION)
    if connection.pending is not None:
        return _reply_error(connection, request, FrameError.REQUEST)
    authentication = request.params.get("authentication")
    token, proof = (
        _text_member(authentication, "jwt_token"),
        _text_member(request.params, "dpop_token"),
    )
    if not token or _NOT_TEXT in (token, proof):
        return _reply_error(connection, request, FrameError.PARAMS)
    # `authentication.project` echoes our own value; the token's project decides.
    attempt = Reauthenticate(SecretText(token), proof, connection.admission)
    pending = PendingRequest(request.id, resumes=False)
    return _replace(connection, pending=pending), (Authenticate(attempt),)


def _handle_online(connection: ConnectionState, request: Request) -> Step:
    return _set_presence(connection, request, online=True)


def _handle_offline(connection: ConnectionState, request: Request) -> Step:
    return _set_presence(connection, request, online=False)


def _set_presence(connection: ConnectionState, request: Request, *, online: bool) -> Step:
    if connection.admission is None:
        return _reply_error(connection, request, FrameError.AUTHENTICATION)
    done = Send(result(request.id, {}))
    if not connection.admission.reachable or connection.online is online:
        return connection, (done,)
    connection, state_effect = _send_state(_replace(connection, online=online))
    return connection, (done, GoOnline() if online else GoOffline(), state_effect)


_METHODS: Final[dict[str, Callable[[ConnectionState, Request], Step]]] = {
    "signalwire.connect": _handle_connect,
    "signalwire.reauthenticate": _handle_reauthenticate,
    "subscriber.online": _handle_online,
    "subscriber.offline": _handle_offline,
}


def _handle_admitted(connection: ConnectionState, event: Admitted, at: ClockReading) -> Step:
    pending, admission, resumed = connection.pending, event.admission, event.resumed
    if pending is None:
        return connection, ()
    if expired(admission.expires_at, at.wall):
        return _handle_denied(connection, DenialReason.REFUSED, at)
    protocol, online = connection.protocol, connection.online
    due = connection.next_tick_at
    if connection.phase is Phase.AUTHENTICATING:
        # 3.30 resumes from memory only a protocol whose second part is the token's `jti`.
        new = f"satmint_{admission.jti.replace('_', '-')}_{connection.id.hex}"
        protocol = new if resumed is None else resumed.protocol
        online = resumed is not None and resumed.online
        due = at.monotonic + PING_SECONDS
    connection = _replace(
        connection,
        phase=Phase.CONNECTED,
        next_tick_at=due,
        expires_at=admission.expires_at,
        ends_at=at.monotonic + (admission.expires_at - at.wall) + _CLOCK_TOLERANCE_SECONDS,
        pending=None,
        admission=admission,
        protocol=protocol,
        online=online and admission.reachable,
    )
    answer = Send(result(pending.id, connect_result(str(connection.id), protocol, admission)))
    connection, state_effect = _send_state(connection)
    return connection, (answer, state_effect, GoOnline()) if connection.online else (
        answer,
        state_effect,
    )


def _handle_denied(connection: ConnectionState, reason: DenialReason, at: ClockReading) -> Step:
    pending = connection.pending
    if pending is None:
        return connection, ()
    frame_error = error_of_denial(reason, resumes=pending.resumes)
    changed = _replace(connection, pending=None)
    if connection.phase is Phase.AUTHENTICATING and not connection.refused:
        again_at = at.monotonic + AUTHENTICATION_DEADLINE_SECONDS
        changed = _replace(changed, refused=True, next_tick_at=again_at)
    return changed, (Send(error(pending.id, frame_error)),)


def error_of_denial(reason: DenialReason, *, resumes: bool) -> FrameError:
    """The error that a client gets whose credentials were not accepted."""
    # Every failed resume gets the same error, upon which the client starts afresh by itself.
    return FrameError.RESUME if resumes else _ERROR_OF_REASON[reason]


_ERROR_OF_REASON: Final = {
    DenialReason.REFUSED: FrameError.AUTHENTICATION,
    DenialReason.FULL: FrameError.FULL,
    DenialReason.UNAVAILABLE: FrameError.UNAVAILABLE,
}


def _handle_tick(connection: ConnectionState, at: ClockReading) -> Step:
    if at.monotonic < connection.next_tick_at:
        return connection, ()
    if connection.phase is Phase.AUTHENTICATING:
        # Not before a connect is answered: the SDK would never send again.
        return (connection, ()) if connection.pending else _close(connection, CloseCode.TIMED_OUT)
    if len(connection.pings) >= MAX_UNANSWERED_PINGS:
        return _close(connection, CloseCode.TIMED_OUT)
    connection, ping_id = _next_message_id(connection)
    pings = (*connection.pings, ping_id)
    connection = _replace(connection, pings=pings, next_tick_at=at.monotonic + PING_SECONDS)
    return connection, (Send(call(ping_id, "signalwire.ping", {"timestamp": at.wall})),)


def _handle_session_revoked(connection: ConnectionState, at: ClockReading) -> Step:
    if connection.phase is Phase.AUTHENTICATING:
        return connection, ()  # no session yet that could be revoked
    return _refuse_and_close(connection, CloseCode.REVOKED, at)


def _refuse_and_close(connection: ConnectionState, code: CloseCode, at: ClockReading) -> Step:
    """Answer the pending request, then close."""
    connection, answer = _handle_denied(connection, DenialReason.REFUSED, at)
    return _close(connection, code, *answer)


def _handle_server_stopping(connection: ConnectionState, at: ClockReading) -> Step:
    connection, answer = _handle_denied(connection, DenialReason.UNAVAILABLE, at)
    connection, event_id = _next_message_id(connection)
    disconnect = Send(call(event_id, "signalwire.disconnect", {}))
    return _close(connection, CloseCode.GOING_AWAY, *answer, disconnect)


def _close(connection: ConnectionState, code: CloseCode | None, *last: Effect) -> Step:
    """Close with `code`; None where the client has disconnected."""
    effects: list[Effect] = [*last]
    if connection.online:
        effects.append(GoOffline())
    if code is not None:
        effects.append(Close(code))
    over = _replace(connection, phase=Phase.CLOSED, pending=None, online=False, pings=())
    return over, tuple(effects)


def _reply_error(connection: ConnectionState, request: Request, frame_error: FrameError) -> Step:
    return connection, (Send(error(request.id, frame_error)),)


def _send_state(connection: ConnectionState) -> tuple[ConnectionState, SendState]:
    connection, event_id = _next_message_id(connection)
    admission = connection.admission
    if admission is None:
        raise LookupError("no resume state without an admission")
    state = ResumeState(
        project=admission.project,
        subscriber=admission.subscriber,
        session=admission.session,
        protocol=connection.protocol,
        online=connection.online,
        expires_at=admission.expires_at + RESUME_SECONDS,
    )
    return connection, SendState(state, event_id)


def _next_message_id(connection: ConnectionState) -> tuple[ConnectionState, str]:
    """The next state, and the id of the server's next request or event."""
    messages_sent = connection.messages_sent + 1
    return _replace(connection, messages_sent=messages_sent), f"{connection.id.hex}-{messages_sent}"


_NOT_TEXT: Final = "\0"
"""Stands for a member that is not a string; a strictly read string contains no NUL."""


def _text_member(members: object, name: str) -> str | None:
    """A string member; None if absent or null, `_NOT_TEXT` if of another type."""
    value = members.get(name) if isinstance(members, dict) else None
    return value if value is None or isinstance(value, str) else _NOT_TEXT


_replace = msgspec.structs.replace
