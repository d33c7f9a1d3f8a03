"""References over HTTP: which are accepted, which are equal, and what others read of them."""

from typing import Final

import httpx
import pytest

from tests.http.answer_contract import field_errors, invalid
from tests.kit.service import TOKENS, Bearer, Json, Server, said

SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"
GUESTS: Final = "/api/fabric/guests/tokens"
INVITES: Final = "/api/fabric/subscriber/invites"
EMBEDS: Final = "/api/fabric/embeds/tokens"
BLANK: Final = "must not begin or end with a blank: remove it"
INVISIBLE: Final = "must not contain control, zero-width or bidirectional characters: remove"
REFUSED: Final = (
    ("", "must not be empty"),
    ("bob@example.com\n", BLANK),
    (" bob@example.com", BLANK),
    ("bob@example.com\u200b", f"{INVISIBLE} U+200B"),
    ("bob\u202e@example.com", f"{INVISIBLE} U+202E"),
    ("bob\x07@example.com", f"{INVISIBLE} U+0007"),
    ("b" * 256, "must be at most 255 characters long"),
)


async def create(server: Server, members: Json) -> httpx.Response:
    return await server.client.post(SUBSCRIBERS, json=members, auth=server.tenant.auth)


@pytest.mark.parametrize(("reference", "message"), REFUSED, ids=ascii)
async def test_reference_is_refused_and_the_remedy_is_named(
    server: Server, reference: str, message: str
) -> None:
    before = await server.rows("subscribers", "sessions")
    body = {"reference": reference}
    answer = await server.client.post(TOKENS, json=body, auth=server.tenant.auth)
    assert field_errors(answer) == [invalid(f"Reference {message}", "reference")]
    assert await server.rows("subscribers", "sessions") == before


@pytest.mark.parametrize(("email", "message"), REFUSED, ids=ascii)
async def test_email_address_is_refused_and_the_remedy_is_named(
    server: Server, email: str, message: str
) -> None:
    expected = [invalid(f"Email {message}", "email")]
    assert field_errors(await create(server, {"email": email})) == expected
    made = said(await create(server, {"email": "kim@example.com"}), 201)
    url = f"{SUBSCRIBERS}/{made['id']}"
    changed = await server.client.put(url, json={"email": email}, auth=server.tenant.auth)
    assert field_errors(changed) == expected


async def test_every_form_of_a_reference_is_one_subscriber(server: Server) -> None:
    first = await server.sign_in("Zo\u00eb@Example.com")
    for form in ("zo\u00eb@example.com", "ZOE\u0308@EXAMPLE.COM", "Zo\u00eb@Example.com"):
        again = await server.sign_in(form)
        assert again["subscriber_id"] == first["subscriber_id"]
        assert said(await server.info(again["token"]), 200)["email"] == "Zo\u00eb@Example.com"
    for form in ("zo\u00eb@example.com", "ZOE\u0308@EXAMPLE.COM"):
        answer = await create(server, {"email": form})
        assert said(answer, 422)["errors"][0]["code"] == "not_unique_within_project"


async def test_created_subscriber_signs_in_with_every_form_of_its_email_address(
    server: Server,
) -> None:
    made = said(await create(server, {"email": "Kim@Example.com"}), 201)
    assert (await server.sign_in("kim@example.com"))["subscriber_id"] == made["id"]


async def test_email_address_of_another_subscriber_locks_nobody_out(server: Server) -> None:
    sam = await server.sign_in("sam")
    change, url = {"email": "frank@example.com"}, f"{SUBSCRIBERS}/{sam['subscriber_id']}"
    said(await server.client.put(url, json=change, auth=server.tenant.auth), 200)
    frank = await server.sign_in("Frank@example.com")
    assert frank["subscriber_id"] != sam["subscriber_id"]
    assert said(await server.info(frank["token"]), 200)["email"] is None
    again = await server.sign_in("frank@example.com")
    assert again["subscriber_id"] == frank["subscriber_id"]


async def test_guests_invitees_and_visitors_read_no_reference(server: Server) -> None:
    """All that the three can ask of the server, for a subscriber who has given no name."""
    reference = "frank.miller@secret.example"
    frank = await server.sign_in(reference)
    own = said(await server.info(frank["token"]), 200)["fabric_addresses"][0]
    client, backend = server.client, server.tenant.auth
    guest = said(
        await client.post(GUESTS, json={"allowed_addresses": [own["id"]]}, auth=backend), 201
    )
    asked = {"address_id": own["id"]}
    invite = said(await client.post(INVITES, json=asked, auth=Bearer(frank["token"])), 201)
    (address,) = await server.services.store.addresses.of_subscriber(
        server.tenant.id, server.claims(frank["token"]).sub
    )
    _, c2c = await server.c2c_token(address)
    visitor = said(await client.post(EMBEDS, json={"token": c2c}), 201)
    for token in (guest["token"], invite["token"], visitor["token"]):
        auth = Bearer(token)
        answers = [
            await client.get("/api/fabric/addresses", auth=auth),
            await client.get(f"/api/fabric/addresses/{own['id']}", auth=auth),
            await client.get("/api/fabric/subscriber/info", auth=auth),
            await client.post(INVITES, json=asked, auth=auth),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 403]
        for answer in answers:
            assert "secret.example" not in answer.text
            assert '"frank.miller' not in answer.text
        assert said(answers[1], 200)["display_name"] == "frank-miller"
