"""The vendor's browser SDK 4.0.0-beta.12, unchanged, when something fails on the way."""

import json

import httpx
import pytest

from tests.browser.conftest import V4, Visit
from tests.browser.site import Site
from tests.browser.visitor import DEVICES, Visitor, control
from tests.kit.chromium import Event
from tests.kit.dev import DevServer

MANAGE = "/api/satmint"


class Fails:
    """Answers the first few requests to one path by itself, without satmint hearing of them."""

    def __init__(self, *statuses: int) -> None:
        self.left = list(statuses)

    def __call__(self, paused: Event) -> int | None:
        if paused["request"]["method"] == "OPTIONS" or not self.left:
            return None
        return self.left.pop(0)


def revoke(dev: DevServer, token: str) -> None:
    answer = httpx.post(
        f"{dev['http']}{MANAGE}/tokens/revoke", auth=dev.auth, json={"token": token}
    )
    assert answer.json() == {"revoked_sessions": 1}


def no_storm(visitor: Visitor) -> None:
    """Half an hour passes, and the SDK hardly stirs."""
    before = len(visitor.page.events("Network.webSocketCreated"))
    for _ in range(30):
        visitor.skip(60)
    visitor.page.evaluate("new Promise(done => clock.real.set(done, 300))")
    assert len(visitor.page.events("Network.webSocketCreated")) - before <= 2


# --- the devices endpoints fail ----------------------------------------------------------------


def fail(visitor: Visitor, operation: str, **fault: object) -> None:
    """Have the next request for an operation go wrong."""
    control(visitor.dev, "POST", "/faults", operation=operation, **fault)


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        pytest.param({"kind": "refuse", "status": 503}, 2, id="turned away"),
        pytest.param({"kind": "refuse", "status": 502}, 2, id="turned away by a proxy"),
        # The browser itself sends it again, too, without a word to the page.
        pytest.param({"kind": "lose_request"}, 1, id="nothing arrived"),
        pytest.param({"kind": "lose_answer"}, 1, id="the answer was lost"),
    ],
)
def test_first_exchange_is_sent_again_with_the_same_proof_and_gets_its_answer(
    visit: Visit, fault: dict[str, object], tries: int
) -> None:
    visitor = visit(V4)
    fail(visitor, "create-device-token", times=2, **fault)
    visitor.start("harness.bound()")
    for one in range(tries):
        visitor.until(f"harness.seen.devices === {one + 1}")
        # It waits for a second, then for fifteen and a half.
        visitor.until(f"clock.ahead(600) < {[1500, 16000][one]}")
        visitor.skip_to_next(0.6)
    visitor.until_up()
    calls = control(visitor.dev, "GET", "")["calls"]
    exchanges = [call for call in calls if call["operation"] == "create-device-token"][-3:]
    assert [call["fault"] for call in exchanges] == [fault["kind"], fault["kind"], None]
    assert len({body["dpop_token"] for body in visitor.bodies("token")}) == 1
    assert visitor.statuses("token")[-1] == 201
    assert visitor.seen("errors") == []
    visitor.renew()
    assert visitor.statuses("refresh") == [201]


@pytest.mark.parametrize("status", [401, 403, 422])
def test_refused_exchange_leaves_the_session_up_and_is_made_good_before_its_sat_ends(
    visit: Visit, status: int
) -> None:
    visitor = visit(V4)
    visitor.page.intercept(f"*{DEVICES}/token", Fails(status))
    visitor.sign_in()
    assert visitor.statuses("token") == [status]
    [error] = visitor.seen("errors")
    assert error.startswith("DPoPInitError")
    # The SAT that was not exchanged lives for two hours; then its key renews it all the same.
    assert 7100 <= visitor.renew() <= 7200
    assert visitor.statuses("refresh") == [201]
    visitor.renew()
    assert visitor.statuses("refresh") == [201, 201]
    assert visitor.seen("errors") == [error]
    visitor.assert_among_us()


@pytest.mark.parametrize("status", [401, 503])
def test_refused_renewal_is_tried_again_and_succeeds(visit: Visit, status: int) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    visitor.page.intercept(f"*{DEVICES}/refresh", Fails(status))
    visitor.skip_to_next(60)
    visitor.until("clock.ahead(900) <= 1500")
    visitor.skip(2)
    visitor.until("harness.seen.renewed === 2 && clock.ahead(60000) < Infinity")
    assert visitor.statuses("refresh") == [status, 201]
    visitor.renew()
    assert visitor.seen("errors") == []


