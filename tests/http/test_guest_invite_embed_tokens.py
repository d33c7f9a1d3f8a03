"""Guest, invite and embed tokens: what is asked, what is answered."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import pytest

from satmint.model.claims import Kind
from satmint.model.secrets import new_c2c_token
from tests.http.answer_contract import FieldError, field_errors, invalid, members, missing, plain
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy
from tests.kit.proofs import b64url
from tests.kit.service import Bearer, Server, a_service, said
from tests.unit.jose.token_parts import header_of

GUESTS: Final = "/api/fabric/guests/tokens"
INVITES: Final = "/api/fabric/subscriber/invites"
EMBEDS: Final = ("/api/fabric/embeds/tokens", "/api/embeds/tokens")
SOMEWHERE: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"


async def guest(server: Server, body: object) -> httpx.Response:
    return await server.client.post(GUESTS, json=body, auth=server.tenant.auth)


async def embed(
    server: Server, body: object, path: str = EMBEDS[0], origin: str | None = None
) -> httpx.Response:
    headers = {} if origin is None else {"Origin": origin}
    return await server.client.post(path, json=body, headers=headers)


async def own_address(server: Server, token: str) -> str:
    info = said(await server.info(token), 200)
    return str(info["fabric_addresses"][0]["id"])


async def test_guest_gets_a_pair_for_the_addresses_named(server: Server) -> None:
    places = [str(address.id) for address in server.tenant.addresses[:2]]
    answer = await guest(server, {"allowed_addresses": [*places, places[0].upper()]})
    body = said(answer, 201)
    assert members(body) == ["token", "refresh_token"]
    assert answer.headers["cache-control"] == "no-store"
    claims = server.claims(body["token"])
    assert claims.kind is Kind.GUEST
    assert [str(place) for place in claims.addr or ()] == places
    assert (await server.rotate(body["refresh_token"])).keys() == {"token", "refresh_token"}


async def test_guest_sees_its_addresses_and_no_others(server: Server) -> None:
    support, sales, _ = server.tenant.addresses
    pair = said(await guest(server, {"allowed_addresses": [str(support.id)]}), 201)
    auth = Bearer(pair["token"])
    listed = said(await server.client.get("/api/fabric/addresses", auth=auth), 200)
    assert [item["id"] for item in listed["data"]] == [str(support.id)]
    one = await server.client.get(f"/api/fabric/addresses/{support.id}", auth=auth)
    assert said(one, 200)["name"] == "support"
    plain(await server.client.get(f"/api/fabric/addresses/{sales.id}", auth=auth), 404)
    info = said(await server.info(pair["token"]), 200)
    assert [item["id"] for item in info["fabric_addresses"]] == [str(support.id)]
    assert (info["email"], "sat_claims" in info) == (None, False)


LIST: Final = ("not_an_array_of_strings", "Allowed Addresses must be an array of strings")
FOREIGN: Final = (
    "must_belong_to_project",
    "The addresses must belong to the project",
    "allowed_addresses",
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("allowed_addresses")]),
        ({"allowed_addresses": None}, [(*LIST, "allowed_addresses")]),
        ({"allowed_addresses": SOMEWHERE}, [(*LIST, "allowed_addresses")]),
        ({"allowed_addresses": {SOMEWHERE: 1}}, [(*LIST, "allowed_addresses")]),
        ({"allowed_addresses": [7]}, [(*LIST, "allowed_addresses")]),
        ({"allowed_addresses": [SOMEWHERE, None]}, [(*LIST, "allowed_addresses")]),
        (
            {"allowed_addresses": []},
            [invalid("Allowed Addresses must not be empty", "allowed_addresses")],
        ),
        (
            {"allowed_addresses": ["x"]},
            [invalid("Allowed Addresses must be UUIDs", "allowed_addresses")],
        ),
        (
            {"allowed_addresses": [SOMEWHERE, SOMEWHERE.replace("-", "")]},
            [invalid("Allowed Addresses must be UUIDs", "allowed_addresses")],
        ),
        (
            {"allowed_addresses": [SOMEWHERE] * 11},
            [
                (
                    "allowed_address_limit_exceeded",
                    "Allowed Addresses must hold at most 10 addresses",
                    "allowed_addresses",
                )
            ],
        ),
        ({"allowed_addresses": [SOMEWHERE]}, [FOREIGN]),
        (
            {"allowed_addresses": [SOMEWHERE], "expire_at": NOW},
            [invalid(f"Expire At must be greater than {NOW}", "expire_at"), FOREIGN],
        ),
        (
            {"allowed_addresses": [SOMEWHERE], "region": "mars", "ch": "evil.example"},
            [
                ("unsupported_region", "Region must be one of: us-central", "region"),
                ("unsupported_region", "Ch must be a region or a cluster host", "ch"),
                FOREIGN,
            ],
        ),
        (
            {"allowed_addresses": [SOMEWHERE], "expires_at": NOW + 1, "ch": 7},
            [
                ("not_a_string", "Ch must be a string", "ch"),
                invalid(
                    "Expires At is not a known parameter; did you mean expire_at?", "expires_at"
                ),
                FOREIGN,
            ],
        ),
        (
            {"allowed_addresses": [SOMEWHERE], "ch": ""},
            [("unsupported_region", "Ch must be a region or a cluster host", "ch"), FOREIGN],
        ),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_each_fault_of_a_guest_token(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    before = await server.rows()
    assert field_errors(await guest(server, body)) == expected
    assert await server.rows() == before


@pytest.mark.parametrize(
    ("asked", "host"),
    [
        ({}, "puc.example.com"),
        ({"region": "eu-west"}, "puc.eu.example.com"),
        ({"ch": "eu-west"}, "puc.eu.example.com"),
        ({"ch": "puc.eu.example.com"}, "puc.eu.example.com"),
        ({"ch": "puc.example.com"}, "puc.example.com"),
        ({"ch": "us-central"}, "puc.example.com"),
        ({"region": "us-central", "ch": "eu-west"}, "puc.eu.example.com"),
    ],
)
async def test_ch_or_region_of_a_guest_picks_the_cluster_host(
    tmp_path: Path, asked: dict[str, str], host: str
) -> None:
    regions = {"us-central": "", "eu-west": "puc.eu.example.com"}
    async with a_service(tmp_path, cluster_host="puc.example.com", regions=regions) as server:
        places = [str(server.tenant.addresses[0].id)]
        pair = said(await guest(server, {"allowed_addresses": places, **asked}), 201)
        assert header_of(pair["token"])["ch"] == header_of(pair["refresh_token"])["ch"] == host


async def test_subscriber_and_backend_invite_to_a_subscriber_s_address(server: Server) -> None:
    alice = await server.sign_in()
    body = {"address_id": await own_address(server, alice["token"]), "expires_at": NOW + 600}
    for auth in (Bearer(alice["token"]), server.tenant.auth):
        answer = await server.client.post(INVITES, json=body, auth=auth)
        said_ = said(answer, 201)
        assert members(said_) == ["token"]
        assert answer.headers["cache-control"] == "no-store"
        claims = server.claims(said_["token"])
        assert (claims.kind, claims.exp) == (Kind.INVITE, NOW + 600)
        listed = await server.client.get("/api/fabric/addresses", auth=Bearer(said_["token"]))
        assert [item["id"] for item in said(listed, 200)["data"]] == [body["address_id"]]


NO_ADDRESS: Final = (
    "must_belong_to_project",
    "The address must belong to the project",
    "address_id",
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("address_id")]),
        ({"address_id": 7}, [("not_a_string", "Address Id must be a string", "address_id")]),
        ({"address_id": "x"}, [invalid("Address Id must be a UUID", "address_id")]),
        ({"address_id": SOMEWHERE}, [NO_ADDRESS]),
        (
            {"address_id": SOMEWHERE, "expires_at": True},
            [invalid("Expires At must be an integer", "expires_at"), NO_ADDRESS],
        ),
        (
            {"address_id": SOMEWHERE, "expire_at": NOW + 9},
            [
                invalid(
                    "Expire At is not a known parameter; did you mean expires_at?", "expire_at"
                ),
                NO_ADDRESS,
            ],
        ),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_each_fault_of_an_invite(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    alice = await server.sign_in()
    for auth in (Bearer(alice["token"]), server.tenant.auth):
        answer = await server.client.post(INVITES, json=body, auth=auth)
        assert field_errors(answer) == expected


async def test_address_that_is_nobody_s_or_another_s_is_not_given_out(server: Server) -> None:
    alice, bob = await server.sign_in("alice"), await server.sign_in("bob")
    room = str(server.tenant.addresses[0].id)
    not_own = [invalid("The address must belong to the subscriber", "address_id")]
    for place, auth in (
        (await own_address(server, bob["token"]), Bearer(alice["token"])),
        (room, Bearer(alice["token"])),
        (room, server.tenant.auth),
    ):
        answer = await server.client.post(INVITES, json={"address_id": place}, auth=auth)
        assert field_errors(answer) == not_own


async def test_guests_and_invitees_invite_nobody(server: Server) -> None:
    room = str(server.tenant.addresses[0].id)
    pair = said(await guest(server, {"allowed_addresses": [room]}), 201)
    answer = await server.client.post(
        INVITES, json={"address_id": room}, auth=Bearer(pair["token"])
    )
    plain(answer, 403)


@pytest.mark.parametrize("path", EMBEDS)
async def test_visitor_needs_nothing_but_the_page_s_token(server: Server, path: str) -> None:
    _, text = await server.c2c_token()
    answer = await embed(server, {"token": text}, path)
    body = said(answer, 201)
    assert members(body) == ["token"]
    assert answer.headers["cache-control"] == "no-store"
    claims = server.claims(body["token"])
    assert (claims.kind, claims.exp) == (Kind.EMBED, NOW + 7200)
    info = said(await server.info(body["token"]), 200)
    assert [item["name"] for item in info["fabric_addresses"]] == ["support"]


UNKNOWN: Final = new_c2c_token(SeededEntropy("unknown")).reveal()
PREFIX: Final = ("token_has_invalid_prefix", "Token must begin with c2c_", "token")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("token")]),
        ({"token": 7}, [("not_a_string", "Token must be a string", "token")]),
        ({"token": ""}, [PREFIX]),
        ({"token": "C2C_x"}, [PREFIX]),
        ({"token": " " + UNKNOWN}, [PREFIX]),
        (
            {"token": "x", "origin": "y"},
            [invalid("Origin is not a known parameter", "origin"), PREFIX],
        ),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_each_fault_of_an_embed(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    for path in EMBEDS:
        assert field_errors(await embed(server, body, path)) == expected


@pytest.mark.parametrize("path", EMBEDS)
async def test_what_is_no_click_to_call_token_is_told_what_it_is_and_what_to_do(
    server: Server, path: str
) -> None:
    pair, (_, text) = await server.sign_in(), await server.c2c_token()
    exchanged = said(await embed(server, {"token": text}, path), 201)["token"]
    sat = (
        "this is a SAT, such as an exchange returns. It needs no other exchange: pass it to the"
        " SDK or the widget as its token"
    )
    refresh_token = (
        "this is a refresh token, which only a backend may have. Keep it out of pages, and exchange"
        " the Click-to-Call token"
    )
    jwe = "this is an encrypted token (JWE). Exchange the Click-to-Call token of the page"
    api_token = "this is an API token. Keep it out of pages, and delete it if one contained it"
    foreign = b64url(b'{"alg":"RSA-OAEP","enc":"A256GCM"}')
    for presented, remedy in (
        (exchanged, sat),
        (pair["token"], sat),
        (f"{pair['token'][:-4]}AAAA", sat),
        (pair["refresh_token"], refresh_token),
        (f"{foreign}.a.b.c.d", jwe),
        (f"{b64url(b'[1]')}.a.b.c.d", jwe),
        (f"{'[' * 100}.a.b.c.d", jwe),
        (server.tenant.api_token, api_token),
    ):
        (error,) = field_errors(await embed(server, {"token": presented}, path))
        assert error == (PREFIX[0], f"{PREFIX[1]}: {remedy}", PREFIX[2])
    assert field_errors(await embed(server, {"token": "a.b.c"}, path)) == [PREFIX]


async def test_page_s_token_that_is_unknown_deleted_or_disabled(server: Server) -> None:
    manage = "/api/satmint/c2c-tokens"
    plain(await embed(server, {"token": UNKNOWN}), 404)
    disabled, text = await server.c2c_token()
    said(await server.client.post(f"{manage}/{disabled}/disable", auth=server.tenant.auth), 200)
    plain(await embed(server, {"token": text}), 403)
    gone = await server.client.delete(f"{manage}/{disabled}", auth=server.tenant.auth)
    assert gone.status_code == 204
    plain(await embed(server, {"token": text}), 404)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 201),
        ("https://shop.example:8443", 201),
        ("https://evil.example", 403),
        ("https://shop.example.evil.example", 403),
        ("http://shop.example", 403),
        ("null", 403),
        (None, 403),
    ],
)
async def test_page_s_token_works_from_its_origins_only(
    server: Server, origin: str | None, status: int
) -> None:
    origins = ("https://shop.example", "https://shop.example:8443")
    _, text = await server.c2c_token(None, *origins)
    answer = await embed(server, {"token": text}, origin=origin)
    assert answer.status_code == status
    if status == 403:
        plain(answer, 403)
    if origin is not None:
        assert answer.headers["access-control-allow-origin"] == "*"


def guest_body(server: Server, place: UUID) -> dict[str, object]:
    return {"allowed_addresses": [str(server.tenant.addresses[0].id), str(place)]}


def invite_body(server: Server, place: UUID) -> dict[str, object]:  # noqa: ARG001 - one signature
    return {"address_id": str(place)}


@pytest.mark.parametrize(
    ("path", "body", "field_error"),
    [(GUESTS, guest_body, FOREIGN), (INVITES, invite_body, NO_ADDRESS)],
)
async def test_address_of_another_project_leads_nowhere(
    server: Server,
    path: str,
    body: Callable[[Server, UUID], dict[str, object]],
    field_error: FieldError,
) -> None:
    other = await server.another_tenant()
    before = await server.rows()
    asked = body(server, other.addresses[0].id)
    answer = await server.client.post(path, json=asked, auth=server.tenant.auth)
    assert field_errors(answer) == [field_error]
    assert await server.rows() == before


async def test_click_to_call_token_of_a_deleted_address_leads_nowhere(server: Server) -> None:
    address, *_ = server.tenant.addresses
    _, text = await server.c2c_token(address)
    path = f"/api/satmint/addresses/{address.id}"
    assert (await server.client.delete(path, auth=server.tenant.auth)).status_code == 204
    plain(await embed(server, {"token": text}), 404)
