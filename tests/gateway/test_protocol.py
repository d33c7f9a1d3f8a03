"""The state machine of a connection by itself: what comes in, and what goes out."""

import json
from typing import Any

import msgspec
import pytest

from satmint.gateway.protocol import (
    Admitted,
    Authenticate,
    ClockReading,
    Connect,
    CountRequest,
    DenialReason,
    Denied,
    GoOffline,
    GoOnline,
    Input,
    Phase,
    Reauthenticate,
    Received,
    ReceivedBytes,
    Send,
    SendState,
    Tick,
    frames,
)
from satmint.gateway.protocol.connection_state import RESUME_SECONDS
from satmint.model.claims import Kind
from satmint.model.live import ResumeState
from tests.gateway.protocol_setup import (
    ID,
    admission,
    connect,
    error,
    frame,
    live,
    online,
    played,
    reauthenticate,
    resume_state,
    texts,
    waiting,
)
from tests.kit.clock import NOW


def test_connect_is_to_be_authenticated_with_all_that_it_brings() -> None:
    params = {"dpop_token": "proof", "authorization_state": "state", "protocol": "p"}
    connection, effects = played(waiting(), connect(**params))
    assert connection.phase is Phase.AUTHENTICATING
    assert effects[0] == CountRequest("signalwire.connect")
    assert isinstance(effects[1], Authenticate)
    attempt = effects[1].attempt
    assert isinstance(attempt, Connect)
    assert (attempt.token.reveal(), attempt.proof, attempt.state, attempt.protocol) == (
        *("sat", "proof", "state", "p"),
    )
    assert attempt.resumes
    assert repr(attempt) == "Connect(hidden)"


@pytest.mark.parametrize(
    "params",
    [{}, {"protocol": "p"}, {"authorization_state": None, "dpop_token": None}, {"protocol": ""}],
)
def test_connect_without_a_state_begins_anew(params: dict[str, object]) -> None:
    """3.30 names the protocol that it had, even after it has dropped its state."""
    _, effects = played(waiting(), connect(**params))
    assert isinstance(effects[1], Authenticate)
    attempt = effects[1].attempt
    assert isinstance(attempt, Connect)
    assert not attempt.resumes


def test_admission_is_answered_with_all_that_the_sdks_need() -> None:
    who = msgspec.structs.replace(admission(), scope=("sat:refresh",), jkt="k" * 43, application=ID)
    connection, effects = played(waiting(), connect(), Admitted(who))
    answer, given = effects
    protocol = f"satmint_{who.jti}_{ID.hex}"
    assert isinstance(answer, Send)
    assert json.loads(answer.text) == {
        "jsonrpc": "2.0",
        "id": "r",
        "result": {
            "identity": str(ID),
            "protocol": protocol,
            "authorization": {
                "jti": who.jti,
                "project_id": str(who.project),
                "fabric_subscriber": {
                    "version": 1,
                    "expires_at": NOW + 7200,
                    "subscriber_id": str(who.subscriber),
                    "application_id": str(ID),
                    "project_id": str(who.project),
                    "space_id": str(who.project),
                },
                "scope": ["sat:refresh"],
                "cnf": {"jkt": "k" * 43},
            },
            "ice_servers": [],
        },
    }
    state = ResumeState(
        who.project, who.subscriber, who.session, protocol, False, NOW + 7200 + RESUME_SECONDS
    )
    assert given == SendState(state, f"{ID.hex}-1")
    assert connection.admission == who
    assert connection.phase is Phase.CONNECTED


def test_protocol_holds_the_jti_as_its_second_part_whatever_that_is() -> None:
    """3.30 resumes from memory only if `protocol.split("_")[1]` is the token's `jti`."""
    connection = live(msgspec.structs.replace(admission(), jti="a_b_c"))
    assert connection.protocol.split("_")[1] == "a-b-c"
    assert live().protocol.split("_")[1] == admission().jti