def test_renewal_that_fails_for_good_is_told_and_its_session_ends_with_its_token(
    visit: Visit, site: Site
) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    visitor.page.intercept(f"*{DEVICES}/refresh", Fails(*[401] * 3))
    visitor.skip_to_next(60)
    for delay in (1, 2):
        visitor.until(f"clock.ahead(900) <= {delay * 1000 + 500}")
        visitor.skip(delay + 1)
    visitor.until("harness.seen.errors.length > 0")
    assert visitor.seen("errors")[0].startswith("TokenRefreshError")
    signed_in = len(site.signed_in)
    visitor.skip(200)
    visitor.until("harness.seen.closed.includes(4401)")
    # It comes back with a new token of the provider's, by itself.
    visitor.until("harness.seen.asked === 2 && harness.seen.renewed === 2")
    visitor.until("clock.ahead(60000) < Infinity")
    assert len(site.signed_in) == signed_in + 1
    assert (-32003, "Requester validation failed") in visitor.refusals
    visitor.renew()


# --- tokens that end ---------------------------------------------------------------------------


def test_token_that_nobody_renews_ends_its_session_and_starts_no_storm(
    visit: Visit, site: Site
) -> None:
    visitor = visit(V4)
    token = site.sign_in({}).json()["token"]
    visitor.start(f"new SignalWire.StaticCredentialProvider({{token: {json.dumps(token)}}})")
    visitor.until_up()
    visitor.skip(7201)
    visitor.until("harness.seen.closed.length > 0")
    assert visitor.seen("closed")[0] == 4401
    visitor.until("harness.seen.errors.length > 0")
    assert visitor.refusals[0] == (-32003, "Requester validation failed")
    assert {code for code, _ in visitor.refusals[1:]} == {-32002}
    no_storm(visitor)
    visitor.assert_among_us()


def test_revoked_session_is_closed_and_its_browser_begins_anew(
    visit: Visit, site: Site, dev: DevServer
) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    revoke(dev, visitor.token)
    visitor.until("harness.seen.closed.includes(4403)", 5)
    visitor.until("harness.seen.asked === 2 && harness.seen.renewed === 2")
    visitor.until("clock.ahead(60000) < Infinity")
    assert visitor.refusals == [(-32003, "Requester validation failed")]
    assert visitor.statuses("token") == [201, 201]
    assert len(site.signed_in) >= 2
    visitor.renew()
    assert visitor.seen("errors") == []


def test_revoked_session_without_a_key_stays_out_and_starts_no_storm(
    visit: Visit, site: Site, dev: DevServer
) -> None:
    visitor = visit(V4)
    token = site.sign_in({}).json()["token"]
    visitor.start(f"new SignalWire.StaticCredentialProvider({{token: {json.dumps(token)}}})")
    visitor.until_up()
    revoke(dev, token)
    visitor.until("harness.seen.closed.includes(4403)", 5)
    visitor.until("harness.seen.errors.length > 0")
    assert [code for code, _ in visitor.refusals] == [-32003, -32002]
    no_storm(visitor)


def test_revoked_key_ends_what_it_holds_and_nothing_else(
    visit: Visit, site: Site, dev: DevServer
) -> None:
    other = site.sign_in({}).json()
    visitor = visit(V4)
    visitor.sign_in()
    subscriber, key = site.signed_in[-1]["subscriber_id"], visitor.seen("fingerprint")
    url = f"{dev['http']}{MANAGE}/subscribers/{subscriber}/sessions"
    answer = httpx.delete(url, params={"fingerprint": key}, auth=dev.auth)
    assert answer.json()["revoked_sessions"] >= 1
    visitor.until("harness.seen.closed.includes(4403)", 5)
    visitor.until("harness.seen.asked === 2 && harness.seen.renewed === 2")
    info = httpx.get(
        dev["http"] + "/api/fabric/subscriber/info",
        headers={"Authorization": f"Bearer {other['token']}"},
    )
    assert info.status_code == 200


def test_stolen_bound_token_without_its_key_does_not_connect(visit: Visit, site: Site) -> None:
    token = site.sign_in({"fingerprint": "A" * 43, "scope": "sat:refresh"}).json()["token"]
    visitor = visit(V4)
    visitor.start(f"new SignalWire.StaticCredentialProvider({{token: {json.dumps(token)}}})")
    visitor.until("harness.seen.errors.length > 0")
    assert [code for code, _ in visitor.refusals] == [-32002]
    assert visitor.seen("connected") == [False]
    no_storm(visitor)
