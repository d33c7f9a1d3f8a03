"""Subscribers: found, shown, created, changed, revoked, deleted."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from satmint.console import devices
from satmint.console.devices import newest_devices
from satmint.model.events import EventKind
from satmint.model.records import Presence
from tests.console.record_samples import KEY
from tests.console.shown import errors_of, text_of, value_of
from tests.console.visitor import Visitor, visiting
from tests.kit.service import Server

OTHER_KEY = KEY[::-1]
ACTIVE = '<span class="badge good">active</span>'


@pytest.fixture
async def visitor(server_on_each_store: Server) -> AsyncIterator[Visitor]:
    async with visiting(server_on_each_store) as visitor:
        await visitor.sign_in_as_operator()
        yield visitor


@pytest.fixture
def server(visitor: Visitor) -> Server:
    return visitor.server


@pytest.fixture
def base(server: Server) -> str:
    return f"/console/projects/{server.tenant.id}/subscribers"


async def test_subscribers_are_found_by_reference_address_and_id(
    server: Server, visitor: Visitor, base: str
) -> None:
    alice = (await server.sign_in("Alice@Example.com"))["subscriber_id"]
    await server.sign_in("bob", first_name="Bob")
    shown = text_of(await visitor.get(base))
    assert "bob Bob" in shown
    assert "Alice@Example.com" in shown
    for search in ("alice@example.com", " Alice@Example.com ", alice):
        shown = text_of(await visitor.get(f"{base}?search={search}"))
        assert "Alice@Example.com" in shown
        assert "bob" not in shown
    shown = text_of(await visitor.get(f"{base}?search=ali"))
    assert "No subscriber found" in shown


async def test_page_shows_profile_presence_devices_sessions_and_addresses(
    server: Server, visitor: Visitor, base: str
) -> None:
    alice = await server.sign_in(job_title="Reader", fingerprint=KEY)
    await server.sign_in(fingerprint=KEY)
    await server.sign_in(fingerprint=OTHER_KEY)
    path = f"{base}/{alice['subscriber_id']}"
    page = await visitor.get(path)
    assert page.text.count(ACTIVE) == 3
    shown = text_of(page)
    assert "offline" in shown
    assert "Job title Reader" in shown
    assert "Not set: display name, first name" in shown
    assert f"{KEY[:8]}… 2 " in shown
    assert f"{OTHER_KEY[:8]}… 1 " in shown
    assert "/private/alice" in shown

    session, now = server.claims(alice["token"]).sid, server.clock.now()
    subscriber = UUID(alice["subscriber_id"])
    lease = Presence(server.tenant.id, UUID(int=7 << 96), subscriber, session, now, now + 60)
    await server.services.store.presence.set_online([lease], now)
    shown = text_of(await visitor.get(path))
    assert "online" in shown
    assert str(lease.connection)[:8] in shown


async def test_sessions_that_ended_say_by_what(server: Server, visitor: Visitor, base: str) -> None:
    alice = await server.sign_in()
    session = server.claims(alice["token"]).sid
    auth = server.tenant.auth
    answer = await server.client.delete(f"/api/satmint/sessions/{session}", auth=auth)
    assert answer.status_code == 204
    shown = text_of(await visitor.get(f"{base}/{alice['subscriber_id']}"))
    assert "revoked session revoked" in shown


async def test_long_lists_of_sessions_have_parts(
    server: Server, visitor: Visitor, base: str
) -> None:
    alice = await server.sign_in()
    for _ in range(20):
        server.clock.advance(1)
        await server.sign_in()
    path = f"{base}/{alice['subscriber_id']}"
    page = await visitor.get(path)
    assert page.text.count(ACTIVE) == 20
    following = next(link for link in visitor.page.all("href", "a") if "page_token" in link)
    assert (await visitor.get(following)).text.count(ACTIVE) == 1


async def test_devices_are_of_the_newest_sessions_only(
    server: Server, visitor: Visitor, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_EXAMINED", 1)
    await server.sign_in(fingerprint=KEY)
    server.clock.advance(1)
    alice = await server.sign_in(fingerprint=OTHER_KEY)
    subscriber = UUID(alice["subscriber_id"])
    found = await newest_devices(server.services, server.tenant.id, subscriber)
    assert [one.fingerprint for one in found.items] == [OTHER_KEY]
    assert not found.is_complete
    assert "there are more" in text_of(await visitor.get(f"{base}/{subscriber}"))


async def test_subscriber_is_created(visitor: Visitor, base: str) -> None:
    form = await visitor.get(f"{base}/create?email=dora@example.com")
    assert value_of(form, "email") == "dora@example.com"
    fields = {"email": "dora@example.com", "password": "correct horse", "first_name": "Dora"}
    answer = await visitor.post(f"{base}/create", fields)
    shown = text_of(await visitor.follow(answer))
    assert "Subscriber “dora@example.com” was created." in shown
    assert "First name Dora" in shown
    await visitor.get(f"{base}/create")
    answer = await visitor.post(f"{base}/create", {**fields, "email": "Dora@example.com"})
    assert errors_of(answer) == {"email": "Email must be unique within the project."}
    assert value_of(answer, "email") == "Dora@example.com"
    assert "correct horse" not in answer.text


async def test_bad_input_comes_back_beside_its_field_without_the_password(
    visitor: Visitor, base: str
) -> None:
    await visitor.get(f"{base}/create")
    fields = {"email": "dora", "password": "short", "country": "c" * 256}
    answer = await visitor.post(f"{base}/create", fields)
    assert errors_of(answer) == {
        "email": "Email must be an e-mail address.",
        "password": "Password must be 8 to 72 bytes long.",
        "country": "Country must be at most 255 characters long.",
    }
    assert value_of(answer, "country") == "c" * 256
    assert value_of(answer, "password") == ""
    answer = await visitor.post(f"{base}/create", {})
    assert errors_of(answer) == {"email": "Required parameter is missing."}


async def test_only_what_differs_is_changed(server: Server, visitor: Visitor, base: str) -> None:
    alice = await server.sign_in(first_name="Alice", last_name="Liddell")
    path = f"{base}/{alice['subscriber_id']}"
    form = await visitor.get(f"{path}/change")
    assert value_of(form, "email") == "alice@example.com"
    fields = {"email": "alice@example.com", "first_name": "Alicia", "last_name": ""}
    shown = text_of(await visitor.follow(await visitor.post(f"{path}/change", fields)))
    assert "Subscriber “Alicia” was changed." in shown
    assert "Last name" not in shown
    assert "alice@example.com" in shown
    await visitor.get(f"{path}/change")
    answer = await visitor.post(f"{path}/change", {"email": "", "first_name": "Alicia"})
    assert errors_of(answer) == {"email": "Email must not be empty."}
    answer = await visitor.post(
        f"{path}/change", {"email": "alice@example.com", "first_name": "Alicia"}
    )
    assert "Nothing was changed." in text_of(await visitor.follow(answer))


async def test_revoking_everything_says_how_much_and_ends_it(
    server: Server, visitor: Visitor, base: str
) -> None:
    pairs = [await server.sign_in() for _ in range(3)]
    path = f"{base}/{pairs[0]['subscriber_id']}"
    question = text_of(await visitor.get(f"{path}/revoke"))
    assert "3 active sessions of “alice@example.com” will be revoked." in question
    assert (await server.info(pairs[0]["token"])).status_code == 200
    shown = text_of(await visitor.follow(await visitor.post(f"{path}/revoke")))
    assert "3 active sessions were revoked." in shown
    assert [(await server.info(pair["token"])).status_code for pair in pairs] == [401] * 3
    assert (await server.audit_trail())[-1].origin.agent.startswith("console (operator)")
    assert "No active sessions of" in text_of(await visitor.get(f"{path}/revoke"))


async def test_revoking_a_key_ends_its_sessions_only(
    server: Server, visitor: Visitor, base: str
) -> None:
    lost = await server.sign_in(fingerprint=KEY)
    kept = await server.sign_in(fingerprint=OTHER_KEY)
    path = f"{base}/{lost['subscriber_id']}"
    question = text_of(await visitor.get(f"{path}/revoke-key?key={KEY}"))
    assert "1 active session bound to the key will be revoked." in question
    shown = text_of(await visitor.follow(await visitor.post(f"{path}/revoke-key", {"key": KEY})))
    assert "1 active session was revoked." in shown
    assert f"{KEY[:8]}…" not in shown
    states = [server.claims(pair["token"]).sid for pair in (lost, kept)]
    sessions = [await server.services.store.sessions.get(server.tenant.id, one) for one in states]
    assert [one is not None and one.session.revoked_at is not None for one in sessions] == [
        True,
        False,
    ]
    for key in ("", "nonsense", KEY + "x"):
        assert (await visitor.get(f"{path}/revoke-key?key={key}")).status_code == 404
        await visitor.get(path)
        answer = await visitor.post(f"{path}/revoke-key", {"key": key})
        assert answer.status_code == 404


async def test_deleted_subscriber_is_gone(server: Server, visitor: Visitor, base: str) -> None:
    alice = await server.sign_in()
    path = f"{base}/{alice['subscriber_id']}"
    question = text_of(await visitor.get(f"{path}/delete"))
    assert "Subscriber “alice@example.com” will be deleted." in question
    assert "1 active session will be revoked." in question
    shown = text_of(await visitor.follow(await visitor.post(f"{path}/delete")))
    assert "Subscriber “alice@example.com” was deleted." in shown
    assert (await visitor.get(path)).status_code == 404
    assert (await server.info(alice["token"])).status_code == 401
    assert (await server.events())[-1] is EventKind.SUBSCRIBER_DELETED


async def test_guest_is_shown_and_can_be_revoked_but_not_changed(
    server: Server, visitor: Visitor, base: str
) -> None:
    body = {"allowed_addresses": [str(server.tenant.addresses[0].id)]}
    url = "/api/fabric/guests/tokens"
    pair = (await server.client.post(url, json=body, auth=server.tenant.auth)).json()
    path = f"{base}/{server.claims(pair['token']).sub}"
    assert "temporary: guest" in text_of(await visitor.get(path))
    for action in ("change", "delete"):
        assert (await visitor.get(f"{path}/{action}")).status_code == 404
        await visitor.get(path)
        assert (await visitor.post(f"{path}/{action}", {"first_name": "G"})).status_code == 404
    await visitor.get(f"{path}/revoke")
    shown = text_of(await visitor.follow(await visitor.post(f"{path}/revoke")))
    assert "1 active session was revoked." in shown
