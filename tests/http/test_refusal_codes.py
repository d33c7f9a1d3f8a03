"""What a log and the metrics say of a refusal is what its caller was told."""

import inspect
from typing import Any, Final, cast

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from satmint.http.application import Application
from satmint.http.cors import Cors
from satmint.http.operations import Authentication, Operation
from satmint.http.request_body import BODY_LIMIT, BodyTooLarge
from satmint.http.statuses import STATUS
from satmint.model import refusals
from satmint.model.refusals import (
    Code,
    FieldError,
    RateLimited,
    Refusal,
    Unprocessable,
    Unproven,
)
from tests.kit.gateway import a_gateway
from tests.kit.service import BASE_URL, REFRESH, Server

FIELD_CODES: Final = sorted(code for code, status in STATUS.items() if status == 422)
causes: Final = st.sampled_from(["", "expired", "reuse", "calls"])
field_errors: Final = st.builds(
    FieldError, st.sampled_from(FIELD_CODES), st.just("is wrong"), st.just("reference")
)
KINDS: Final[dict[type[Refusal], st.SearchStrategy[Refusal]]] = {
    Unprocessable: st.builds(
        lambda errors, cause: Unprocessable(*errors, cause=cause),
        st.lists(field_errors, min_size=1, max_size=4),
        causes,
    ),
    RateLimited: st.builds(RateLimited, st.integers(1, 60), causes),
    Unproven: st.builds(Unproven, st.just("proof_time"), skew=st.none() | st.integers(-99, 99)),
}
ALL_KINDS: Final = [
    kind
    for _, kind in inspect.getmembers(refusals, inspect.isclass)
    if issubclass(kind, Refusal) and kind is not Refusal
]
a_refusal: Final = st.sampled_from(ALL_KINDS).flatmap(
    lambda kind: KINDS[kind] if kind in KINDS else st.builds(kind, causes)
)


def counted(server: Server) -> dict[tuple[Code, str], int]:
    return dict(server.service.metrics.refusals)


async def answer_to(server: Server, error: Exception) -> tuple[httpx.Response, list[Any]]:
    """The answer to a request whose operation raises `error`, and the lines of the log."""

    async def fail(*_: object) -> object:
        raise error

    operation = Operation(
        id="fail",
        method="GET",
        path="/fail",
        tag="Health",
        summary="Fail",
        authentication=Authentication.PUBLIC,
        handler=fail,
    )
    context = cast("Application", server.app).context
    app = Application(context, [operation], Cors(()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with capture_logs() as lines:
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            response = await client.get("/fail")
    return response, [line for line in lines if line["event"] in ("refused", "failed")]


def holds(response: httpx.Response, line: Any) -> None:  # noqa: ANN401 - a line of the log
    """The line carries the code of the response: of its first error, or of its status."""
    body = response.json()
    if "errors" in body:
        assert line["code"] == body["errors"][0]["code"]
    assert STATUS[line["code"]] == response.status_code


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(refusal=a_refusal)
async def test_log_and_metrics_carry_the_code_of_the_response(
    server: Server, refusal: Refusal
) -> None:
    before = counted(server)
    response, (line,) = await answer_to(server, refusal)
    holds(response, line)
    label = line["code"], refusal.cause
    assert counted(server) == {**before, label: before.get(label, 0) + 1}


@pytest.mark.parametrize("error", [BodyTooLarge(), ZeroDivisionError("a bug")])
async def test_so_do_those_of_what_is_no_refusal_of_a_flow(
    server: Server, error: Exception
) -> None:
    response, (line,) = await answer_to(server, error)
    holds(response, line)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/nowhere", None),
        ("DELETE", "/livez", None),
        ("POST", REFRESH, {"refresh_token": "x"}),
        ("POST", REFRESH, {"refresh_token": 1}),
        ("POST", REFRESH, {"refresh_token": "x" * BODY_LIMIT}),
    ],
)
async def test_so_do_those_of_real_requests(
    server: Server, method: str, path: str, body: dict[str, object] | None
) -> None:
    before = counted(server)
    with capture_logs() as lines:
        response = await server.client.request(method, path, json=body, auth=server.tenant.auth)
    (line,) = [found for found in lines if found["event"] == "refused"]
    holds(response, line)
    label = line["code"], line["cause"]
    assert counted(server) == {**before, label: before.get(label, 0) + 1}


@pytest.mark.parametrize("resumes", [False, True])
async def test_so_do_those_of_the_gateway(server: Server, resumes: bool) -> None:
    state = {"authorization_state": "x", "protocol": "y"} if resumes else {}
    async with a_gateway(server) as gateway, gateway.client() as client:
        with capture_logs() as lines:
            code, _ = await client.not_connected("no token", **state)
    (line,) = [found for found in lines if found["event"] == "refused"]
    assert line["code"] == code
