"""Ids of requests: ours in every answer and every log line, the caller's beside it."""

from typing import Any, Final

import httpx
import pytest
import structlog
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from satmint.http.application import Application
from satmint.http.cors import Cors
from satmint.http.request_ids import RequestIds, caller_fields
from satmint.model.refusals import Forbidden
from tests.kit.entropy import SeededEntropy
from tests.kit.gateway import a_gateway
from tests.kit.one_operation import Handler, one_operation
from tests.kit.service import Server

CALLER: Final = "caller-7"
MALFORMED: Final = ["", "a b", "x" * 65, "a\tb", "é", 'a"b', "a,b", "a=b", "{}", "../x", "a\x7fb"]


async def refuse(*_: object) -> object:
    raise Forbidden("a_cause")


async def fail(*_: object) -> object:
    raise RuntimeError("a detail of ours")


async def succeed(*_: object) -> object:
    return {"a": "b"}


def client_of(server: Server, handler: Handler) -> httpx.AsyncClient:
    """A client of an application with a single operation, which decides, open to anyone."""
    operation = one_operation(handler)
    log = structlog.stdlib.get_logger("satmint.http")
    app = Application(server.context, [operation], Cors(("*",)), log=log)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://satmint.example"
    )


async def logged(
    server: Server, handler: Handler, sent: str | None
) -> tuple[str, list[dict[str, Any]]]:
    """The id in the answer to a request with an id of the caller, and the lines that it leaves."""
    headers = [] if sent is None else [(b"x-request-id", sent.encode("latin-1"))]
    async with client_of(server, handler) as client:
        with capture_logs() as lines:
            answer = await client.get("/one", headers=headers)
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]
    return answer.headers["x-request-id"], [dict(line) for line in lines]


@pytest.mark.parametrize(
    ("handler", "events"),
    [
        (succeed, ["answered"]),
        (refuse, ["refused", "answered"]),
        (fail, ["failed", "answered"]),
    ],
)
async def test_every_line_has_our_id_and_the_callers(
    server: Server, handler: Handler, events: list[str]
) -> None:
    ours, lines = await logged(server, handler, CALLER)
    assert [line["event"] for line in lines] == events
    assert [(line["request_id"], line.get("caller_request_id")) for line in lines] == [
        (ours, CALLER)
    ] * len(events)


async def test_line_about_a_decision_has_our_id_and_the_callers(server: Server) -> None:
    pair = await server.sign_in()
    with capture_logs() as lines:
        answer = await server.client.delete(
            f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions",
            auth=server.tenant.auth,
            headers={"X-Request-Id": CALLER},
        )
    assert answer.is_success
    decided = [line for line in lines if line["event"] == "management_change"]
    assert [(line["request_id"], line["caller_request_id"]) for line in decided] == [
        (answer.headers["x-request-id"], CALLER)
    ]


async def test_audit_trail_has_our_id(server: Server) -> None:
    answer = await server.client.post(
        "/api/fabric/subscribers/tokens",
        json={"reference": "user"},
        auth=server.tenant.auth,
        headers={"X-Request-Id": CALLER},
    )
    rows = (await server.rows("events"))["events"]
    assert answer.headers["x-request-id"] in str(rows)
    assert CALLER not in str(rows)


async def test_line_about_an_upgrade_has_our_id_and_the_callers(server: Server) -> None:
    async with a_gateway(server) as gateway:
        with capture_logs() as lines:
            async with gateway.client(additional_headers={"X-Request-Id": CALLER}) as client:
                response = client.socket.response
        assert response is not None
        ours = response.headers["x-request-id"]
        assert ours != CALLER
        upgraded = [line for line in lines if line["event"] == "upgraded"]
        assert [(line["request_id"], line["caller_request_id"]) for line in upgraded] == [
            (ours, CALLER)
        ]
        with pytest.raises(InvalidStatus) as refusal:
            await gateway.client("/x", additional_headers={"X-Request-Id": CALLER}).__aenter__()
        assert refusal.value.response.headers["x-request-id"] not in (CALLER, ours)


@pytest.mark.parametrize("handler", [succeed, refuse])
async def test_callers_id_is_never_ours(server: Server, handler: Handler) -> None:
    first, _ = await logged(server, handler, None)
    for sent in (first, first.partition("-")[0] + "-ffff", CALLER):
        ours, lines = await logged(server, handler, sent)
        assert ours not in (first, sent)
        assert [line["request_id"] for line in lines] == [ours] * len(lines)


async def test_request_without_an_id_of_the_caller_has_none_in_the_log(server: Server) -> None:
    _, lines = await logged(server, refuse, None)
    assert [line for line in lines if "caller_request_id" in line] == []


@pytest.mark.parametrize("sent", MALFORMED)
async def test_malformed_id_of_the_caller_is_in_no_line(server: Server, sent: str) -> None:
    ours, lines = await logged(server, refuse, sent)
    assert ours != sent
    assert [line for line in lines if "caller_request_id" in line] == []


def test_ids_are_different_from_each_other() -> None:
    entropy = SeededEntropy()
    first, second = RequestIds(entropy), RequestIds(entropy)
    ids = [one.next() for _ in range(1000) for one in (first, second)]
    assert len(set(ids)) == 2000
    assert {found.partition("-")[0] for found in ids[:2]} == {found[:12] for found in ids}


@pytest.mark.parametrize(
    "sent", [b"a", b"A-Z.0_9", b"x" * 64, b"0b9f2a54-7f0e-4c3c-9d3e-1f2a3b4c5d6e"]
)
def test_well_formed_id_of_the_caller_is_taken(sent: bytes) -> None:
    headers = [(b"host", b"x"), (b"x-request-id", sent)]
    assert caller_fields(headers) == {"caller_request_id": sent.decode()}


@pytest.mark.parametrize("sent", [found.encode("latin-1") for found in MALFORMED] + [b"a\n"])
def test_malformed_id_of_the_caller_is_left_out(sent: bytes) -> None:
    assert caller_fields([(b"x-request-id", sent)]) == {}
    assert caller_fields([(b"x-request-id", sent), (b"x-request-id", b"a")]) == {
        "caller_request_id": "a"
    }


def test_fields_of_other_names_are_no_id_of_the_caller() -> None:
    assert caller_fields([(b"x-correlation-id", b"a"), (b"request-id", b"a")]) == {}
    assert caller_fields([]) == {}
