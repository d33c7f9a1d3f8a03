"""The state machine of one connection.

    WAITING ── Admitted ──▶ LIVE ── Ended, Stopping, Gone, expiry, unanswered pings ──▶ OVER
       └── Stopping, Gone, a minute without anything that could be let in ──────────────▶ OVER

A request that needs to be judged is put aside (`asked`) until its verdict comes. The value is
frozen: `step` takes one and gives the next one. It says itself by when it wants to hear of time
again (`look_again_at` by the steady clock, `expires_at` by the mint's).
"""

from collections.abc import Callable
from enum import Enum
from typing import Final, assert_never
from uuid import UUID

import msgspec

from satmint.gateway.protocol.frames import (
    Flaw,
    Flawed,
    Reply,
    Request,
    call,
    connect_result,
    error,
    read_frame,
    result,
)
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
from satmint.model.lifetimes import FOREVER, REFRESH_OVERHANG_SECONDS, expired
from satmint.model.live import Admission, ResumeState
from satmint.model.secrets import SecretText

SILENCE_SECONDS: Final = 60.0
"""How long a client may stay without having been let in; counted anew from its first refusal,
because a socket that is closed upon a refusal makes the SDK come back at once, for ever."""
PING_SECONDS: Final = 9.0
"""After one ping 3.30 of the SDK wants the next within 15 s, or it reconnects."""
PINGS_UNANSWERED: Final = 2
"""So many, and nobody is there any more."""
RESUME_SECONDS: Final = REFRESH_OVERHANG_SECONDS
"""How long after its token's expiry a connection can be resumed, with a newer token."""

_CALLS: Final = ("webrtc.", "verto.", "calling.", "call.", "video.", "chat.", "messaging.")
"""What begins so is a method that the vendor has and this gateway never will."""


class Stage(Enum):
    """Where a connection is in its life."""

    WAITING = "waiting"
    LIVE = "live"
    OVER = "over"


