"""What the application tells of: bugs, refusals and, where that is wanted, every answer."""

import httpx
import structlog
from structlog.testing import capture_logs

from satmint.http.application import Application
from satmint.http.call import Call
from satmint.http.cors import Cors
from satmint.http.operations import HandlerContext
from satmint.model.refusals import Forbidden, StoreUnavailable
from tests.http.answer_contract import plain
from tests.kit.one_operation import Handler, one_operation
from tests.kit.service import Server


def app_of(server: Server, handler: Handler) -> httpx.AsyncClient:
    """A client of an application with a single operation, open to anyone."""
    operation = one_operation(handler)
    context = server.context
    log = structlog.stdlib.get_logger("satmint.http")
    app = Application(context, [operation], Cors(("*",)), log=log)
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://mint.test")


async def test_bug_is_logged_and_answered_with_nothing_of_it(server: Server) -> None:
    async def broken(context: HandlerContext, call: Call) -> object:  # noqa: ARG001 - every handler's signature
        raise RuntimeError("a detail of ours")

    async with app_of(server, broken) as client:
        with capture_logs() as logs:
            answer = await client.get(
                "/one", headers={"X-Request-Id": "id-7", "Origin": "https://app.example"}
            )
    plain(answer, 500)
    assert answer.headers["access-control-allow-origin"] == "*"
    line, answered = logs
    assert (answered["event"], answered["status"]) == ("answered", 500)
    assert isinstance(line.pop("exc_info"), RuntimeError)
    assert line == {
        "event": "failed",
        "log_level": "error",
        "code": "internal_server_error",
        "request_id": answer.headers["x-request-id"],
        "caller_request_id": "id-7",
        "route": "one",
    }
    assert server.service.metrics.requests["GET", "one", 500] == 1


async def test_store_in_trouble_is_a_503_to_come_back_after(server: Server) -> None:
    async def unavailable(context: HandlerContext, call: Call) -> object:  # noqa: ARG001 - as above
        raise StoreUnavailable("sqlite_full")

    async with app_of(server, unavailable) as client:
        answer = await client.get("/one")
    plain(answer, 503)
    assert answer.headers["retry-after"] == "1"
    assert "sqlite" not in answer.text


async def test_refusal_is_logged_with_its_cause_and_counted(server: Server) -> None:
    async def forbidden(context: HandlerContext, call: Call) -> object:  # noqa: ARG001 - as above
        raise Forbidden("a_cause")

    async with app_of(server, forbidden) as client:
        with capture_logs() as logs:
            answer = await client.get("/one", headers={"X-Request-Id": "id-8"})
    plain(answer, 403)
    assert logs[:-1] == [
        {
            "event": "refused",
            "log_level": "info",
            "code": "forbidden",
            "cause": "a_cause",
            "route": "one",
            "request_id": answer.headers["x-request-id"],
            "caller_request_id": "id-8",
            "address": "127.0.0.1",
        }
    ]
    assert server.service.metrics.refusals["forbidden", "a_cause"] == 1


async def test_every_answer_is_told_of_where_that_is_wanted(server: Server) -> None:
    async def fine(context: HandlerContext, call: Call) -> object:  # noqa: ARG001 - as above
        return {"token": "of no concern to a log"}

    async with app_of(server, fine) as client:
        with capture_logs() as logs:
            answer = await client.get("/one?q=neither", headers={"X-Request-Id": "id-9"})
            await client.put("/one")
            await client.get("/nowhere")
    assert logs[0].pop("ms") >= 0
    assert logs[0] == {
        "event": "answered",
        "log_level": "debug",
        "method": "GET",
        "route": "one",
        "status": 200,
        "request_id": answer.headers["x-request-id"],
        "caller_request_id": "id-9",
        "address": "127.0.0.1",
    }
    answers = [line for line in logs if line["event"] == "answered"]
    assert [(line["route"], line["status"]) for line in answers] == [
        ("one", 200),
        ("-", 405),
        ("-", 404),
    ]


async def test_what_a_manager_changes_is_told_of_and_nothing_that_is_looked_at(
    server: Server,
) -> None:
    line = await server.sign_in()
    with capture_logs() as logs:
        for method, path in (
            ("GET", f"/api/satmint/subscribers/{line['subscriber_id']}/sessions"),
            ("DELETE", f"/api/satmint/subscribers/{line['subscriber_id']}/sessions"),
            ("DELETE", f"/api/satmint/sessions/{server.tenant.id}"),
        ):
            await server.client.request(method, path, auth=server.tenant.auth)
    told = [entry for entry in logs if entry["event"] == "management_change"]
    assert [(entry["route"], entry["project"], entry["log_level"]) for entry in told] == [
        ("revoke-sessions", str(server.tenant.id), "info")
    ]
    assert told[0]["request_id"]