def test_resume_goes_on_under_the_name_that_it_had_and_stays_online() -> None:
    connection, effects = played(
        waiting(),
        connect(authorization_state="s", protocol="x_1_2"),
        Admitted(admission(), resume_state(online=True)),
    )
    answer, given, appears = effects
    assert texts((answer,))[0]["result"]["protocol"] == "x_1_2"
    assert isinstance(given, SendState)
    assert given.state.online
    assert appears == GoOnline()
    assert connection.online


def test_resume_of_somebody_who_was_offline_appears_nowhere() -> None:
    connection, effects = played(
        waiting(),
        connect(authorization_state="s", protocol="x_1_2"),
        Admitted(admission(), resume_state(online=False)),
    )
    assert not connection.online
    assert GoOnline() not in effects


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (DenialReason.REFUSED, (-32002, "Authentication failed")),
        (DenialReason.FULL, (-32000, "Too many connections")),
        (DenialReason.UNAVAILABLE, (-32603, "Service unavailable")),
    ],
)
def test_refused_connect_is_answered_and_not_closed(
    reason: DenialReason, told: tuple[int, str]
) -> None:
    connection, effects = played(waiting(), connect(), Denied(reason))
    assert error(effects) == ("r", *told)
    assert len(effects) == 1
    assert connection.phase is Phase.AUTHENTICATING


@pytest.mark.parametrize("reason", DenialReason)
def test_refused_resume_makes_both_sdks_begin_anew(
    reason: DenialReason,
) -> None:
    resume = connect(authorization_state="s", protocol="x_1_2")
    connection, effects = played(waiting(), resume, Denied(reason))
    assert error(effects) == ("r", -32003, "Requester validation failed")
    connection, effects = played(
        connection, connect(protocol="x_1_2"), Denied(DenialReason.REFUSED)
    )
    assert error(effects) == ("r", -32002, "Authentication failed"), "or 3.30 loops"
    connection, _ = played(connection, connect(), Admitted(admission()))
    assert connection.phase is Phase.CONNECTED


@pytest.mark.parametrize("reason", DenialReason)
def test_refused_reauthentication_leaves_the_session_as_it_was(reason: DenialReason) -> None:
    before = live()
    after, effects = played(before, reauthenticate(), Denied(reason))
    assert after == before
    assert error(effects)[1] in (-32002, -32000, -32603)


def test_reauthentication_is_answered_like_a_connect_and_prolongs() -> None:
    connection = online()
    newer = msgspec.structs.replace(
        admission(), session=ID, jti="newer", expires_at=NOW + 9000, jkt="k" * 43
    )
    connection, effects = played(connection, reauthenticate(dpop_token="proof"))
    assert isinstance(effects[1], Authenticate)
    attempt = effects[1].attempt
    assert isinstance(attempt, Reauthenticate)
    assert (attempt.token.reveal(), attempt.proof, attempt.current) == (
        *("newer", "proof", admission()),
    )
    assert repr(attempt) == "Reauthenticate(hidden)"
    protocol = connection.protocol
    connection, effects = played(connection, Admitted(newer))
    answer, given, appears = effects
    result = texts((answer,))[0]["result"]
    assert result["protocol"] == protocol, "the SDK drops events for another channel"
    assert result["authorization"]["fabric_subscriber"]["expires_at"] == NOW + 9000
    assert result["authorization"]["jti"] == "newer"
    assert isinstance(given, SendState)
    assert (given.state.session, given.state.online) == (ID, True)
    assert appears == GoOnline()
    _, effects = played(connection, Tick(), at=ClockReading(NOW + 8999, 100.0))
    assert effects == ()


