"""Whatever happens on the connection, and in whatever order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satmint_sdk.credentials import Disconnected, Ended, GatewayRefused, SessionRevoked
from satmint_sdk.credentials.live import _rpc as rpc
from satmint_sdk.credentials.live._connection_state import ANSWER_LIMIT, ConnectionState
from satmint_sdk.credentials.live._inputs import (
    Close,
    CloseSocket,
    Effect,
    Emit,
    Input,
    Open,
    OpenSocket,
    Received,
    Send,
    SessionEnded,
    SetPresence,
    SocketFailed,
    SocketLost,
    SocketOpened,
    Tick,
    TokenReplaced,
)
from satmint_sdk.credentials.live._phase import Phase

RESULT = {"identity": "i", "protocol": "p", "authorization": {"project_id": "x"}}
STATE = rpc.request(
    "1",
    "signalwire.event",
    {
        "event_type": "signalwire.authorization.state",
        "event_channel": "p",
        "params": {"authorization_state": "s"},
    },
)


def a_connection() -> ConnectionState:
    return ConnectionState(
        sign=lambda method: f"proof for {method}", draw=lambda: 0.5, silence=20.0
    )


def sent(effects: list[Effect]) -> list[dict[str, Any]]:
    return [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]


def connected(*, online: bool = False) -> ConnectionState:
    connection = a_connection()
    connection.feed(Open(), 0.0)
    (connect_params,) = sent(connection.feed(SocketOpened(1, "t1"), 0.0))
    connection.feed(Received(1, rpc.answer(connect_params["id"], RESULT)), 0.0)
    connection.feed(Received(1, STATE), 0.0)
    if online:
        (asked,) = sent(connection.feed(SetPresence(online=True), 0.0))
        connection.feed(Received(1, rpc.answer(asked["id"], {})), 0.0)
    assert (connection.phase, connection.reported_online) == (Phase.CONNECTED, online)
    return connection


FRAMES = st.one_of(
    st.text(max_size=40),
    st.builds(
        lambda identity, code, message: rpc.refuse(str(identity), code, message),
        st.integers(1, 6),
        st.sampled_from([-32002, -32003, -32601, -32602, -32603, 0]),
        st.sampled_from(["", "Requester validation failed"]),
    ),
    st.builds(
        lambda identity, result: rpc.answer(str(identity), result),
        st.integers(1, 6),
        st.sampled_from([RESULT, {}, RESULT | {"protocol": "q"}, RESULT | {"protocol": 5}]),
    ),
    st.just(STATE),
    st.sampled_from(["signalwire.ping", "signalwire.disconnect", "signalwire.event", "x"]).map(
        lambda method: rpc.request("9", method, {})
    ),
)
CODES = st.sampled_from([None, 1000, 1001, 1006, 1011, 4401, 4403])


TOKENS = st.sampled_from(["t1", "t2", "t3"])
FINAL = st.sampled_from([None, None, None, ValueError("never")])
MAKERS: st.SearchStrategy[Callable[[int], Input]] = st.one_of(
    TOKENS.map(lambda token: lambda serial: SocketOpened(serial, token)),
    FINAL.map(lambda final: lambda serial: SocketFailed(serial, "unreachable", "", 0.0, final)),
    FRAMES.map(lambda text: lambda serial: Received(serial, text)),
    FRAMES.map(lambda text: lambda serial: Received(serial, text)),
    CODES.map(lambda code: lambda serial: SocketLost(serial, code, "")),
    TOKENS.map(lambda token: lambda _: TokenReplaced(token)),
    st.booleans().map(lambda online: lambda _: SetPresence(online)),
    st.sampled_from([Close(), SessionEnded(), *[Tick()] * 20]).map(lambda one: lambda _: one),
)
"""What may happen, on a connection of this number."""


STEPS = st.tuples(MAKERS, st.sampled_from([0, 0, 0, -1]), st.sampled_from([0.0, 0.1, 1.0]))


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_nothing_that_happens_breaks_it(
    day: list[tuple[Callable[[int], Input], int, float]],
) -> None:
    """One socket at a time, a pause between two, an end that is one, and time that goes on."""
    connection, now = a_connection(), 0.0
    open_serial: int | None = None
    ended_at: float | None = None
    effects = connection.feed(Open(), now)
    for make, late, share in day:
        for effect in effects:
            match effect:
                case OpenSocket(serial):
                    assert open_serial is None
                    assert ended_at is None or now - ended_at >= 0.49
                    open_serial = serial
                case Send(serial):
                    assert serial == open_serial
                case CloseSocket(serial):
                    if serial == open_serial:
                        open_serial, ended_at = None, now
                case Emit(Ended()):
                    assert connection.phase in (Phase.ENDED, Phase.CLOSED)
                    assert connection.error is not None
        if connection.phase in (Phase.ENDED, Phase.CLOSED, Phase.BACKOFF):
            assert open_serial is None
        now += share * (1.0 if connection.wake_at is None else max(connection.wake_at - now, 0.0))
        input_ = make(connection._serial + late)
        if isinstance(input_, SocketOpened) and connection.phase is not Phase.CONNECTING:
            effects = []  # a socket opens once
            continue
        effects = connection.feed(input_, now)
        if isinstance(input_, Tick) and connection.wake_at is not None:
            assert connection.wake_at > now - 1e-5


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_frame_or_none(text: str) -> None:
    frame = rpc.read(text)
    assert frame is None or isinstance(frame, rpc.Request | rpc.Result | rpc.Refusal)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"id":"1","result":null}', rpc.Result("1", None)),
        ('{"id":1,"result":{}}', None),
        ('{"id":true,"method":"m"}', rpc.Request(True, "m", {})),
        ('{"id":"1","error":{"code":true,"message":5}}', rpc.Refusal("1", 0, "")),
        ('{"id":"1","error":"no"}', rpc.Refusal("1", 0, "")),
        ('{"id":"1","error":{"code":-1,"message":"a\\nb"}}', rpc.Refusal("1", -1, "a b")),
        ('{"method":"m","params":[1]}', rpc.Request(None, "m", {})),
        ('{"id":{},"method":"m"}', rpc.Request(None, "m", {})),
        ('{"id":"1"}', None),
        ("[]", None),
        ("", None),
    ],
)
def test_frames(text: str, frame: rpc.Frame | None) -> None:
    assert rpc.read(text) == frame


def test_what_comes_from_a_connection_before_is_not_looked_at() -> None:
    connection = connected()
    connection.feed(SocketLost(1, 1001, "bye"), 1.0)
    connection.feed(Tick(), 2.0)
    connection.feed(SocketOpened(2, "t1"), 2.0)
    for late in (
        SocketLost(1, 4403, ""),
        Received(1, rpc.answer("2", RESULT)),
        SocketOpened(1, "t0"),
    ):
        assert connection.feed(late, 2.0) == []
    assert connection.phase is Phase.AUTHENTICATING


def test_a_revocation_while_it_rests_is_found_out_by_the_next_attempt() -> None:
    connection = connected()
    connection.feed(SocketLost(1, 1001, "bye"), 1.0)
    assert connection.feed(SocketLost(1, 4403, "late"), 1.1) == []
    connection.feed(Tick(), 2.0)
    (connect_params,) = sent(connection.feed(SocketOpened(2, "t1"), 2.0))
    (again,) = sent(
        connection.feed(
            Received(2, rpc.refuse(connect_params["id"], -32003, "Requester validation failed")),
            2.0,
        )
    )
    assert "authorization_state" not in again["params"]
    connection.feed(Received(2, rpc.refuse(again["id"], -32002, "Authentication failed")), 2.0)
    (dial,) = connection.feed(Tick(), 4.0)
    assert dial == OpenSocket(3, "t1")
    effects = connection.feed(SocketFailed(3, "no_credential", "", final=ValueError("dead")), 4.0)
    assert isinstance(connection.error, GatewayRefused)
    assert effects[-1] == Emit(Ended(connection.error))


def test_revocation_comes_before_everything_else() -> None:
    connection = connected(online=True)
    effects = connection.feed(SocketLost(1, 4403, ""), 1.0)
    assert isinstance(connection.error, SessionRevoked)
    assert effects == [CloseSocket(1), Emit(Ended(connection.error))]
    assert connection.feed(SetPresence(online=True), 2.0) == []
    assert connection.feed(SocketOpened(2, "t"), 2.0) == [CloseSocket(2)]


def test_two_refreshes_are_shown_one_after_the_other() -> None:
    connection = connected()
    (first,) = sent(connection.feed(TokenReplaced("t2"), 1.0))
    assert connection.feed(TokenReplaced("t3"), 1.1) == []
    second = sent(connection.feed(Received(1, rpc.answer(first["id"], {})), 1.2))[-1]
    assert second["params"]["authentication"] == {"project": "x", "jwt_token": "t3"}
    assert second["params"]["dpop_token"] == "proof for signalwire.reauthenticate"
    connection.feed(Received(1, rpc.answer(second["id"], {})), 1.3)
    assert connection.feed(TokenReplaced("t3"), 1.4) == []


def test_an_answer_is_due_in_ten_seconds() -> None:
    connection = connected()
    connection.feed(SetPresence(online=True), 5.0)
    assert connection.wake_at == 5.0 + ANSWER_LIMIT
    assert connection.feed(Tick(), 14.9) == []
    hung_up, told = connection.feed(Tick(), 15.0)
    assert hung_up == CloseSocket(1)
    assert told == Emit(
        Disconnected("no_answer", "subscriber.online was not answered in 10 s", 0.75)
    )


def tokens_in(value: object) -> Iterator[str]:
    yield from (found for found in ("secret-token", "secret-state") if found in repr(value))


def test_no_repr_shows_what_is_secret() -> None:
    connection = a_connection()
    shown: list[object] = [
        TokenReplaced("secret-token"), SocketOpened(1, "secret-token"),
        Received(1, "secret-token"), connection,
        OpenSocket(1, "secret-token"), *connection.feed(Open(), 0.0),
    ]  # fmt: skip
    shown += connection.feed(SocketOpened(1, "secret-token"), 0.0)
    shown += [rpc.read('{"method":"m","params":{"a":"secret-state"}}'), connection._pending]
    shown += [rpc.read('{"id":"1","result":"secret-state"}')]
    assert [found for one in shown for found in tokens_in(one)] == []
