"""The state of a connection to the gateway, across reconnects. No I/O, no clock.

A `ConnectionState` takes inputs and returns effects:

    phase            activity                                   leaves on
    CONNECTING       get a token, open a socket                 SocketOpened, SocketFailed
    AUTHENTICATING   `signalwire.connect` was sent              its answer; none within 10 s
    CONNECTED        the gateway has accepted the credential    SocketLost; silence; no answer
    BACKOFF          a pause before the next attempt            its end
    CLOSING          `subscriber.offline` before a clean close  its answer; none within 2 s
    ENDED            nothing: its error needs a new sign-in     SignedIn, Close
    CLOSED           final                                      -

After a refused resume the client connects afresh on the same socket; after a refused fresh connect
or an expired token it tries again with another credential. Two consecutive refusals of different
credentials, an error that does not depend on the credential, and a revocation end it, until there
is a new sign-in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from satmint_sdk._retry import backoff
from satmint_sdk.credentials._events import Warned
from satmint_sdk.credentials.errors import GatewayRefused, SessionClosed, SessionRevoked
from satmint_sdk.credentials.live import _inputs, _methods, _rpc
from satmint_sdk.credentials.live._client_events import (
    ClientEvent,
    Connected,
    Disconnected,
    Ended,
    Reauthenticated,
    WentOffline,
    WentOnline,
)
from satmint_sdk.credentials.live._phase import Phase
from satmint_sdk.rest._endpoint import USER_AGENT

ANSWER_LIMIT: Final = 10.0
"""Seconds in which the gateway must answer a request."""

STABLE_AFTER: Final = 10.0
"""Seconds after which a connection counts as stable: the next failure is then the first."""

_CLOSE_LIMIT: Final = 2.0
_TOLERANCE: Final = 1e-6
_MAX_REFUSALS: Final = 2


class ConnectionState:
    """The state machine; see the module.

    Args:
        sign: Signs a proof for an RPC method.
        draw: Draws a number in [0, 1) for jitter.
        silence: Seconds without a frame after which the connection counts as lost.
        agent: What the gateway is told of the program, as in a `User-Agent`.
    """

    def __init__(
        self,
        *,
        sign: Callable[[str], str],
        draw: Callable[[], float],
        silence: float,
        agent: str = USER_AGENT,
    ) -> None:
        self._agent, self._sign = agent, sign
        self._draw, self._silence = draw, silence
        self.phase = Phase.IDLE
        self.failures = 0
        """Consecutive failures."""
        self.resumed = False
        self.protocol: str | None = None
        self.authorization: _methods.Authorization | None = None
        self.error: Exception | None = None
        """The error that ended it; `None` if its owner closed it."""
        self.wants_online = False
        """Whether the owner wants to be online."""
        self.reported_online = False
        """Whether the gateway regards the subscriber as online, as far as known."""
        self._resume_state: str | None = None
        self._resuming = False
        self._serial = 0
        self._requests = 0
        self._pending: dict[str, _rpc.PendingRequest] = {}
        self._current_token = ""
        self._latest_token: str | None = None
        self._refused_token: str | None = None
        self._refusal: GatewayRefused | None = None
        self._refusals = 0
        self._pause_ends = 0.0
        self._connected_since = 0.0
        self._last_received = 0.0
        self._now = 0.0
        self._effects: list[_inputs.Effect] = []

    @property
    def wake_at(self) -> float | None:
        """When a `Tick` is due, seconds by the monotonic clock; `None` for never."""
        if self.phase in (Phase.BACKOFF, Phase.CLOSING):
            return self._pause_ends
        if self.phase in (Phase.AUTHENTICATING, Phase.CONNECTED):
            limits = [pending.answer_by for pending in self._pending.values()]
            return min([self._last_received + self._silence, *limits])
        return None

    def presence_confirmed(self, *, online: bool) -> bool:
        """Whether the gateway has confirmed that the subscriber is online (or offline)."""
        confirmed = self.phase is Phase.CONNECTED or not online
        return confirmed and self.reported_online is online and not self._awaits(*_methods.PRESENCE)

    def feed(self, input_: _inputs.Input, now: float) -> list[_inputs.Effect]:
        """Apply an input.

        Args:
            input_: The input.
            now: Seconds by the monotonic clock.

        Returns:
            The effects to perform, in order.
        """
        self._now = now
        self._handle(input_)
        effects, self._effects = self._effects, []
        return effects

    def _emit(self, event: ClientEvent) -> None:
        self._effects.append(_inputs.Emit(event))

    def _handle(self, input_: _inputs.Input) -> None:
        match input_:
            case _ if _inputs.is_late(input_, self.phase):
                if isinstance(input_, _inputs.SocketOpened):
                    self._effects.append(_inputs.CloseSocket(input_.serial))
            case _inputs.Open():
                self._open_socket()
            case _inputs.SocketInput():
                if input_.serial == self._serial and self.phase is not Phase.BACKOFF:
                    self._on_connection(input_)
            case _inputs.SignedIn(token):
                self._latest_token = token
                self._on_sign_in()
            case _inputs.TokenReplaced(token):
                self._latest_token = token
                self._reauthenticate()
            case _inputs.SetPresence(online):
                if self.phase is not Phase.ENDED:
                    self.wants_online = online
                self._sync_presence()
            case _inputs.SessionEnded() if self.phase is Phase.ENDED:
                self.phase = Phase.CLOSED
            case _inputs.SessionEnded():
                self._end(SessionClosed("the credential session is closed"))
            case _inputs.Close():
                self._close()
            case _inputs.Tick():
                self._on_tick()

    def _on_connection(self, input_: _inputs.SocketInput) -> None:
        match input_:
            case _inputs.SocketOpened(token=token):
                self._current_token = token
                self._last_received = self._now
                self._authenticate()
            case _inputs.SocketFailed(final=None):
                self._drop(input_.cause_code, input_.detail, not_before=input_.not_before)
            case _inputs.SocketFailed(final=Exception() as final):
                self._end(self._refusal or final)
            case _inputs.Received(text=text):
                self._last_received = self._now
                self._on_frame(text)
            case _inputs.SocketLost(code=code, detail=detail):
                self._on_socket_lost(code, detail)

    def _on_sign_in(self) -> None:
        """Begin anew after an error that ended the connection; otherwise present the token."""
        if self.phase is not Phase.ENDED:
            self._reauthenticate()
            return
        self.error = self.protocol = self._resume_state = None
        self.failures = self._refusals = 0
        self._refused_token = self._refusal = None
        self.resumed = self.reported_online = False
        self._open_socket()

    def _open_socket(self) -> None:
        self._serial += 1
        self.phase = Phase.CONNECTING
        self._effects.append(_inputs.OpenSocket(self._serial, self._refused_token))

    def _authenticate(self) -> None:
        self.phase = Phase.AUTHENTICATING
        self._resuming = self._resume_state is not None and bool(self.protocol)
        state = self._resume_state if self._resuming else None
        proof = self._sign(_methods.CONNECT)
        self._send_request(
            _methods.CONNECT,
            _methods.connect_params(self._current_token, proof, state, self.protocol, self._agent),
        )

    def _on_socket_lost(self, code: int | None, detail: str) -> None:
        if self.phase is Phase.CLOSING:
            self._finish()
        elif code == _methods.CLOSED_REVOKED:
            self._end(SessionRevoked("the gateway ended the session: it is revoked"))
        elif code == _methods.CLOSED_EXPIRED:
            self._refused_token = self._current_token
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
        """Drop the connection and reconnect after a back-off.

        The back-off grows until a connection was stable for a while: a session that is accepted
        and closed again and again must not cause a reconnect storm.
        """
        if self.phase is Phase.CLOSING:
            self._finish()
            return
        stable = self.phase is Phase.CONNECTED and self._now - self._connected_since >= STABLE_AFTER
        self.failures = 1 if stable else self.failures + 1
        pause = max(backoff(self.failures, self._draw()), not_before)
        self._close_socket()
        self.phase = Phase.BACKOFF
        self._pause_ends = self._now + pause
        self._emit(Disconnected(cause_code, detail, pause, close_code))

    def _close_socket(self) -> None:
        self._pending.clear()
        self._effects.append(_inputs.CloseSocket(self._serial))

    def _close(self) -> None:
        if self.phase is Phase.CONNECTED and self.reported_online:
            self.phase = Phase.CLOSING
            self._pause_ends = self._now + _CLOSE_LIMIT
            self._pending.clear()
            self._send_request(_methods.OFFLINE, {})
        elif self.phase is not Phase.CLOSING:
            self._finish()

    def _finish(self) -> None:
        self._close_socket()
        self.phase = Phase.CLOSED

    def _end(self, error: Exception) -> None:
        self.error = error
        self._finish()
        if not isinstance(error, SessionClosed):
            self.phase = Phase.ENDED
        self._emit(Ended(error))

    def _on_tick(self) -> None:
        if self.wake_at is None or self.wake_at - self._now > _TOLERANCE:
            return
        if self.phase is Phase.BACKOFF:
            self._open_socket()
        elif self.phase is Phase.CLOSING:
            self._finish()
        elif self._now - self._last_received >= self._silence - _TOLERANCE:
            self._drop("silence", f"nothing was received for {self._silence:g} s")
        else:
            late = min(self._pending.values(), key=lambda pending: pending.answer_by)
            self._drop("no_answer", f"{late.method} was not answered in {ANSWER_LIMIT:g} s")

    def _send_request(self, method: str, params: _rpc.Json) -> None:
        self._requests += 1
        identity = str(self._requests)
        token = (
            self._latest_token
            if method == _methods.REAUTHENTICATE and self._latest_token
            else self._current_token
        )
        self._pending[identity] = _rpc.PendingRequest(method, token, self._now + ANSWER_LIMIT)
        self._effects.append(_inputs.Send(self._serial, _rpc.request(identity, method, params)))

    def _on_frame(self, text: str) -> None:
        match _rpc.read(text):
            case _rpc.Request() as request:
                self._on_request(request)
            case _rpc.Result(identity, result) if identity in self._pending:
                self._on_result(self._pending.pop(identity), result)
            case _rpc.Refusal(identity) as refusal if identity in self._pending:
                self._on_refusal(self._pending.pop(identity), refusal)

    def _on_request(self, request: _rpc.Request) -> None:
        if request.id is not None:
            self._effects.append(
                _inputs.Send(self._serial, _methods.answer_to(request, request.id))
            )
        if request.method == _methods.EVENT:
            self._resume_state = (
                _methods.state_in(request.params, self.protocol) or self._resume_state
            )
        elif request.method == _methods.DISCONNECT:
            self._drop("told_to", "the gateway asked for a reconnect")

    def _on_result(self, pending: _rpc.PendingRequest, result: object) -> None:
        if pending.method == _methods.CONNECT:
            self._on_connected(result)
        elif pending.method == _methods.REAUTHENTICATE:
            self._current_token = pending.token
            self.authorization = _methods.read_authorization(result) or self.authorization
            ends = None if self.authorization is None else self.authorization.expires_at
            self._emit(Reauthenticated(ends))
            self._reauthenticate()
        elif self.phase is Phase.CLOSING:
            self._finish()
        else:
            self.reported_online = pending.method == _methods.ONLINE
            self._emit(WentOnline() if self.reported_online else WentOffline())
            self._sync_presence()

    def _on_connected(self, result: object) -> None:
        authorization = _methods.read_authorization(result)
        protocol = result.get("protocol") if isinstance(result, dict) else None
        if authorization is None or not isinstance(protocol, str):
            self._drop("unreadable", f"the answer to {_methods.CONNECT} makes no sense")
            return
        self.resumed = self._resuming
        if not self.resumed or protocol != self.protocol:
            self._resume_state = None
        # After a resume the gateway still knows the presence; repeating it is harmless, and helps
        # if it was lost. After a fresh connect it does not know it.
        self.reported_online = self.resumed and self.reported_online and not self.wants_online
        self.protocol, self.authorization = protocol, authorization
        self.phase = Phase.CONNECTED
        self._connected_since = self._now
        self._refused_token, self._refusal, self._refusals = None, None, 0
        self._emit(Connected(self.resumed))
        self._reauthenticate()
        self._sync_presence()

    def _on_refusal(self, pending: _rpc.PendingRequest, refusal: _rpc.Refusal) -> None:
        error = GatewayRefused(pending.method, refusal.code, refusal.message)
        if pending.method == _methods.CONNECT:
            self._on_connect_refused(pending, refusal, error)
        elif pending.method == _methods.REAUTHENTICATE:
            # The next connection resumes with this token, or connects afresh.
            self._emit(Warned("reauthentication_refused", "refused", str(error)))
            self._drop("refused", str(error))
        elif self.phase is Phase.CLOSING:
            self._finish()
        else:
            self.wants_online = self.reported_online
            self._emit(Warned("presence_refused", "refused", str(error)))
            self._effects.append(_inputs.PresenceRefused(error))

    def _on_connect_refused(
        self, pending: _rpc.PendingRequest, refusal: _rpc.Refusal, error: GatewayRefused
    ) -> None:
        if self._resuming and _methods.wants_fresh_start(refusal):
            self._resume_state = self.protocol = None
            self.reported_online = False
            self._authenticate()
            return
        if not self._resuming and _methods.wants_other_credential(refusal):
            self._refusals += 1
            self._refused_token, self._refusal = pending.token, error
        if self._refusals >= _MAX_REFUSALS or (not self._resuming and _methods.is_final(refusal)):
            self._end(error)
        else:
            self._drop("refused", str(error))

    def _reauthenticate(self) -> None:
        """Present the newest token, unless it was presented already."""
        if (
            self.phase is not Phase.CONNECTED
            or self._latest_token is None
            or self._latest_token == self._current_token
        ):
            return
        if self._awaits(_methods.REAUTHENTICATE):
            return
        project = "" if self.authorization is None else self.authorization.project_id
        proof = self._sign(_methods.REAUTHENTICATE)
        self._send_request(
            _methods.REAUTHENTICATE,
            _methods.reauthenticate_params(project, self._latest_token, proof),
        )

    def _sync_presence(self) -> None:
        """Report the presence if it has changed."""
        if self.phase is not Phase.CONNECTED or self.wants_online == self.reported_online:
            return
        if not self._awaits(*_methods.PRESENCE):
            self._send_request(_methods.PRESENCE[self.wants_online], {})

    def _awaits(self, *methods: str) -> bool:
        return any(pending.method in methods for pending in self._pending.values())