class Asked(msgspec.Struct, frozen=True):
    """A request whose verdict is awaited."""

    id: str | int
    resumes: bool


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One connection, at one moment."""

    id: UUID
    stage: Stage = Stage.WAITING
    look_again_at: float
    """By the steady clock: when `Passed` will next mean something."""
    expires_at: int = FOREVER
    """Unix seconds: when `Passed` means the end."""
    asked: Asked | None = None
    refused: bool = False
    admission: Admission | None = None
    """There as long as it is LIVE, and after it was."""
    protocol: str = ""
    online: bool = False
    pings: tuple[str, ...] = ()
    """Ids of those that were not answered yet."""
    spoken: int = 0
    """How often the server began to speak by itself, for the ids of what it says."""

    def due(self, at: Moment) -> bool:
        """Whether `Passed` would do anything now."""
        return at.steady >= self.look_again_at or at.wall >= self.expires_at


Step = tuple[Connection, tuple[Effect, ...]]


def opened(connection_id: UUID, at: Moment) -> Connection:
    """A connection of which nothing is known yet."""
    return Connection(id=connection_id, look_again_at=at.steady + SILENCE_SECONDS)


def step(connection: Connection, event: Event, at: Moment) -> Step:
    """What becomes of `connection` by `event`, and what is to be done about it, in order."""
    if connection.stage is Stage.OVER:
        return connection, ()
    if connection.stage is Stage.LIVE and expired(connection.expires_at, at.wall):
        # Before anything else: nothing is granted after expiry.
        if isinstance(event, Gone):
            return _over(connection, None)
        return _refused_and_over(connection, CloseCode.EXPIRED, at)
    return _happened(connection, event, at)


def _happened(connection: Connection, event: Event, at: Moment) -> Step:
    match event:
        case Received(text=text):
            return _received(connection, text)
        case ReceivedBytes():
            return connection, (Send(error(None, Flaw.REQUEST)),)
        case Admitted():
            return _admitted(connection, event, at)
        case Denied(why=why):
            return _denied(connection, why, at)
        case Passed():
            return _passed(connection, at)
        case Ended():
            return _ended(connection, at)
        case Stopping():
            return _stopping(connection, at)
        case Gone():
            return _over(connection, None)
        case _:
            assert_never(event)


def _received(connection: Connection, text: str) -> Step:
    frame = read_frame(text)
    match frame:
        case Flawed(id=known, flaw=flaw):
            return connection, (Send(error(known, flaw)),)
        case Reply(id=answered):
            if answered in connection.pings:
                connection = _with(connection, pings=())
            return connection, ()
        case Request():
            handle = _METHODS.get(frame.method)
            if handle is None:
                calls = frame.method.startswith(_CALLS)
                refusal = error(frame.id, Flaw.NO_CALLS if calls else Flaw.METHOD)
                return connection, (Requested("-"), Send(refusal))
            connection, effects = handle(connection, frame)
            return connection, (Requested(frame.method), *effects)
        case _:
            assert_never(frame)


def _connect(connection: Connection, request: Request) -> Step:
    if connection.stage is not Stage.WAITING or connection.asked is not None:
        return _refuse(connection, request, Flaw.REQUEST)
    params = request.params
    token = _text_of(params.get("authentication"), "jwt_token")
    proof, state, protocol = (
        _text_of(params, name) for name in ("dpop_token", "authorization_state", "protocol")
    )
    if not token or _ODD in (token, proof, state, protocol):
        return _refuse(connection, request, Flaw.PARAMS)
    # Without a state, 3.30 begins anew, though it may still name the protocol that it had.
    attempt = Connect(SecretText(token), proof, state or None, protocol)
    asked = Asked(request.id, attempt.resumes)
    return _with(connection, asked=asked), (Authenticate(attempt),)


def _reauthenticate(connection: Connection, request: Request) -> Step:
    if connection.admission is None:
        return _refuse(connection, request, Flaw.AUTHENTICATION)
    if connection.asked is not None:
        return _refuse(connection, request, Flaw.REQUEST)
    authentication = request.params.get("authentication")
    token, proof = _text_of(authentication, "jwt_token"), _text_of(request.params, "dpop_token")
    if not token or _ODD in (token, proof):
        return _refuse(connection, request, Flaw.PARAMS)
    # `authentication.project` is an echo of ours, so it decides nothing: the token's does.
    attempt = Reauthenticate(SecretText(token), proof, connection.admission)
    asked = Asked(request.id, resumes=False)
    return _with(connection, asked=asked), (Authenticate(attempt),)


def _online(connection: Connection, request: Request) -> Step:
    return _turn(connection, request, online=True)


def _offline(connection: Connection, request: Request) -> Step:
    return _turn(connection, request, online=False)


def _turn(connection: Connection, request: Request, *, online: bool) -> Step:
    if connection.admission is None:
        return _refuse(connection, request, Flaw.AUTHENTICATION)
    done = Send(result(request.id, {}))
    if not connection.admission.registers or connection.online is online:
        return connection, (done,)
    connection, give = _gives_state(_with(connection, online=online))
    return connection, (done, Appear() if online else Disappear(), give)


_METHODS: Final[dict[str, Callable[[Connection, Request], Step]]] = {
    "signalwire.connect": _connect,
    "signalwire.reauthenticate": _reauthenticate,
    "subscriber.online": _online,
    "subscriber.offline": _offline,
}


def _admitted(connection: Connection, event: Admitted, at: Moment) -> Step:
    asked, admission, resumed = connection.asked, event.admission, event.resumed
    if asked is None:
        return connection, ()
    if expired(admission.expires_at, at.wall):
        return _denied(connection, Why.REFUSED, at)
    protocol, online = connection.protocol, connection.online
    due = connection.look_again_at
    if connection.stage is Stage.WAITING:
        # 3.30 resumes by memory only what has the token's `jti` as its second part.
        new = f"satmint_{admission.jti.replace('_', '-')}_{connection.id.hex}"
        protocol = new if resumed is None else resumed.protocol
        online = resumed is not None and resumed.online
        due = at.steady + PING_SECONDS
    connection = _with(
        connection,
        stage=Stage.LIVE,
        look_again_at=due,
        expires_at=admission.expires_at,
        asked=None,
        admission=admission,
        protocol=protocol,
        online=online and admission.registers,
    )
    answer = Send(result(asked.id, connect_result(str(connection.id), protocol, admission)))
    connection, give = _gives_state(connection)
    return connection, (answer, give, Appear()) if connection.online else (answer, give)


def _denied(connection: Connection, why: Why, at: Moment) -> Step:
    asked = connection.asked
    if asked is None:
        return connection, ()
    # Whatever is the matter with a resume, the client has to begin anew; it does so by itself.
    flaw = Flaw.RESUME if asked.resumes else _FLAW_OF[why]
    changed = _with(connection, asked=None)
    if connection.stage is Stage.WAITING and not connection.refused:
        again_at = at.steady + SILENCE_SECONDS
        changed = _with(changed, refused=True, look_again_at=again_at)
    return changed, (Send(error(asked.id, flaw)),)


_FLAW_OF: Final = {
    Why.REFUSED: Flaw.AUTHENTICATION,
    Why.FULL: Flaw.FULL,
    Why.UNAVAILABLE: Flaw.UNAVAILABLE,
}


def _passed(connection: Connection, at: Moment) -> Step:
    if at.steady < connection.look_again_at:
        return connection, ()
    if connection.stage is Stage.WAITING:
        # Never before a connect is answered, or the SDK falls silent for good.
        return (connection, ()) if connection.asked else _over(connection, CloseCode.SILENT)
    if len(connection.pings) >= PINGS_UNANSWERED:
        return _over(connection, CloseCode.SILENT)
    connection, ping_id = _speaks(connection)
    pings = (*connection.pings, ping_id)
    connection = _with(connection, pings=pings, look_again_at=at.steady + PING_SECONDS)
    return connection, (Send(call(ping_id, "signalwire.ping", {"timestamp": at.wall})),)


def _ended(connection: Connection, at: Moment) -> Step:
    if connection.stage is Stage.WAITING:
        return connection, ()  # there is nothing yet that could have ended
    return _refused_and_over(connection, CloseCode.REVOKED, at)


def _refused_and_over(connection: Connection, code: CloseCode, at: Moment) -> Step:
    """The end, before which whoever waits for an answer gets it."""
    connection, answer = _denied(connection, Why.REFUSED, at)
    return _over(connection, code, *answer)


def _stopping(connection: Connection, at: Moment) -> Step:
    connection, answer = _denied(connection, Why.UNAVAILABLE, at)
    connection, event_id = _speaks(connection)
    goodbye = Send(call(event_id, "signalwire.disconnect", {}))
    return _over(connection, CloseCode.GOING_AWAY, *answer, goodbye)


def _over(connection: Connection, code: CloseCode | None, *last: Effect) -> Step:
    """The end: with `code` where the server closes, None where the client is gone already."""
    effects: list[Effect] = [*last]
    if connection.online:
        effects.append(Disappear())
    if code is not None:
        effects.append(Close(code))
    over = _with(connection, stage=Stage.OVER, asked=None, online=False, pings=())
    return over, tuple(effects)


def _refuse(connection: Connection, request: Request, flaw: Flaw) -> Step:
    return connection, (Send(error(request.id, flaw)),)


def _gives_state(connection: Connection) -> tuple[Connection, GiveState]:
    connection, event_id = _speaks(connection)
    admission = connection.admission
    if admission is None:
        raise LookupError("a state is given to somebody who was not let in")
    state = ResumeState(
        project=admission.project,
        subscriber=admission.subscriber,
        session=admission.session,
        protocol=connection.protocol,
        online=connection.online,
        expires_at=admission.expires_at + RESUME_SECONDS,
    )
    return connection, GiveState(state, event_id)


def _speaks(connection: Connection) -> tuple[Connection, str]:
    """The connection after the server has begun to speak, and the id of what it says."""
    spoken = connection.spoken + 1
    return _with(connection, spoken=spoken), f"{connection.id.hex}-{spoken}"


_ODD: Final = "\0"
"""Stands for what is there and no text; no text that was read strictly holds NUL."""


def _text_of(members: object, name: str) -> str | None:
    """A member that is a text; None where it is not there or null, `_ODD` where it is no text."""
    value = members.get(name) if isinstance(members, dict) else None
    return value if value is None or isinstance(value, str) else _ODD


_with = msgspec.structs.replace
