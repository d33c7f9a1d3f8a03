"""One id from the upgrade to its answer, the log and the audit trail."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from tests.kit.devices import a_seen_browser
from tests.kit.gateway import a_gateway
from tests.kit.proofs import Signer
from tests.kit.service import Server, said


async def request_ids(server: Server, kind: str) -> list[str]:
    """What the audit trail says of events of that kind."""
    listed = await server.client.get("/api/satmint/events", auth=server.tenant.auth)
    return [event["request_id"] for event in said(listed, 200)["data"] if event["kind"] == kind]


@pytest.mark.parametrize("offered", ["trace-4711", None])
async def test_request_id_of_the_upgrade_is_the_one_that_is_remembered(
    server: Server, offered: str | None
) -> None:
    browser = await a_seen_browser(server)
    thief = replace(browser, signer=Signer.generate()).signer
    stolen = thief.rpc_proof("signalwire.connect", iat=server.clock.now(), token=browser.token)
    headers = {} if offered is None else {"X-Request-Id": offered}
    with capture_logs() as lines:
        async with (
            a_gateway(server) as gateway,
            gateway.client(additional_headers=headers) as client,
        ):
            assert client.socket.response is not None
            (answered,) = client.socket.response.headers.get_all("x-request-id")
            await client.not_connected(browser.token, dpop_token=stolen)
            await client.connected((await server.sign_in())["token"])
    assert offered != answered
    assert await request_ids(server, "key_mismatch") == [answered]
    told = {line["event"]: line for line in lines if line["event"] in {"refused", "admitted"}}
    assert {name: line["request_id"] for name, line in told.items()} == {
        "refused": answered,
        "admitted": answered,
    }
    initial_state = [line for line in lines if line["event"] == "upgraded"]
    sent = [(line["request_id"], line["caller_request_id"]) for line in initial_state]
    assert sent == ([] if offered is None else [(answered, offered)])


async def test_upgrade_that_is_refused_is_answered_with_it_too(server: Server) -> None:
    async with a_gateway(server) as gateway:
        with pytest.raises(InvalidStatus) as refusal:
            async with gateway.client("/elsewhere", additional_headers={"X-Request-Id": "mine"}):
                raise AssertionError("let in")
        answer = refusal.value.response
        assert answer.status_code == 404
        assert answer.headers["x-request-id"] != "mine"