def test_online_and_offline_are_told_once_and_answered_always() -> None:
    connection, effects = played(live(), frame("subscriber.online"))
    assert texts(effects) == [{"jsonrpc": "2.0", "id": "r", "result": {}}]
    assert effects[2] == GoOnline()
    assert isinstance(effects[3], SendState)
    assert effects[3].state.online
    connection, effects = played(connection, frame("subscriber.online"))
    assert effects == (
        CountRequest("subscriber.online"),
        Send('{"jsonrpc":"2.0","id":"r","result":{}}'),
    )
    connection, effects = played(connection, frame("subscriber.offline"))
    assert effects[2] == GoOffline()
    assert isinstance(effects[3], SendState)
    assert not effects[3].state.online
    connection, effects = played(connection, frame("subscriber.offline"))
    assert len(effects) == 2


@pytest.mark.parametrize("kind", [Kind.GUEST, Kind.INVITE, Kind.EMBED])
def test_who_cannot_be_reached_is_answered_and_not_registered(kind: Kind) -> None:
    who = msgspec.structs.replace(admission(), kind=kind)
    for connection in (live(who), live(who, resume_state(online=True))):
        after, effects = played(connection, frame("subscriber.online"))
        assert texts(effects) == [{"jsonrpc": "2.0", "id": "r", "result": {}}]
        assert GoOnline() not in effects
        assert not after.online


@pytest.mark.parametrize(
    "method", ["signalwire.reauthenticate", "subscriber.online", "subscriber.offline"]
)
def test_nothing_is_to_be_had_before_a_connect(method: str) -> None:
    connection, effects = played(waiting(), frame(method, {"authentication": {"jwt_token": "x"}}))
    assert error(effects) == ("r", -32002, "Authentication failed")
    assert connection == waiting()


@pytest.mark.parametrize("method", ["signalwire.subscribe", "x", "", "signalwire.disconnect"])
@pytest.mark.parametrize("begin", [waiting, live])
def test_method_that_there_is_not_is_refused(method: str, begin: Any) -> None:  # noqa: ANN401
    connection, effects = played(begin(), frame(method))
    assert effects[0] == CountRequest("-"), "or anybody could invent labels"
    assert error(effects) == ("r", -32601, "Method not found")
    assert connection == begin()


@pytest.mark.parametrize("method", ["webrtc.verto", "verto.invite", "calling.dial", "call.end"])
def test_calls_are_said_not_to_be_available_here(method: str) -> None:
    _, effects = played(live(), frame(method))
    message = "Not available here: this gateway carries no calls"
    assert error(effects) == ("r", -32601, message)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", (None, -32700, "Parse error")),
        ("nonsense", (None, -32700, "Parse error")),
        ('{"jsonrpc":"2.0","id":"1","method":"a","method":"b"}', (None, -32700, "Parse error")),
        ('{"id":NaN}', (None, -32700, "Parse error")),
        ('{"id":"\\ud800"}', (None, -32700, "Parse error")),
        ("[" * 40 + "]" * 40, (None, -32700, "Parse error")),
        ("\ud800", (None, -32700, "Parse error")),
        ("[]", (None, -32600, "Invalid Request")),
        ("null", (None, -32600, "Invalid Request")),
        ("{}", (None, -32600, "Invalid Request")),
        ('{"jsonrpc":"2.0","method":"x"}', (None, -32600, "Invalid Request")),
        ('{"jsonrpc":"2.0","id":null,"method":"x"}', (None, -32600, "Invalid Request")),
        ('{"jsonrpc":"2.0","id":true,"method":"x"}', (None, -32600, "Invalid Request")),
        ('{"jsonrpc":"2.0","id":1.5,"method":"x"}', (None, -32600, "Invalid Request")),
        (f'{{"jsonrpc":"2.0","id":{1 << 53},"method":"x"}}', (None, -32600, "Invalid Request")),
        (f'{{"jsonrpc":"2.0","id":"{"x" * 129}","method":"x"}}', (None, -32600, "Invalid Request")),
        ('{"jsonrpc":"1.0","id":"7","method":"x"}', ("7", -32600, "Invalid Request")),
        ('{"id":"7","method":"x"}', ("7", -32600, "Invalid Request")),
        ('{"jsonrpc":"2.0","id":"7"}', ("7", -32600, "Invalid Request")),
        ('{"jsonrpc":"2.0","id":7,"method":7}', (7, -32600, "Invalid Request")),
        (f'{{"jsonrpc":"2.0","id":7,"method":"{"m" * 129}"}}', (7, -32600, "Invalid Request")),
        ('{"jsonrpc":"2.0","id":7,"method":"x","params":[]}', (7, -32602, "Invalid params")),
        ('{"jsonrpc":"2.0","id":7,"method":"x","params":null}', (7, -32602, "Invalid params")),
    ],
)
@pytest.mark.parametrize("begin", [waiting, live])
def test_what_is_no_request_is_answered_with_what_is_wrong(
    text: str,
    told: tuple[object, int, str],
    begin: Any,  # noqa: ANN401
) -> None:
    connection, effects = played(begin(), Received(text))
    assert error(effects) == told
    assert connection == begin()


