"""The vendor's browser SDK 3.30.0, unchanged, against `satmint dev`."""

import json

import httpx

from tests.browser.conftest import V3, Visit
from tests.browser.site import Site
from tests.kit.dev import DevServer

TWO_HOURS = 7200


def test_token_connects_and_goes_online(visit: Visit, site: Site) -> None:
    visitor = visit(V3)
    visitor.sign_in_3(site.sign_in({}).json()["token"])
    assert visitor.methods == ["signalwire.connect", "subscriber.online"]
    assert visitor.page.evaluate("client.getSubscriberInfo().then(one => one.email)") == (
        "ada@example.com"
    )
    found = visitor.page.evaluate("client.address.getAddresses({type: 'room'})")
    assert [one["name"] for one in found["data"]] != []
    assert {one["type"] for one in found["data"]} == {"room"}
    visitor.page.evaluate("client.offline()")
    assert visitor.methods[-1] == "subscriber.offline"
    visitor.assert_at_ease()


def test_updated_token_outlives_the_first_over_and_over(
    visit: Visit, site: Site, dev: DevServer
) -> None:
    visitor = visit(V3)
    made = site.sign_in({}).json()
    visitor.sign_in_3(made["token"])
    for times in range(1, 4):
        visitor.skip(TWO_HOURS - 60)
        made = httpx.post(
            dev["http"] + "/api/fabric/subscribers/tokens/refresh",
            auth=dev.auth,
            json={"refresh_token": made["refresh_token"]},
        ).json()
        visitor.page.evaluate(
            f"harness.within(client.updateToken({json.dumps(made['token'])})).then(() => 0)"
        )
        assert visitor.methods.count("signalwire.reauthenticate") == times
    # It is let in by the last of them, hours after the first has died.
    visitor.page.evaluate("harness.within(client.offline()).then(() => 0)")
    assert visitor.seen("closed") == []
    assert visitor.refusals == []


def test_device_is_registered_and_unregistered(visit: Visit, site: Site, dev: DevServer) -> None:
    visitor = visit(V3)
    made = site.sign_in({}).json()
    visitor.sign_in_3(made["token"])
    device = visitor.page.evaluate(
        "client.registerDevice({deviceType: 'Desktop', deviceToken: 'c0ffee'})"
    )
    assert (device["device_type"], device["device_token"]) == ("Desktop", "c0ffee")
    sessions = f"{dev['http']}/api/satmint/subscribers/{made['subscriber_id']}/sessions"

    def registered() -> list[str]:
        listed = httpx.get(sessions, auth=dev.auth).json()["data"]
        return [one["id"] for session in listed for one in session["devices"]]

    assert registered() == [device["id"]]
    unregister = f"client.unregisterDevice({{id: '{device['id']}'}}).then(() => 'done',"
    assert visitor.page.evaluate(f"{unregister} error => error.code)") == "done"
    assert registered() == []
    assert visitor.answers == [
        ("POST", "/subscriber/devices", 201),
        ("DELETE", f"/subscriber/devices/{device['id']}", 204),
    ]
    visitor.assert_at_ease()
    assert visitor.page.evaluate(f"{unregister} error => error.code)") == 404


def test_wrong_token_is_refused_once(visit: Visit, site: Site) -> None:
    visitor = visit(V3)
    header, _, rest = site.sign_in({}).json()["token"].partition(".")
    broken = f"{header}.{rest[:-4]}AAAA"
    told = visitor.page.evaluate(
        f"harness.within(SignalWire.SignalWire({{token: '{broken}'}}))"
        ".then(() => 'let in', error => [error.name, error.code])"
    )
    assert told == ["AuthError", -32002]
    assert len(visitor.refusals) == 1


def test_expiry_ends_the_session_and_starts_no_storm(visit: Visit, site: Site) -> None:
    visitor = visit(V3)
    visitor.sign_in_3(site.sign_in({}).json()["token"])
    visitor.skip(TWO_HOURS + 1)
    visitor.until("harness.seen.closed.includes(4401)")
    visitor.skip(5)
    visitor.until("harness.sockets.length === 2")
    visitor.until("harness.seen.refused === 2")
    for _ in range(30):
        visitor.skip(60)
    assert visitor.page.evaluate("harness.sockets.length") <= 3
    assert visitor.refusals[0] == (-32003, "Requester validation failed")
    assert {code for code, _ in visitor.refusals[1:]} == {-32002}


def test_revocation_closes_within_a_moment(visit: Visit, site: Site, dev: DevServer) -> None:
    visitor = visit(V3)
    token = site.sign_in({}).json()["token"]
    visitor.sign_in_3(token)
    httpx.post(dev["http"] + "/api/satmint/tokens/revoke", auth=dev.auth, json={"token": token})
    visitor.until("harness.seen.closed.includes(4403)", 5)
    visitor.skip(5)
    visitor.until("harness.seen.refused === 2")
    assert [code for code, _ in visitor.refusals] == [-32003, -32002]


def test_revoked_token_does_not_update_a_session(visit: Visit, site: Site, dev: DevServer) -> None:
    visitor = visit(V3)
    first, second = (site.sign_in({}).json()["token"] for _ in range(2))
    visitor.sign_in_3(first)
    httpx.post(dev["http"] + "/api/satmint/tokens/revoke", auth=dev.auth, json={"token": second})
    visitor.page.evaluate(
        f"void client.updateToken('{second}').then(() => window.told = 'let in',"
        " error => window.told = error.code)"
    )
    visitor.until("harness.seen.refused === 1")
    for _ in range(12):
        visitor.skip(1)
        visitor.page.evaluate("new Promise(done => clock.real.set(done, 20))")
    visitor.until("window.told !== undefined")
    assert visitor.page.evaluate("window.told") == -32002


def test_bound_token_is_not_for_an_sdk_without_keys(visit: Visit, site: Site) -> None:
    visitor = visit(V3)
    token = site.sign_in({"fingerprint": "A" * 43, "scope": "sat:refresh"}).json()["token"]
    told = visitor.page.evaluate(
        f"harness.within(SignalWire.SignalWire({{token: '{token}'}}))"
        ".then(() => 'let in', error => [error.name, error.code])"
    )
    assert told == ["AuthError", -32002]
