"""The vendor's browser SDK 4.0.0-beta.12, unchanged, against `satmint dev`: when all goes well."""

import json

import httpx
import pytest

from tests.browser.conftest import V3, V4, Visit
from tests.browser.site import Site
from tests.kit.chromium import Page
from tests.kit.dev import DevServer

THREE_HOURS = 3 * 3600


def bearer(dev: DevServer, token: str) -> int:
    """How satmint answers to whoever presents `token`."""
    answer = httpx.get(
        dev["http"] + "/api/fabric/subscriber/info", headers={"Authorization": f"Bearer {token}"}
    )
    return answer.status_code


def test_static_token_connects_and_registers(visit: Visit, site: Site) -> None:
    visitor = visit(V4)
    token = site.sign_in({}).json()["token"]
    visitor.start(f"new SignalWire.StaticCredentialProvider({{token: {json.dumps(token)}}})")
    visitor.until_up()
    assert visitor.methods == ["signalwire.connect", "subscriber.online"]
    assert visitor.answers == [("GET", "/api/fabric/subscriber/info", 200)]
    assert visitor.page.evaluate("client.user.email") == "ada@example.com"
    assert (visitor.seen("connected"), visitor.seen("registered")) == ([False, True], [False, True])
    visitor.assert_at_ease()


def test_static_token_without_a_key_is_bound_to_the_first_that_comes(
    visit: Visit, site: Site
) -> None:
    visitor = visit(V4)
    token = site.sign_in({"scope": "sat:refresh"}).json()["token"]
    visitor.start(f"new SignalWire.StaticCredentialProvider({{token: {json.dumps(token)}}})")
    visitor.until_up()
    assert visitor.statuses("token") == [201]
    assert visitor.methods == [
        "signalwire.connect",
        "signalwire.reauthenticate",
        "subscriber.online",
    ]
    visitor.assert_at_ease()


def test_bound_session_refreshes_by_itself_long_after_its_first_token_died(
    visit: Visit, site: Site, dev: DevServer
) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    first = site.signed_in[-1]["token"]
    assert visitor.statuses("token") == [201]
    passed, refreshes = 0, 0
    while passed < THREE_HOURS:
        step = visitor.renew()
        # A Client Bound SAT of 900 s is told to live up to 5 % less, and renewed 30 s before that.
        assert 824 <= step <= 871
        passed += step
        refreshes += 1
    assert refreshes >= 12
    assert visitor.statuses("refresh") == [201] * refreshes
    assert visitor.methods.count("signalwire.reauthenticate") == 1 + refreshes
    shown = [body["token"] for body in visitor.bodies("refresh")]
    assert len(set(shown)) == refreshes
    assert bearer(dev, first) == 401
    assert bearer(dev, visitor.token) == 200
    assert visitor.seen("asked") == 1
    assert visitor.seen("closed") == []
    visitor.assert_at_ease()


def test_embed_token_provider_signs_a_passer_by_in(visit: Visit, dev: DevServer) -> None:
    visitor = visit(V4)
    host = f"fabric.localhost:{visitor.cluster}"
    visitor.start(
        f"new SignalWire.EmbedTokenCredentialProvider({json.dumps(host)}, '{dev['c2c_token']}')"
    )
    visitor.until_up()
    assert visitor.answers[0] == ("POST", "/api/fabric/embeds/tokens", 201)
    # The SDK takes every embed token to be good for an hour, whatever it is told.
    visitor.skip(3599)
    visitor.page.evaluate("client.unregister()")
    assert visitor.methods[-1] == "subscriber.offline"
    visitor.assert_at_ease()


def exchanged(dev: DevServer) -> str:
    """The embed token that a backend has exchanged for its page: it sends no `Origin`."""
    url, asked = f"{dev['http']}/api/fabric/embeds/tokens", {"token": dev["c2c_token"]}
    return str(httpx.post(url, json=asked).json()["token"])


@pytest.mark.parametrize("version", [V4, V3])
def test_embed_token_that_a_backend_exchanged_is_passed_to_the_widget(
    visit: Visit, dev: DevServer, version: str
) -> None:
    """Widgets hand what does not begin with `c2c_` to the SDK: to 4.x statically, to 3.x as is."""
    visitor, token = visit(version), exchanged(dev)
    if version == V4:
        visitor.start(f"new SignalWire.StaticCredentialProvider({{token: {json.dumps(token)}}})")
        visitor.until_up()
    else:
        visitor.page.evaluate(
            f"SignalWire.SignalWire({{token: {json.dumps(token)}}}).then(made =>"
            " { window.client = made; return 0; })"
        )
        found = visitor.page.evaluate("client.address.getAddresses()")
        assert [one["id"] for one in found["data"]] == [dev["addresses"][0]["id"]]
    assert visitor.methods[0] == "signalwire.connect"
    assert "/api/fabric/embeds/tokens" not in [path for _, path, _ in visitor.answers]
    visitor.assert_at_ease()


def test_guest_and_invitee_connect(visit: Visit, dev: DevServer, page: Page) -> None:
    address = dev["addresses"][0]["id"]
    guest = httpx.post(
        dev["http"] + "/api/fabric/guests/tokens",
        auth=dev.auth,
        json={"allowed_addresses": [address]},
    ).json()["token"]
    made = visit(V4).site.sign_in({}).json()
    [own] = httpx.get(
        dev["http"] + f"/api/fabric/resources/subscribers/{made['subscriber_id']}/addresses",
        auth=dev.auth,
    ).json()["data"]
    invited = httpx.post(
        dev["http"] + "/api/fabric/subscriber/invites",
        headers={"Authorization": f"Bearer {made['token']}"},
        json={"address_id": own["id"]},
    ).json()["token"]
    for token in (guest, invited):
        page.evaluate("sessionStorage.clear()")
        visitor = visit(V4)
        visitor.start(f"new SignalWire.StaticCredentialProvider({{token: '{token}'}})")
        visitor.until_up()
        visitor.assert_at_ease()


def test_page_on_the_origin_of_satmint_itself_works_as_well(visit: Visit) -> None:
    visitor = visit(V4)
    visitor.open_on_satmint()
    visitor.sign_in()
    assert visitor.statuses("token") == [201]
    visitor.renew()
    assert visitor.statuses("refresh") == [201]
    preflights = [
        event
        for event in visitor.page.events("Network.requestWillBeSent")
        if event["request"]["method"] == "OPTIONS" and "fabric.localhost" in event["request"]["url"]
    ]
    assert preflights == []
    assert visitor.seen("errors") == []


@pytest.mark.parametrize("skew", [-250, 50])
def test_browser_whose_clock_is_wrong_renews_as_seldom_as_any_other(
    visit: Visit, skew: int
) -> None:
    visitor = visit(V4, skew)
    visitor.sign_in()
    for _ in range(3):
        assert 824 <= visitor.renew() <= 871
    assert visitor.statuses("refresh") == [201] * 3
    visitor.assert_at_ease()


def test_key_stays_with_the_browser_over_a_reload(visit: Visit, site: Site) -> None:
    visitor = visit(V4)
    visitor.sign_in()
    before = visitor.seen("fingerprint")
    visitor.open()
    visitor.sign_in()
    assert visitor.seen("fingerprint") == before
    assert len({made["subscriber_id"] for made in site.signed_in[-2:]}) == 1
    assert visitor.statuses("token") == [201]
    assert visitor.seen("errors") == []
