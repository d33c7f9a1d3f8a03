"""Bad days over real sockets: what is lost, late or refused, and what heals it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from satmint.control.faults import ANY, MAX_ARMED, FaultInjector, FaultKind, InjectedFault
from satmint.model.claims import TokenType
from satmint.model.events import EventKind
from tests.http.answer_contract import field_errors as faults
from tests.http.answer_contract import invalid, missing, plain
from tests.kit.controlled_server import DEV, Controlled, a_controlled
from tests.kit.service import REFRESH, TOKENS, Json, said

REFRESHING: Final = "refresh-subscriber-token"
NO_ANSWER: Final = "Server disconnected without sending a response."


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Controlled]:
    async with a_controlled(tmp_path) as server:
        yield server


async def lost(server: Controlled, refresh_token: str) -> str:
    """Present a refresh token, and get no answer; returns what the client takes it for."""
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        await server.refresh(refresh_token)
    return str(caught.value)


async def happened(server: Controlled) -> list[EventKind]:
    """What the audit trail tells, apart from how its project came to be."""
    events = await server.events()
    assert events[0] is EventKind.API_TOKEN_CREATED
    return events[1:]


def generation(server: Controlled, pair: Json) -> int:
    return server.claims(pair["token"]).gen


# --- answers that do not come --------------------------------------------------------------------


async def test_answer_that_was_lost_after_the_commit_is_had_again_with_the_same_token(
    server: Controlled,
) -> None:
    first = await server.sign_in()
    await server.arm(kind="lose_answer", operation=REFRESHING)
    assert await lost(server, first["refresh_token"]) == NO_ANSWER
    assert await happened(server) == [EventKind.ISSUED, EventKind.REFRESHED]
    second = await server.rotate(first["refresh_token"])
    assert generation(server, second) == 1
    assert await happened(server) == [EventKind.ISSUED, EventKind.REFRESHED, EventKind.REPLAYED]
    # Once its successor was seen in use, and no race can explain it, it is in the wrong hands.
    third = await server.rotate(second["refresh_token"])
    server.clock.advance(11)
    assert (await server.info(third["token"])).status_code == 200
    await server.settled()
    again = await server.refresh(second["refresh_token"])
    assert faults(again) == [("token_invalid", "Token is invalid.", "refresh_token")]
    assert (await happened(server))[-1] is EventKind.REUSE_DETECTED
    assert (await server.info(third["token"])).status_code == 401


async def test_answers_can_be_lost_one_after_the_other_and_nothing_forks(
    server: Controlled,
) -> None:
    first = await server.sign_in()
    await server.arm(kind="lose_answer", times=3)
    for _ in range(3):
        assert await lost(server, first["refresh_token"]) == NO_ANSWER
    assert generation(server, await server.rotate(first["refresh_token"])) == 1
    assert await server.calls() == [
        ("create-subscriber-token", 200, None),
        *[(REFRESHING, 201, "lose_answer")] * 3,
        (REFRESHING, 201, None),
    ]


async def test_answer_that_breaks_off_is_had_again_as_well(server: Controlled) -> None:
    first = await server.sign_in()
    await server.arm(kind="cut_answer")
    assert "without sending complete message body" in await lost(server, first["refresh_token"])
    assert generation(server, await server.rotate(first["refresh_token"])) == 1
    assert await happened(server) == [EventKind.ISSUED, EventKind.REFRESHED, EventKind.REPLAYED]


async def test_answer_without_a_body_that_is_to_break_off_is_lost(server: Controlled) -> None:
    made = said(
        await server.client.post(
            "/api/fabric/resources/subscribers", json={"email": "x@y.z"}, auth=server.tenant.auth
        ),
        201,
    )
    await server.arm(kind="cut_answer")
    where = f"/api/fabric/resources/subscribers/{made['id']}"
    with pytest.raises(httpx.RemoteProtocolError, match=NO_ANSWER):
        await server.client.delete(where, auth=server.tenant.auth)
    plain(await server.client.get(where, auth=server.tenant.auth), 404)


async def test_refusal_can_be_lost_too(server: Controlled) -> None:
    await server.arm(kind="lose_answer")
    assert await lost(server, "nonsense") == NO_ANSWER
    assert await server.calls() == [(REFRESHING, 422, "lose_answer")]


async def test_request_that_was_lost_has_done_nothing(server: Controlled) -> None:
    first = await server.sign_in()
    before = await server.rows()
    await server.arm(kind="lose_request")
    assert await lost(server, first["refresh_token"]) == NO_ANSWER
    assert await server.rows() == before
    assert await server.calls() == [
        ("create-subscriber-token", 200, None),
        (REFRESHING, None, "lose_request"),
    ]
    assert generation(server, await server.rotate(first["refresh_token"])) == 1
    assert await happened(server) == [EventKind.ISSUED, EventKind.REFRESHED]


# --- answers that come late ----------------------------------------------------------------------


class Night:
    """What is delayed sleeps until the morning; it is told who went to sleep."""

    def __init__(self) -> None:
        self.asleep: asyncio.Queue[float] = asyncio.Queue()
        self.morning = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asleep.put_nowait(seconds)
        await self.morning.wait()


@pytest.fixture
def night(server: Controlled, monkeypatch: pytest.MonkeyPatch) -> Night:
    night = Night()
    monkeypatch.setattr(server.control, "sleep", night.sleep)
    return night


async def test_client_that_gives_up_on_a_late_answer_gets_it_again(
    server: Controlled, night: Night
) -> None:
    first = await server.sign_in()
    await server.arm(kind="delay_answer", seconds=30)
    waiting = asyncio.create_task(server.refresh(first["refresh_token"]))
    assert await night.asleep.get() == 30
    assert await happened(server) == [EventKind.ISSUED, EventKind.REFRESHED]
    waiting.cancel()  # as a client's time-out does
    second = await server.rotate(first["refresh_token"])
    night.morning.set()
    assert generation(server, second) == 1
    assert (await server.calls())[1:] == [
        (REFRESHING, 201, "delay_answer"),
        (REFRESHING, 201, None),
    ]


async def test_client_that_waits_gets_the_late_answer(server: Controlled, night: Night) -> None:
    first = await server.sign_in()
    await server.arm(kind="delay_answer", seconds=0.25)
    waiting = asyncio.create_task(server.rotate(first["refresh_token"]))
    assert await night.asleep.get() == 0.25
    assert not waiting.done()
    night.morning.set()
    assert generation(server, await waiting) == 1


async def test_request_that_arrives_after_its_own_repetition_does_no_harm(
    server: Controlled, night: Night
) -> None:
    first = await server.sign_in()
    await server.arm(kind="delay_request", seconds=5)
    overtaken = asyncio.create_task(server.rotate(first["refresh_token"]))
    assert await night.asleep.get() == 5
    assert await happened(server) == [EventKind.ISSUED]
    second = await server.rotate(first["refresh_token"])
    night.morning.set()
    late = await overtaken
    assert [generation(server, pair) for pair in (second, late)] == [1, 1]
    assert await happened(server) == [EventKind.ISSUED, EventKind.REFRESHED, EventKind.REPLAYED]


async def test_request_is_dealt_with_late_even_if_nobody_waits_for_it(
    server: Controlled, night: Night
) -> None:
    await server.arm(kind="delay_request", seconds=5)
    asking = asyncio.create_task(server.sign_in("late@example.com"))
    await night.asleep.get()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await happened(server) == []
    seen = server.control.calls[-1]
    night.morning.set()
    while seen.status is None:  # noqa: ASYNC110 - it tells in no other way
        await asyncio.sleep(0)
    assert await happened(server) == [EventKind.ISSUED]


async def test_late_request_that_is_too_large_is_refused_all_the_same(
    server: Controlled, night: Night
) -> None:
    night.morning.set()
    await server.arm(kind="delay_request", seconds=1)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 8192

    plain(await server.client.post(REFRESH, content=chunks(), auth=server.tenant.auth), 413)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "retry_after"),
    [
        ({"status": 429}, "1"),
        ({"status": 429, "retry_after": 17}, "17"),
        ({"status": 500}, None),
        ({"status": 500, "retry_after": 2}, "2"),
        ({"status": 503}, "1"),
        ({"status": 503, "retry_after": 0}, "0"),
    ],
)
async def test_refusal_is_the_one_of_the_contract_and_nothing_was_done(
    server: Controlled, given: dict[str, int], retry_after: str | None
) -> None:
    first = await server.sign_in()
    before = await server.rows()
    await server.arm(kind="refuse", **given)
    answer = await server.refresh(first["refresh_token"])
    if given["status"] == 429:
        message = "Too many requests: try again later"
        assert faults(answer, 429) == [("rate_limit_exceeded", message, None)]
    else:
        plain(answer, given["status"])
    assert answer.headers.get("retry-after") == retry_after
    assert await server.rows() == before
    assert generation(server, await server.rotate(first["refresh_token"])) == 1


@pytest.mark.parametrize(("status", "phrase"), [(502, "Bad Gateway"), (504, "Gateway Timeout")])
async def test_what_a_proxy_says_is_no_json(server: Controlled, status: int, phrase: str) -> None:
    await server.arm(kind="refuse", status=status, retry_after=3)
    answer = await server.client.post(TOKENS)
    title = f"{status} {phrase}"
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.headers["retry-after"] == "3"
    assert answer.text == (
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    )


async def test_refusal_can_be_read_by_a_browser_of_another_origin(server: Controlled) -> None:
    await server.arm(kind="refuse", status=503)
    answer = await server.client.post(TOKENS, headers={"Origin": "https://app.example"})
    plain(answer, 503)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_request_is_remembered_by_its_id_and_by_the_one_of_the_client(
    server: Controlled,
) -> None:
    mine = {"X-Request-Id": "mine-1"}
    await server.arm(kind="refuse", status=500)
    answers = [await server.client.post(TOKENS, headers=mine) for _ in range(2)]
    answers.append(await server.client.post(TOKENS, headers={"X-Request-Id": "not one"}))
    calls = (await server.state())["calls"]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [call["request_id"] for call in calls] == ids
    assert len({"mine-1", *ids}) == 4
    assert [call["caller_request_id"] for call in calls] == ["mine-1", "mine-1", None]


# --- which request meets which fault -------------------------------------------------------------


async def test_faults_are_met_in_the_order_in_which_they_were_armed(server: Controlled) -> None:
    await server.arm(kind="refuse", status=503, times=2)
    await server.arm(kind="lose_answer", operation=REFRESHING)
    await server.arm(kind="refuse", status=500, operation="create-subscriber-token")
    statuses = [(await server.client.post(TOKENS)).status_code for _ in range(4)]
    assert statuses == [503, 503, 500, 401]
    assert await lost(server, "x") == NO_ANSWER
    assert (await server.state())["faults"] == []


async def test_only_its_operation_counts_against_a_fault(server: Controlled) -> None:
    armed = await server.arm(kind="refuse", status=503, operation=REFRESHING, times=2)
    assert armed == {
        "id": armed["id"],
        "kind": "refuse",
        "operation": REFRESHING,
        "times": 2,
        "left": 2,
        "status": 503,
        "retry_after": None,
        "seconds": None,
    }
    first = await server.sign_in()
    assert (await server.info(first["token"])).status_code == 200
    assert (await server.state())["faults"] == [armed]
    plain(await server.refresh(first["refresh_token"]), 503)
    assert (await server.state())["faults"] == [{**armed, "left": 1}]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/", 200),
        ("GET", "/openapi.json", 200),
        ("GET", DEV, 401),
        ("OPTIONS", TOKENS, 204),
        ("PUT", TOKENS, 405),
        ("GET", "/api/fabric/nothing", 404),
    ],
)
async def test_what_is_no_call_of_the_api_has_no_bad_day(
    server: Controlled, method: str, path: str, status: int
) -> None:
    armed = await server.arm(kind="lose_answer")
    assert (await server.client.request(method, path)).status_code == status
    state = await server.state()
    assert (state["faults"], state["calls"]) == ([armed], [])


async def test_many_at_once_meet_a_fault_exactly_as_often_as_it_was_armed_for(
    server: Controlled,
) -> None:
    pairs = [await server.sign_in(f"{number}@example.com") for number in range(24)]
    await server.arm(kind="lose_answer", operation=REFRESHING, times=7)
    await server.arm(kind="refuse", operation=REFRESHING, status=503, times=5)
    answers = await asyncio.gather(
        *(server.refresh(pair["refresh_token"]) for pair in pairs), return_exceptions=True
    )
    assert sum(isinstance(answer, httpx.RemoteProtocolError) for answer in answers) == 7
    statuses = [one.status_code for one in answers if isinstance(one, httpx.Response)]
    assert sorted(statuses) == [201] * 12 + [503] * 5
    again = await asyncio.gather(*(server.rotate(pair["refresh_token"]) for pair in pairs))
    assert {generation(server, pair) for pair in again} == {1}
    events = await happened(server)
    assert events.count(EventKind.REFRESHED) == 24
    assert events.count(EventKind.REPLAYED) == 19


async def test_callers_of_one_token_whose_first_answer_is_lost_all_get_the_same_generation(
    server: Controlled,
) -> None:
    first = await server.sign_in()
    await server.arm(kind="lose_answer", operation=REFRESHING)
    answers = await asyncio.gather(
        *(server.refresh(first["refresh_token"]) for _ in range(8)), return_exceptions=True
    )
    heard = [said(answer, 201) for answer in answers if isinstance(answer, httpx.Response)]
    assert len(heard) == 7
    claims = {server.claims(pair["refresh_token"], TokenType.REFRESH) for pair in heard}
    assert [found.gen for found in claims] == [1]


async def test_disarmed_faults_are_met_by_nobody(server: Controlled) -> None:
    await server.arm(kind="lose_answer", times=1_000_000)
    assert (await server.dev("DELETE", "/faults")).status_code == 204
    await server.sign_in()
    assert (await server.state())["faults"] == []


# --- what is asked for ---------------------------------------------------------------------------

KINDS: Final = "lose_answer, cut_answer, delay_answer, lose_request, delay_request, refuse"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, [missing("kind")]),
        ({"kind": "explode"}, [invalid(f"Kind must be one of: {KINDS}", "kind")]),
        ({"kind": "refuse"}, [missing("status")]),
        ({"kind": "delay_answer"}, [missing("seconds")]),
        (
            {"kind": "delay_request", "seconds": True},
            [invalid("Seconds must be a number", "seconds")],
        ),
        (
            {"kind": "lose_answer", "status": 503, "retry_after": 1, "seconds": 1, "time": 2},
            [
                invalid("Time is not a known parameter; did you mean times?", "time"),
                invalid("Status is allowed only for refuse", "status"),
                invalid("Retry After is allowed only for refuse", "retry_after"),
                invalid("Seconds is allowed only for delay_answer and delay_request", "seconds"),
            ],
        ),
        (
            {"kind": "refuse", "status": 404, "retry_after": -1, "times": 0},
            [
                invalid("Times must be from 1 to 1000000", "times"),
                invalid("Status must be one of: 429, 500, 502, 503, 504", "status"),
                invalid("Retry After must be from 0 to 86400", "retry_after"),
            ],
        ),
        (
            {"kind": "refuse", "status": "503", "times": 1.5},
            [
                invalid("Times must be an integer", "times"),
                invalid("Status must be one of: 429, 500, 502, 503, 504", "status"),
            ],
        ),
        (
            {"kind": "delay_answer", "seconds": 0},
            [invalid("Seconds must be greater than 0 and at most 120", "seconds")],
        ),
        (
            {"kind": "delay_answer", "seconds": 121},
            [invalid("Seconds must be greater than 0 and at most 120", "seconds")],
        ),
        (
            {"kind": "lose_answer", "operation": "gateway"},
            [invalid("Kind must be delay_request or refuse for gateway", "kind")],
        ),
        (
            {"kind": "lose_answer", "operation": 1},
            [("not_a_string", "Operation must be a string", "operation")],
        ),
    ],
)
async def test_fault_that_makes_no_sense_is_refused_with_everything_that_is_wrong(
    server: Controlled, body: Json, wrong: list[Any]
) -> None:
    assert faults(await server.dev("POST", "/faults", body)) == wrong
    assert (await server.state())["faults"] == []


async def test_operation_that_there_is_not_is_refused_with_those_that_there_are(
    server: Controlled,
) -> None:
    answer = await server.dev("POST", "/faults", {"kind": "lose_answer", "operation": "livez"})
    [(code, message, attribute)] = faults(answer)
    assert (code, attribute) == ("invalid_parameter", "operation")
    assert message.startswith("Operation must be * or one of: create-subscriber-token, refresh-")
    *named, last = message.partition(": ")[2].split(", ")
    assert last == "gateway"
    described = (await server.client.get("/openapi.json")).json()["paths"]
    assert sorted(named) == sorted(
        operation["operationId"]
        for path, operations in described.items()
        if path.startswith("/api/")
        for operation in operations.values()
    )


async def test_no_more_faults_are_kept_than_anybody_needs(server: Controlled) -> None:
    for _ in range(MAX_ARMED):
        server.control.faults.arm(
            InjectedFault(kind=FaultKind.REFUSE, operation=ANY, times=1, status=500)
        )
    answer = await server.dev("POST", "/faults", {"kind": "lose_answer"})
    assert faults(answer) == [invalid("No more than 100 faults can be armed", None)]


def a_fault(operation: str, times: int = 1) -> InjectedFault:
    return InjectedFault(kind=FaultKind.LOSE_ANSWER, operation=operation, times=times)


@pytest.mark.parametrize(
    "asked", [lambda faults: faults.take_fault("a", ANY), lambda faults: faults.armed()]
)
def test_nothing_is_armed_at_first(asked: Callable[[FaultInjector], object]) -> None:
    assert not asked(FaultInjector())


def test_fault_for_another_operation_is_passed_by() -> None:
    faults = FaultInjector()
    for fault in (a_fault("b"), a_fault("a", times=2), a_fault(ANY)):
        assert faults.arm(fault)
    assert [faults.take_fault("a", ANY) for _ in range(4)] == [
        a_fault("a", times=2),
        a_fault("a", times=2),
        a_fault(ANY),
        None,
    ]
    assert [(armed.fault, armed.left) for armed in faults.armed()] == [(a_fault("b"), 1)]
