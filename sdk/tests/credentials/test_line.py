"""Whatever happens on the line, and in whatever order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalwire.credentials import Disconnected, Ended, GatewayRefused, SessionRevoked
from signalwire.credentials import _rpc as rpc
from signalwire.credentials._line import ANSWER_LIMIT, Line, Phase
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
    Send,
    SessionGone,
    Tell,
    Tick,
    Unopened,
    Want,
)

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


def a_line() -> Line:
    return Line(sign=lambda method: f"proof for {method}", draw=lambda: 0.5, silence=20.0)


def sent(effects: list[Effect]) -> list[dict[str, Any]]:
    return [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]


def live_line(*, online: bool = False) -> Line:
    line = a_line()
    line.feed(Begin(), 0.0)
    (greeting,) = sent(line.feed(Opened(1, "t1"), 0.0))
    line.feed(Heard(1, rpc.answer(greeting["id"], RESULT)), 0.0)
    line.feed(Heard(1, STATE), 0.0)
    if online:
        (asked,) = sent(line.feed(Want(online=True), 0.0))
        line.feed(Heard(1, rpc.answer(asked["id"], {})), 0.0)
    assert (line.phase, line.told) == (Phase.LIVE, online)
    return line


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
MAKERS: st.SearchStrategy[Callable[[int], Happening]] = st.one_of(
    TOKENS.map(lambda token: lambda serial: Opened(serial, token)),
    FINAL.map(lambda final: lambda serial: Unopened(serial, "unreachable", "", 0.0, final)),
    FRAMES.map(lambda text: lambda serial: Heard(serial, text)),
    FRAMES.map(lambda text: lambda serial: Heard(serial, text)),
    CODES.map(lambda code: lambda serial: Lost(serial, code, "")),
    TOKENS.map(lambda token: lambda _: Fresh(token)),
    st.booleans().map(lambda online: lambda _: Want(online)),
    st.sampled_from([Leave(), SessionGone(), *[Tick()] * 20]).map(lambda one: lambda _: one),
)
"""What may happen, on a connection of this number."""


STEPS = st.tuples(MAKERS, st.sampled_from([0, 0, 0, -1]), st.sampled_from([0.0, 0.1, 1.0]))


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_nothing_that_happens_breaks_it(
    day: list[tuple[Callable[[int], Happening], int, float]],
) -> None:
    """One socket at a time, a pause between two, an end that is one, and time that goes on."""
    line, now = a_line(), 0.0
    open_serial: int | None = None
    ended_at: float | None = None
    effects = line.feed(Begin(), now)
    for make, late, share in day:
        for effect in effects:
            match effect:
                case Dial(serial):
                    assert open_serial is None
                    assert ended_at is None or now - ended_at >= 0.49
                    open_serial = serial
                case Send(serial):
                    assert serial == open_serial
                case HangUp(serial):
                    if serial == open_serial:
                        open_serial, ended_at = None, now
                case Tell(Ended()):
                    assert line.phase is Phase.OVER
                    assert line.error is not None
        if line.phase in (Phase.OVER, Phase.RESTING):
            assert open_serial is None
        now += share * (1.0 if line.wake_at is None else max(line.wake_at - now, 0.0))
        happening = make(line._serial + late)
        if isinstance(happening, Opened) and line.phase is not Phase.DIALLING:
            effects = []  # a socket opens once
            continue
        effects = line.feed(happening, now)
        if isinstance(happening, Tick) and line.wake_at is not None:
            assert line.wake_at > now - 1e-5


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
    line = live_line()
    line.feed(Lost(1, 1001, "bye"), 1.0)
    line.feed(Tick(), 2.0)
    line.feed(Opened(2, "t1"), 2.0)
    for late in (Lost(1, 4403, ""), Heard(1, rpc.answer("2", RESULT)), Opened(1, "t0")):
        assert line.feed(late, 2.0) == []
    assert line.phase is Phase.GREETING


def test_a_revocation_while_it_rests_is_found_out_by_the_next_attempt() -> None:
    line = live_line()
    line.feed(Lost(1, 1001, "bye"), 1.0)
    assert line.feed(Lost(1, 4403, "late"), 1.1) == []
    line.feed(Tick(), 2.0)
    (greeting,) = sent(line.feed(Opened(2, "t1"), 2.0))
    (again,) = sent(
        line.feed(Heard(2, rpc.refuse(greeting["id"], -32003, "Requester validation failed")), 2.0)
    )
    assert "authorization_state" not in again["params"]
    line.feed(Heard(2, rpc.refuse(again["id"], -32002, "Authentication failed")), 2.0)
    (dial,) = line.feed(Tick(), 4.0)
    assert dial == Dial(3, "t1")
    effects = line.feed(Unopened(3, "no_credential", "", final=ValueError("dead")), 4.0)
    assert isinstance(line.error, GatewayRefused)
    assert effects[-1] == Tell(Ended(line.error))


def test_revocation_comes_before_everything_else() -> None:
    line = live_line(online=True)
    effects = line.feed(Lost(1, 4403, ""), 1.0)
    assert isinstance(line.error, SessionRevoked)
    assert effects == [HangUp(1), Tell(Ended(line.error))]
    assert line.feed(Want(online=True), 2.0) == []
    assert line.feed(Opened(2, "t"), 2.0) == [HangUp(2)]


def test_two_refreshes_are_shown_one_after_the_other() -> None:
    line = live_line()
    (first,) = sent(line.feed(Fresh("t2"), 1.0))
    assert line.feed(Fresh("t3"), 1.1) == []
    second = sent(line.feed(Heard(1, rpc.answer(first["id"], {})), 1.2))[-1]
    assert second["params"]["authentication"] == {"project": "x", "jwt_token": "t3"}
    assert second["params"]["dpop_token"] == "proof for signalwire.reauthenticate"
    line.feed(Heard(1, rpc.answer(second["id"], {})), 1.3)
    assert line.feed(Fresh("t3"), 1.4) == []


def test_an_answer_is_due_in_ten_seconds() -> None:
    line = live_line()
    line.feed(Want(online=True), 5.0)
    assert line.wake_at == 5.0 + ANSWER_LIMIT
    assert line.feed(Tick(), 14.9) == []
    hung_up, told = line.feed(Tick(), 15.0)
    assert hung_up == HangUp(1)
    assert told == Tell(
        Disconnected("no_answer", "subscriber.online was not answered in 10 s", 0.75)
    )


def tokens_in(value: object) -> Iterator[str]:
    yield from (found for found in ("secret-token", "secret-state") if found in repr(value))


def test_no_repr_shows_what_is_secret() -> None:
    line = a_line()
    shown: list[object] = [
        Fresh("secret-token"), Opened(1, "secret-token"), Heard(1, "secret-token"), line,
        Dial(1, "secret-token"), *line.feed(Begin(), 0.0),
    ]  # fmt: skip
    shown += line.feed(Opened(1, "secret-token"), 0.0)
    shown += [rpc.read('{"method":"m","params":{"a":"secret-state"}}'), line._asked]
    shown += [rpc.read('{"id":"1","result":"secret-state"}')]
    assert [found for one in shown for found in tokens_in(one)] == []