def test_binary_frame_is_answered_as_no_request() -> None:
    connection, effects = played(live(), ReceivedBytes())
    assert error(effects) == (None, -32600, "Invalid Request")
    assert connection == live()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"authentication": None},
        {"authentication": "sat"},
        {"authentication": {}},
        {"authentication": {"jwt_token": 1}},
        {"authentication": {"jwt_token": ""}},
        {"authentication": {"jwt_token": "sat"}, "dpop_token": 1},
        {"authentication": {"jwt_token": "sat"}, "authorization_state": {}},
        {"authentication": {"jwt_token": "sat"}, "protocol": []},
    ],
)
def test_credentials_of_the_wrong_shape_are_wrong_parameters(params: dict[str, object]) -> None:
    connection, effects = played(waiting(), frame("signalwire.connect", params))
    assert error(effects) == ("r", -32602, "Invalid params")
    assert connection == waiting()


@pytest.mark.parametrize(
    "params", [{}, {"authentication": {}}, {"authentication": {"jwt_token": "x"}, "dpop_token": 1}]
)
def test_reauthentication_of_the_wrong_shape_is_wrong_parameters(params: dict[str, object]) -> None:
    connection, effects = played(live(), frame("signalwire.reauthenticate", params))
    assert error(effects) == ("r", -32602, "Invalid params")
    assert connection == live()


def test_one_thing_is_judged_at_a_time() -> None:
    asked, _ = played(waiting(), connect())
    after, effects = played(asked, connect())
    assert error(effects) == ("r", -32600, "Invalid Request")
    assert after == asked
    asked, _ = played(live(), reauthenticate())
    after, effects = played(asked, reauthenticate())
    assert error(effects) == ("r", -32600, "Invalid Request")
    assert after == asked


def test_connect_on_a_live_connection_is_refused_and_changes_nothing() -> None:
    after, effects = played(live(), connect())
    assert error(effects) == ("r", -32600, "Invalid Request")
    assert after == live()


@pytest.mark.parametrize("begin", [waiting, live])
@pytest.mark.parametrize("verdict", [Admitted(admission()), Denied(DenialReason.REFUSED)])
def test_verdict_that_nobody_asked_for_is_nothing(verdict: Input, begin: Any) -> None:  # noqa: ANN401
    assert played(begin(), verdict) == (begin(), ())


@pytest.mark.parametrize("request_id", ["x" * 128, 2**53 - 1, -(2**53) + 1])
def test_largest_id_and_longest_method_are_accepted(request_id: str | int) -> None:
    frame = json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "m" * 128})
    assert frames.read_frame(frame) == frames.Request(request_id, "m" * 128, {})


def test_resume_state_is_sent_as_an_event_of_the_connections_protocol() -> None:
    assert json.loads(frames.state_event("e-1", "p", "sealed", NOW)) == {
        "jsonrpc": "2.0",
        "id": "e-1",
        "method": "signalwire.event",
        "params": {
            "event_type": "signalwire.authorization.state",
            "event_channel": "p",
            "timestamp": NOW,
            "params": {"authorization_state": "sealed"},
        },
    }
