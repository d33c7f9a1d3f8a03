"""A holder's line to the gateway, over any number of connections. No I/O, no clock.

A `Line` is fed what happens, and says what to do about it:

    phase      what it is doing                           goes on when
    DIALLING   a token is asked for, a socket opened      Opened, Unopened
    GREETING   `signalwire.connect` was sent              its answer; none within 10 s
    LIVE       the gateway has accepted the credential    Lost; silence; a request without answer
    RESTING    a pause before the next attempt            its end
    LEAVING    `subscriber.offline` before a clean close  its answer; none within 2 s
    OVER       nothing will happen any more               -

A refused resume is followed by a fresh start on the same connection; a refused fresh start, and an
end for age, by an attempt with another credential. Two refusals of different credentials in a row,
an error that no credential helps against, and a revocation are the end.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from signalwire.credentials import _methods, _rpc
from signalwire.credentials._client_events import (
    Connected,
    Disconnected,
    Ended,
    Reauthenticated,
    WentOffline,
    WentOnline,
)
from signalwire.credentials._events import Warned
from signalwire.credentials._line_words import (
    Begin,
    Dial,
    Effect,
    Fresh,
    HangUp,
    Happening,
    Heard,
    Leave,
    Lost,
    Opened,
    PresenceRefused,
    Send,
    SessionGone,
    Tell,
    Tick,
    Unopened,
    Want,
)
from signalwire.credentials._policy import backoff
from signalwire.credentials.errors import GatewayRefused, SessionClosed, SessionRevoked

ANSWER_LIMIT: Final = 10.0
"""Seconds in which the gateway must answer a request."""

STEADY: Final = 10.0
"""Seconds that a connection must have lived for the next failure to count as the first."""

_LEAVE_LIMIT: Final = 2.0
_MOMENT: Final = 1e-6
_MOST_REFUSALS: Final = 2


class Phase(enum.Enum):
    """See the table above."""

    IDLE = "idle"
    DIALLING = "dialling"
    GREETING = "greeting"
    LIVE = "live"
    RESTING = "resting"
    LEAVING = "leaving"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that is not answered yet."""

    method: str
    token: str = field(repr=False)
    answer_by: float


