"""What is logged of a request, at which level, and how often for callers that nobody knows."""

import logging
from typing import Any, Final

import httpx
import pytest
import structlog
from structlog.testing import LogCapture

from satmint.http.application import Application
from satmint.http.call import Call
from satmint.http.cors import Cors
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.request_log import Log, Refused, RequestLog
from satmint.model.refusals import Code, Forbidden
from tests.kit.clock import NOW
from tests.kit.one_operation import Handler, one_operation
from tests.kit.service import BASE_URL, ORIGIN, Server

Entries = list[dict[str, Any]]


def a_log(level: int = logging.DEBUG) -> tuple[Log, Entries]:
    """A logger of its own, whatever others have set up, and what was logged with it."""
    capture = LogCapture()
    wrapper = structlog.make_filtering_bound_logger(level)
    log = structlog.wrap_logger(None, processors=[capture], wrapper_class=wrapper)
    return log, capture.entries  # type: ignore[return-value]


async def fine(_context: HandlerContext, _call: Call) -> object:
    return {"fine": True}


async def forbidden(_context: HandlerContext, _call: Call) -> object:
    raise Forbidden("a_cause")


def client_of(
    server: Server,
    handler: Handler,
    log: Log,
    authentication: Authentication = Authentication.PUBLIC,
) -> httpx.AsyncClient:
    """A client of an application with one operation, `/one`."""
    operation = one_operation(handler, authentication)
    app = Application(server.context, [operation], Cors(()), log=log)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE_URL)


@pytest.mark.parametrize(
    ("level", "lines"), [(logging.DEBUG, [("answered", "debug")]), (logging.INFO, [])]
)
async def test_answers_are_logged_where_the_level_is_debug(
    server: Server, level: int, lines: list[tuple[str, str]]
) -> None:
    log, entries = a_log(level)
    async with client_of(server, fine, log) as client:
        answer = await client.get("/one")
    assert (answer.status_code, answer.json()) == (200, {"fine": True})
    assert [(entry["event"], entry["log_level"]) for entry in entries] == lines


async def test_time_to_respond_is_from_the_request_to_its_answer(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((10.0, 10.25))
    monkeypatch.setattr("satmint.http.application.perf_counter", lambda: next(times))
    log, entries = a_log()
    async with client_of(server, fine, log) as client:
        await client.get("/one")
    assert [entry["ms"] for entry in entries] == [250.0]
    assert server.context.metrics.seconds.total == 0.25
    assert server.context.metrics.requests == {("GET", "one", 200): 1}


@pytest.mark.parametrize(
    ("authentication", "path", "logged"),
    [
        (Authentication.PUBLIC, "/one", 10),
        (Authentication.PUBLIC, "/nowhere", 10),
        (Authentication.API_TOKEN, "/one", 15),
    ],
)
async def test_refusals_of_strangers_are_logged_up_to_a_limit_and_those_of_callers_all(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    authentication: Authentication,
    path: str,
    logged: int,
) -> None:
    monkeypatch.setattr("satmint.http.request_log.perf_counter", lambda: 0.0)
    log, entries = a_log(logging.INFO)
    async with client_of(server, forbidden, log, authentication) as client:
        for _ in range(15):
            await client.get(path, auth=server.tenant.auth)
    assert [entry["event"] for entry in entries] == ["refused"] * logged
    assert sum(server.context.metrics.refusals.values()) == 15


ADDRESS: Final = "192.0.2.7"
SENT: Final = [(b"x-request-id", b"id-7")]


def refused(request_log: RequestLog, *, authenticated: bool, skew: int | None = None) -> None:
    told = Refused(Code.FORBIDDEN, "a_cause", "one", skew)
    request_log.log_refusal(told, "id-1", ADDRESS, SENT, authenticated=authenticated)


def test_refusal_is_logged_with_its_cause_and_the_skew_of_a_proof() -> None:
    log, entries = a_log()
    request_log = RequestLog(log)
    refused(request_log, authenticated=True)
    refused(request_log, authenticated=False, skew=0)
    line = {
        "event": "refused",
        "log_level": "info",
        "code": Code.FORBIDDEN,
        "cause": "a_cause",
        "route": "one",
        "request_id": "id-1",
        "address": ADDRESS,
        "caller_request_id": "id-7",
    }
    assert entries == [line, {**line, "skew": 0}]


def test_refusals_that_were_left_out_are_counted_in_the_next_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = [float(NOW)]
    monkeypatch.setattr("satmint.http.request_log.perf_counter", lambda: seconds[0])
    log, entries = a_log()
    request_log = RequestLog(log)
    for _ in range(13):
        refused(request_log, authenticated=False)
    seconds[0] += 1
    refused(request_log, authenticated=False)
    assert [entry.get("suppressed") for entry in entries] == [None] * 10 + [3]


def test_change_is_logged_with_the_project_of_its_caller(server: Server) -> None:
    log, entries = a_log()
    call = Call({}, b"", ORIGIN, {}, server.tenant.caller, SENT)
    operation = Operation(
        id="change",
        method="POST",
        path="/change",
        tag="One",
        summary="Change",
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=fine,
    )
    RequestLog(log).log_change(operation, call)
    assert entries == [
        {
            "event": "management_change",
            "log_level": "info",
            "route": "change",
            "project": str(server.tenant.id),
            "request_id": ORIGIN.request_id,
            "address": ORIGIN.address,
            "caller_request_id": "id-7",
        }
    ]


def test_failure_is_logged_with_its_exception() -> None:
    log, entries = a_log()
    error = RuntimeError("a detail")
    RequestLog(log).log_failure(error, Code.INTERNAL, "one", "id-1", [])
    assert entries == [
        {
            "event": "failed",
            "log_level": "error",
            "code": Code.INTERNAL,
            "request_id": "id-1",
            "route": "one",
            "exc_info": error,
        }
    ]


def test_responses_are_wanted_at_debug_alone() -> None:
    assert RequestLog(a_log(logging.DEBUG)[0]).logs_responses
    assert not RequestLog(a_log(logging.INFO)[0]).logs_responses
