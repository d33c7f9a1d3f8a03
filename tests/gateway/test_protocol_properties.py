"""Anything in any order: never an exception, never a session without a good token."""

import json
from typing import Any, Final
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from satmint.gateway.protocol import (
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
    Phase,
    Reauthenticate,
    Received,
    ReceivedBytes,
    Send,
    SendState,
    ServerStopping,
    SessionRevoked,
    SocketLost,
    Tick,
    initial_state,
    step,
)
from satmint.model.claims import Kind
from satmint.model.live import Admission
from tests.gateway.protocol_setup import admission, resume_state
from tests.kit.clock import NOW

ID: Final = UUID("6b4f4a5e-0000-4000-8000-000000000001")
METHODS: Final = (
    *("signalwire.connect", "signalwire.reauthenticate", "subscriber.online"),
    *("subscriber.offline", "webrtc.verto", "x", ""),
)
CODES: Final = {-32700, -32600, -32601, -32602, -32603, -32000, -32002, -32003}

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
PARAMS: Final = st.fixed_dictionaries(
    {},
    optional={
        "authentication": JSON | st.just({"jwt_token": "sat"}),
        "dpop_token": JSON | st.just("proof"),
        "authorization_state": JSON | st.just("state"),
        "protocol": JSON | st.just("x_1_2"),
    },
)
FRAMES: Final = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "id": st.text(max_size=4) | JSON},
    optional={
        "method": st.sampled_from(METHODS) | JSON,
        "params": PARAMS | JSON,
        "result": JSON,
        "error": JSON,
    },
)
TEXTS: Final = (
    FRAMES.map(json.dumps) | JSON.map(json.dumps) | st.text(max_size=200) | st.binary().map(repr)
)


class ConnectionMachine(RuleBasedStateMachine):
    """A connection, and beside it what an onlooker knows must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.wall, self.monotonic = NOW, 100.0
        self.connection = initial_state(ID, self.at)
        self.awaited: Connect | Reauthenticate | None = None
        self.let_in = False
        self.closed: CloseCode | None = None
        self.shown_online = False

    @property
    def at(self) -> ClockReading:
        return ClockReading(self.wall, self.monotonic)

    def happens(self, event: Input) -> tuple[Effect, ...]:
        was_over = self.connection.phase is Phase.CLOSED
        self.connection, effects = step(self.connection, event, self.at)
        if was_over:
            assert effects == ()
        for at, effect in enumerate(effects):
            match effect:
                case Authenticate():
                    assert self.awaited is None, "one at a time"
                    self.awaited = effect.attempt
                case Send():
                    self.check_frame(json.loads(effect.text))
                case SendState():
                    assert self.let_in
                    assert effect.state.online is self.connection.online
                case GoOnline():
                    self.shown_online = True
                case GoOffline():
                    assert self.shown_online
                    self.shown_online = False
                case Close():
                    assert at == len(effects) - 1, "nothing is sent after the end"
                    assert self.closed is None
                    self.closed = effect.code
                case CountRequest():
                    assert effect.method in (*METHODS, "-")
        return effects

    def check_frame(self, frame: dict[str, Any]) -> None:
        assert frame["jsonrpc"] == "2.0"
        if "method" in frame:
            assert isinstance(frame["id"], str)
        elif "error" in frame:
            code, message = frame["error"]["code"], frame["error"]["message"]
            assert code in CODES
            if (code == -32003) or (message == "Requester validation failed"):
                assert isinstance(self.awaited, Connect), "or 3.30 loops"
                assert self.awaited.resumes
        else:
            assert self.let_in, "nothing succeeds without a good token"

    @rule(text=TEXTS)
    def anything_comes(self, text: str) -> None:
        effects = self.happens(Received(text))
        if any(isinstance(effect, Close) for effect in effects):
            assert self.wall >= self.connection.expires_at

    @rule(method=st.sampled_from(METHODS), params=PARAMS)
    def request_comes(self, method: str, params: object) -> None:
        body = {"jsonrpc": "2.0", "id": "r", "method": method, "params": params}
        effects = self.happens(Received(json.dumps(body)))
        if self.connection.phase is not Phase.CLOSED:
            answered = any(isinstance(effect, Send) for effect in effects)
            assert answered or any(isinstance(effect, Authenticate) for effect in effects)

    @rule()
    def bytes_come(self) -> None:
        self.happens(ReceivedBytes())

    @precondition(lambda self: self.awaited is not None)
    @rule(
        life=st.integers(-5, 9000),
        kind=st.sampled_from(Kind),
        bound=st.booleans(),
        online=st.booleans(),
    )
    def it_is_good(self, life: int, kind: Kind, *, bound: bool, online: bool) -> None:
        attempt = self.awaited
        who: Admission = msgspec.structs.replace(
            admission(), expires_at=self.wall + life, kind=kind, jkt="k" * 43 if bound else None
        )
        resumes = isinstance(attempt, Connect) and attempt.resumes
        was_over = self.connection.phase is Phase.CLOSED
        self.let_in = self.let_in or (life > 0 and not was_over)
        self.happens(Admitted(who, resume_state(online=online) if resumes else None))
        self.awaited = None

    @precondition(lambda self: self.awaited is not None)
    @rule(reason=st.sampled_from(DenialReason))
    def it_is_not(self, reason: DenialReason) -> None:
        effects = self.happens(Denied(reason))
        assert not any(isinstance(effect, Close) for effect in effects) or (
            self.wall >= self.connection.expires_at
        )
        self.awaited = None

    @rule(seconds=st.sampled_from((1, 9, 10, 60, 7200)), wall=st.sampled_from((-9000, 0, 1)))
    def time_passes(self, seconds: int, wall: int) -> None:
        self.monotonic += seconds
        self.wall += seconds * wall if wall >= 0 else wall
        before = self.connection
        due = before.due(self.at)
        self.happens(Tick())
        assert due or self.connection == before, "it says by itself when to look"

    @rule(event=st.sampled_from((SessionRevoked(), SocketLost(), ServerStopping())))
    def something_ends(self, event: Input) -> None:
        before = self.connection.phase
        self.happens(event)
        if not isinstance(event, SessionRevoked) or before is Phase.CONNECTED:
            assert self.connection.phase is Phase.CLOSED

    @invariant()
    def nobody_lives_without_a_good_token(self) -> None:
        if self.connection.phase is Phase.CONNECTED:
            assert self.let_in
            assert self.connection.admission is not None
            assert self.connection.expires_at == self.connection.admission.expires_at

    @invariant()
    def who_is_shown_online_lives_and_can_be_reached(self) -> None:
        assert self.shown_online is self.connection.online
        if self.connection.online:
            assert self.connection.phase is Phase.CONNECTED
            assert self.connection.admission is not None
            assert self.connection.admission.reachable

    @invariant()
    def what_is_closed_is_over(self) -> None:
        if self.closed is not None:
            assert self.connection.phase is Phase.CLOSED


TestConnection = ConnectionMachine.TestCase
TestConnection.settings = settings(max_examples=150, stateful_step_count=30)


@given(TEXTS)
def test_any_text_is_answered_or_awaited_and_lets_nobody_in(text: str) -> None:
    connection, effects = step(
        initial_state(ID, ClockReading(NOW, 0.0)), Received(text), ClockReading(NOW, 0.0)
    )
    assert connection.phase is Phase.AUTHENTICATING
    for effect in effects:
        assert isinstance(effect, Send | Authenticate | CountRequest)
        if isinstance(effect, Send):
            assert json.loads(effect.text)["error"]["code"] in CODES