class Line:
    """See the top of this file.

    Args:
        sign: Signs a proof for an RPC method.
        draw: Draws a number from 0 up to 1, to spread what would happen at the same moment.
        silence: Seconds without a word from the gateway after which it is taken for dead.
    """

    def __init__(
        self, *, sign: Callable[[str], str], draw: Callable[[], float], silence: float
    ) -> None:
        self._sign = sign
        self._draw = draw
        self._silence = silence
        self.phase = Phase.IDLE
        self.failures = 0
        """Failures in a row."""
        self.resumed = False
        self.protocol: str | None = None
        self.authorization: _methods.Authorization | None = None
        self.error: Exception | None = None
        """What ended it, other than its owner."""
        self.wanted = False
        """Whether the owner wants to be online."""
        self.told = False
        """Whether the gateway takes the subscriber for online, as far as one knows."""
        self._state: str | None = None
        self._resuming = False
        self._serial = 0
        self._requests = 0
        self._asked: dict[str, _Asked] = {}
        self._shown = ""
        self._newest: str | None = None
        self._refused: str | None = None
        self._refusal: GatewayRefused | None = None
        self._refusals = 0
        self._pause_ends = 0.0
        self._live_since = 0.0
        self._heard_at = 0.0
        self._now = 0.0
        self._effects: list[Effect] = []

    @property
    def wake_at(self) -> float | None:
        """When a `Tick` is due, seconds on the monotonic clock; `None` for not at all."""
        if self.phase in (Phase.RESTING, Phase.LEAVING):
            return self._pause_ends
        if self.phase in (Phase.GREETING, Phase.LIVE):
            limits = [asked.answer_by for asked in self._asked.values()]
            return min([self._heard_at + self._silence, *limits])
        return None

    def is_so(self, *, online: bool) -> bool:
        """Whether the gateway takes the subscriber for online, or for offline, and has said so."""
        said = self.phase is Phase.LIVE or not online
        return said and self.told is online and not self._asks(*_methods.PRESENCE)

    def feed(self, happening: Happening, now: float) -> list[Effect]:
        """Take in what happened.

        Args:
            happening: What.
            now: When, seconds on the monotonic clock.

        Returns:
            What to do, in this order.
        """
        self._now = now
        self._take(happening)
        effects, self._effects = self._effects, []
        return effects

    def _take(self, happening: Happening) -> None:
        match happening:
            case _ if self.phase is Phase.OVER:
                if isinstance(happening, Opened):
                    self._effects.append(HangUp(happening.serial))
            case Begin():
                self._dial()
            case Opened() | Unopened() | Heard() | Lost():
                if happening.serial == self._serial and self.phase is not Phase.RESTING:
                    self._on_connection(happening)
            case Fresh(token):
                self._newest = token
                self._reauthenticate()
            case Want(online):
                self.wanted = online
                self._sync_presence()
            case SessionGone():
                self._end(SessionClosed("the credential session is closed"))
            case Leave():
                self._leave()
            case Tick():
                self._look_at_the_time()

    def _on_connection(self, happening: Opened | Unopened | Heard | Lost) -> None:
        match happening:
            case Opened(token=token):
                self._shown = token
                self._heard_at = self._now
                self._greet()
            case Unopened(final=None):
                self._drop(happening.cause_code, happening.detail, not_before=happening.not_before)
            case Unopened(final=Exception() as final):
                self._end(self._refusal or final)
            case Heard(text=text):
                self._heard_at = self._now
                self._hear(text)
            case Lost(code=code, detail=detail):
                self._lose(code, detail)

    # Connections come and go.

    def _dial(self) -> None:
        self._serial += 1
        self.phase = Phase.DIALLING
        self._effects.append(Dial(self._serial, self._refused))

    def _greet(self) -> None:
        self.phase = Phase.GREETING
        self._resuming = self._state is not None and bool(self.protocol)
        state = self._state if self._resuming else None
        proof = self._sign(_methods.CONNECT)
        self._ask(_methods.CONNECT, _methods.greeting(self._shown, proof, state, self.protocol))

    def _lose(self, code: int | None, detail: str) -> None:
        if self.phase is Phase.LEAVING:
            self._finish()
        elif code == _methods.CLOSED_REVOKED:
            self._end(SessionRevoked("the gateway ended the session: it is revoked"))
        elif code == _methods.CLOSED_EXPIRED:
            self._refused = self._shown
            self._drop("expired", detail, close_code=code)
        else:
            self._drop("closed", detail, close_code=code)

    def _drop(
        self,
        cause_code: str,
        detail: str,
        *,
        close_code: int | None = None,
        not_before: float = 0.0,
    ) -> None:
        """Give the connection up, and come again after a pause.

        Whatever the gateway does, the pause comes first, and grows until a connection has lived
        for a while: a session that is accepted and thrown out again must not become a storm.
        """
        if self.phase is Phase.LEAVING:
            self._finish()
            return
        steady = self.phase is Phase.LIVE and self._now - self._live_since >= STEADY
        self.failures = 1 if steady else self.failures + 1
        pause = max(backoff(self.failures, self._draw()), not_before)
        self._hang_up()
        self.phase = Phase.RESTING
        self._pause_ends = self._now + pause
        self._effects.append(Tell(Disconnected(cause_code, detail, pause, close_code)))

    def _hang_up(self) -> None:
        self._asked.clear()
        self._effects.append(HangUp(self._serial))

    def _leave(self) -> None:
        if self.phase is Phase.LIVE and self.told:
            self.phase = Phase.LEAVING
            self._pause_ends = self._now + _LEAVE_LIMIT
            self._asked.clear()
            self._ask(_methods.OFFLINE, {})
        elif self.phase is not Phase.LEAVING:
            self._finish()

    def _finish(self) -> None:
        self._hang_up()
        self.phase = Phase.OVER

    def _end(self, error: Exception) -> None:
        self.error = error
        self._finish()
        self._effects.append(Tell(Ended(error)))

    def _look_at_the_time(self) -> None:
        if self.wake_at is None or self.wake_at - self._now > _MOMENT:
            return
        if self.phase is Phase.RESTING:
            self._dial()
        elif self.phase is Phase.LEAVING:
            self._finish()
        elif self._now - self._heard_at >= self._silence - _MOMENT:
            self._drop("silence", f"nothing was heard for {self._silence:g} s")
        else:
            late = min(self._asked.values(), key=lambda asked: asked.answer_by)
            self._drop("no_answer", f"{late.method} was not answered in {ANSWER_LIMIT:g} s")

    # What is said on a connection.

    def _ask(self, method: str, params: _rpc.Json) -> None:
        self._requests += 1
        identity = str(self._requests)
        token = self._newest if method == _methods.REAUTHENTICATE and self._newest else self._shown
        self._asked[identity] = _Asked(method, token, self._now + ANSWER_LIMIT)
        self._effects.append(Send(self._serial, _rpc.request(identity, method, params)))

    def _hear(self, text: str) -> None:
        match _rpc.read(text):
            case _rpc.Request() as request:
                self._serve(request)
            case _rpc.Result(identity, result) if identity in self._asked:
                self._on_result(self._asked.pop(identity), result)
            case _rpc.Refusal(identity) as refusal if identity in self._asked:
                self._on_refusal(self._asked.pop(identity), refusal)

    def _serve(self, request: _rpc.Request) -> None:
        if request.id is not None:
            self._effects.append(Send(self._serial, _methods.answer_to(request, request.id)))
        if request.method == _methods.EVENT:
            self._state = _methods.state_in(request.params, self.protocol) or self._state
        elif request.method == _methods.DISCONNECT:
            self._drop("told_to", "the gateway asked to come again")

    def _on_result(self, asked: _Asked, result: object) -> None:
        if asked.method == _methods.CONNECT:
            self._on_connected(result)
        elif asked.method == _methods.REAUTHENTICATE:
            self._shown = asked.token
            self.authorization = _methods.read_authorization(result) or self.authorization
            ends = None if self.authorization is None else self.authorization.expires_at
            self._effects.append(Tell(Reauthenticated(ends)))
            self._reauthenticate()
        elif self.phase is Phase.LEAVING:
            self._finish()
        else:
            self.told = asked.method == _methods.ONLINE
            self._effects.append(Tell(WentOnline() if self.told else WentOffline()))
            self._sync_presence()

    def _on_connected(self, result: object) -> None:
        authorization = _methods.read_authorization(result)
        protocol = result.get("protocol") if isinstance(result, dict) else None
        if authorization is None or not isinstance(protocol, str):
            self._drop("unreadable", f"the answer to {_methods.CONNECT} makes no sense")
            return
        self.resumed = self._resuming
        if not self.resumed or protocol != self.protocol:
            self._state = None
        # After a resume the gateway still knows who is online; saying it again does no harm, and
        # helps where it forgot. After a fresh start it does not know.
        self.told = self.resumed and self.told and not self.wanted
        self.protocol, self.authorization = protocol, authorization
        self.phase = Phase.LIVE
        self._live_since = self._now
        self._refused, self._refusal, self._refusals = None, None, 0
        self._effects.append(Tell(Connected(self.resumed)))
        self._reauthenticate()
        self._sync_presence()

    def _on_refusal(self, asked: _Asked, refusal: _rpc.Refusal) -> None:
        error = GatewayRefused(asked.method, refusal.code, refusal.message)
        if asked.method == _methods.CONNECT:
            self._on_connect_refused(asked, refusal, error)
        elif asked.method == _methods.REAUTHENTICATE:
            # The next connection sorts it out: it resumes with this token, or begins anew.
            self._effects.append(Tell(Warned("reauthentication_refused", "refused", str(error))))
            self._drop("refused", str(error))
        elif self.phase is Phase.LEAVING:
            self._finish()
        else:
            self.wanted = self.told
            self._effects.append(Tell(Warned("presence_refused", "refused", str(error))))
            self._effects.append(PresenceRefused(error))

    def _on_connect_refused(
        self, asked: _Asked, refusal: _rpc.Refusal, error: GatewayRefused
    ) -> None:
        if self._resuming and _methods.wants_fresh_start(refusal):
            self._state = self.protocol = None
            self.told = False
            self._greet()
            return
        if not self._resuming and _methods.wants_other_credential(refusal):
            self._refusals += 1
            self._refused, self._refusal = asked.token, error
        if self._refusals >= _MOST_REFUSALS or (
            not self._resuming and _methods.is_hopeless(refusal)
        ):
            self._end(error)
        else:
            self._drop("refused", str(error))

    # Keeping the gateway up to date.

    def _reauthenticate(self) -> None:
        """Show the newest token, unless it is known there, or on its way."""
        if self.phase is not Phase.LIVE or self._newest is None or self._newest == self._shown:
            return
        if self._asks(_methods.REAUTHENTICATE):
            return
        project = "" if self.authorization is None else self.authorization.project_id
        proof = self._sign(_methods.REAUTHENTICATE)
        self._ask(_methods.REAUTHENTICATE, _methods.reauthentication(project, self._newest, proof))

    def _sync_presence(self) -> None:
        """Say whether one is online, where that is another answer than the last."""
        if self.phase is not Phase.LIVE or self.wanted == self.told:
            return
        if not self._asks(*_methods.PRESENCE):
            self._ask(_methods.PRESENCE[self.wanted], {})

    def _asks(self, *methods: str) -> bool:
        return any(asked.method in methods for asked in self._asked.values())
