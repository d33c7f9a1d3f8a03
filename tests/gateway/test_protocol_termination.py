"""The state machine of a connection by itself: how it ends, and when."""

import json

import msgspec
import pytest

from satmint.gateway.protocol import (
    Admitted,
    ClockReading,
    Close,
    CloseCode,
    ConnectionState,
    DenialReason,
    Denied,
    GoOffline,
    Input,
    Phase,
    Received,
    ReceivedBytes,
    SendState,
    ServerStopping,
    SessionRevoked,
    SocketLost,
    Tick,
    step,
)
from satmint.gateway.protocol.connection_state import AUTHENTICATION_DEADLINE_SECONDS, PING_SECONDS
from tests.gateway.protocol_setup import (
    ID,
    START,
    Effects,
    admission,
    connect,
    frame,
    live,
    online,
    played,
    reauthenticate,
    texts,
    waiting,
)
from tests.kit.clock import NOW


@pytest.mark.parametrize(("second", "ends"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize(
    "event",
    [Tick(), frame("subscriber.online"), reauthenticate(), ReceivedBytes(), SessionRevoked()],
)
def test_session_ends_on_the_second_of_its_expiry(second: int, ends: bool, event: Input) -> None:
    at = ClockReading(NOW + 7200 + second, 100.0)
    connection, effects = step(live(), event, at)
    if ends:
        assert effects == (Close(CloseCode.EXPIRED),)
        assert connection.phase is Phase.CLOSED
    else:
        assert Close(CloseCode.EXPIRED) not in effects


def test_tick_is_due_on_the_second_of_the_expiry() -> None:
    seconds = [live().due(ClockReading(NOW + 7200 + second, 100.0)) for second in (-1, 0, 1)]
    assert seconds == [False, True, True]


def test_close_codes_are_those_of_the_contract() -> None:
    assert {code.name: code.value for code in CloseCode} == {
        "GOING_AWAY": 1001,
        "EXPIRED": 4401,
        "REVOKED": 4403,
        "TIMED_OUT": 4408,
    }


def test_token_that_expired_while_it_was_judged_lets_nobody_in() -> None:
    asked, _ = played(waiting(), connect())
    for second, phase in ((-1, Phase.CONNECTED), (0, Phase.AUTHENTICATING)):
        at = ClockReading(NOW + 7200 + second, 100.0)
        assert step(asked, Admitted(admission()), at)[0].phase is phase


def test_reauthentication_that_comes_too_late_does_not_save_the_session() -> None:
    asked, _ = played(live(), reauthenticate())
    at = ClockReading(NOW + 7200, 100.0)
    newer = msgspec.structs.replace(admission(), expires_at=NOW + 9000)
    connection, effects = step(asked, Admitted(newer), at)
    answer, close = effects
    assert texts((answer,))[0]["error"]["code"] == -32002
    assert close == Close(CloseCode.EXPIRED)
    assert connection.phase is Phase.CLOSED


@pytest.mark.parametrize(
    ("event", "at", "code"),
    [
        (Tick(), ClockReading(NOW + 7200, 100.0), CloseCode.EXPIRED),
        (SessionRevoked(), ClockReading(NOW, 100.0), CloseCode.REVOKED),
    ],
)
def test_reauthentication_that_is_being_judged_at_the_end_is_answered_before_the_close(
    event: Input, at: ClockReading, code: CloseCode
) -> None:
    asked, _ = played(live(), reauthenticate())
    answer, close = step(asked, event, at)[1]
    assert texts((answer,))[0]["error"]["code"] == -32002
    assert close == Close(code)


def test_reauthentication_with_an_older_token_ends_the_session_earlier() -> None:
    older = msgspec.structs.replace(admission(), expires_at=NOW + 60)
    connection, _ = played(live(), reauthenticate(), Admitted(older))
    assert step(connection, Tick(), ClockReading(NOW + 59, 100.0))[1] == ()
    assert step(connection, Tick(), ClockReading(NOW + 60, 100.0))[1] == (Close(CloseCode.EXPIRED),)


def test_revoked_session_is_over_and_offline() -> None:
    connection, effects = played(online(), SessionRevoked())
    assert effects == (GoOffline(), Close(CloseCode.REVOKED))
    assert connection.phase is Phase.CLOSED
    assert not connection.online


def test_what_is_not_let_in_yet_has_nothing_that_could_be_revoked() -> None:
    asked, _ = played(waiting(), connect())
    assert played(asked, SessionRevoked()) == (asked, ())


def test_graceful_stop_says_goodbye_before_it_closes() -> None:
    connection, effects = played(live(), ServerStopping())
    goodbye, close = effects
    assert texts((goodbye,)) == [
        {"jsonrpc": "2.0", "id": f"{ID.hex}-2", "method": "signalwire.disconnect", "params": {}}
    ]
    assert close == Close(CloseCode.GOING_AWAY)
    assert connection.phase is Phase.CLOSED


def test_connect_that_is_being_judged_at_a_stop_is_answered_before_the_close() -> None:
    resume = connect(authorization_state="s", protocol="x_1_2")
    for begun, code in ((connect(), -32603), (resume, -32003)):
        _, effects = played(waiting(), begun, ServerStopping())
        answer, goodbye, close = effects
        assert texts((answer,))[0]["error"]["code"] == code
        assert texts((goodbye,))[0]["method"] == "signalwire.disconnect"
        assert close == Close(CloseCode.GOING_AWAY)


def test_client_that_is_gone_is_told_nothing() -> None:
    assert played(live(), SocketLost())[1] == ()
    assert played(online(), SocketLost())[1] == (GoOffline(),)
    late = ClockReading(NOW + 7200, 100.0)
    assert step(online(), SocketLost(), late)[1] == (GoOffline(),)


@pytest.mark.parametrize(
    "event",
    [
        connect(),
        ReceivedBytes(),
        Admitted(admission()),
        Denied(DenialReason.REFUSED),
        Tick(),
        SessionRevoked(),
        ServerStopping(),
        SocketLost(),
    ],
)
def test_nothing_happens_after_the_end(event: Input) -> None:
    over, _ = played(live(), SessionRevoked())
    assert step(over, event, ClockReading(NOW + 99_999, 99_999.0)) == (over, ())


def test_silent_client_is_closed_after_a_minute() -> None:
    end = START.monotonic + AUTHENTICATION_DEADLINE_SECONDS
    assert step(waiting(), Tick(), ClockReading(NOW, end - 0.1)) == (waiting(), ())
    assert not waiting().due(ClockReading(NOW, end - 0.1))
    assert waiting().due(ClockReading(NOW, end))
    connection, effects = step(waiting(), Tick(), ClockReading(NOW, end))
    assert effects == (Close(CloseCode.TIMED_OUT),)
    assert connection.phase is Phase.CLOSED


def test_refused_client_has_a_minute_from_its_first_refusal_and_not_from_each() -> None:
    first, again = ClockReading(NOW, 150.0), ClockReading(NOW, 180.0)
    connection, _ = played(waiting(), connect(), Denied(DenialReason.REFUSED), at=first)
    connection, _ = played(connection, connect(), Denied(DenialReason.REFUSED), at=again)
    assert step(connection, Tick(), ClockReading(NOW, 209.9))[1] == ()
    assert step(connection, Tick(), ClockReading(NOW, 210.0))[1] == (Close(CloseCode.TIMED_OUT),)


def test_connect_that_is_being_judged_is_not_closed_before_its_answer() -> None:
    asked, _ = played(waiting(), connect())
    late = ClockReading(NOW, 500.0)
    assert step(asked, Tick(), late) == (asked, ())


def pings(connection: ConnectionState, *moments: float) -> tuple[ConnectionState, list[Effects]]:
    found = []
    for moment in moments:
        connection, effects = step(connection, Tick(), ClockReading(NOW + 1, moment))
        found.append(effects)
    return connection, found


def test_two_unanswered_pings_are_the_end() -> None:
    begin = START.monotonic
    connection, (early, first, second) = pings(
        live(), begin + PING_SECONDS - 0.1, begin + PING_SECONDS, begin + 2 * PING_SECONDS
    )
    assert early == ()
    assert [texts(effects)[0] for effects in (first, second)] == [
        {
            "jsonrpc": "2.0",
            "id": f"{ID.hex}-{number}",
            "method": "signalwire.ping",
            "params": {"timestamp": NOW + 1},
        }
        for number in (2, 3)
    ]
    assert connection.phase is Phase.CONNECTED
    connection, (third,) = pings(connection, begin + 3 * PING_SECONDS)
    assert third == (Close(CloseCode.TIMED_OUT),)
    assert connection.phase is Phase.CLOSED


def test_pings_are_nine_seconds_apart() -> None:
    begin = START.monotonic + PING_SECONDS
    _, (first, early, second) = pings(live(), begin, begin + 8.5, begin + 9)
    assert early == ()
    assert [texts(effects)[0]["method"] for effects in (first, second)] == ["signalwire.ping"] * 2


@pytest.mark.parametrize("number", [2, 3])
def test_answer_to_either_ping_shows_that_somebody_is_there(number: int) -> None:
    begin = START.monotonic
    connection, _ = pings(live(), begin + PING_SECONDS, begin + 2 * PING_SECONDS)
    pong = {"jsonrpc": "2.0", "id": f"{ID.hex}-{number}", "result": {"timestamp": 1}}
    connection, effects = played(connection, Received(json.dumps(pong)))
    assert effects == ()
    connection, (third,) = pings(connection, begin + 3 * PING_SECONDS)
    assert texts(third)[0]["method"] == "signalwire.ping"


@pytest.mark.parametrize(
    "reply",
    [
        {"id": f"{ID.hex}-1", "result": {}},
        {"id": f"{ID.hex}-9", "result": {}},
        {"id": 2, "result": {}},
        {"id": "x", "error": {"code": 1, "message": "no"}},
    ],
)
def test_answers_to_something_else_are_passed_over(reply: dict[str, object]) -> None:
    connection, _ = pings(live(), START.monotonic + PING_SECONDS)
    text = json.dumps({"jsonrpc": "2.0", **reply})
    assert played(connection, Received(text)) == (connection, ())


def test_client_may_refuse_a_ping_and_is_there_all_the_same() -> None:
    connection, _ = pings(live(), START.monotonic + PING_SECONDS)
    assert connection.pings
    no = {"jsonrpc": "2.0", "id": f"{ID.hex}-2", "error": {"code": -32601, "message": "what?"}}
    connection, effects = played(connection, Received(json.dumps(no)))
    assert (connection.pings, effects) == ((), ())


def test_whatever_the_server_says_has_an_id_of_its_own() -> None:
    connection, effects = played(waiting(), connect(), Admitted(admission()))
    ids = [effect.event_id for effect in effects if isinstance(effect, SendState)]
    for event in (frame("subscriber.online"), frame("subscriber.offline"), ServerStopping()):
        connection, effects = played(connection, event)
        ids += [effect.event_id for effect in effects if isinstance(effect, SendState)]
        ids += [told["id"] for told in texts(effects) if "method" in told]
    assert len(set(ids)) == len(ids) == 4
