"""Attacks by name. Each is refused, and the database is the same before and after."""

import asyncio
import json
from base64 import b64decode, b64encode
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from satmint.jose import CannotOpen
from satmint.model.base64url import b64url, b64url_decode
from satmint.model.claims import TokenType
from tests.http.answer_contract import field_errors, plain
from tests.kit.clock import NOW
from tests.kit.service import INFO, REFRESH, Bearer, Server, Tenant, said
from tests.unit.jose.token_parts import header_of

INVALID: Final = [("token_invalid", "Token is invalid.", "refresh_token")]
NOT_REFRESH: Final = [("not_a_refresh_token", "Token is not a refresh token.", "refresh_token")]
EXPIRED: Final = [("token_expired", "Token has expired.", "refresh_token")]


async def refused_everywhere(server: Server, token: str) -> None:
    """No endpoint takes `token` for a SAT, and none for a refresh token."""
    before = await server.rows()
    plain(await server.info(token), 401)
    plain(await server.client.get("/api/fabric/addresses", auth=Bearer(token)), 401)
    body = {"address_id": str(server.tenant.addresses[0].id)}
    invite = "/api/fabric/subscriber/invites"
    plain(await server.client.post(invite, json=body, auth=Bearer(token)), 401)
    assert field_errors(await server.refresh(token)) in (
        INVALID,
        [("invalid_token_format", "Token format is invalid.", "refresh_token")],
    )
    told = await server.client.post(
        "/api/satmint/tokens/introspect", json={"token": token}, auth=server.tenant.auth
    )
    assert said(told, 200) == {"active": False}
    assert await server.rows() == before


def with_header(token: str, **changes: object) -> str:
    """`token` under a header with other members; None takes one away."""
    members = {**header_of(token), **changes}
    kept = {name: value for name, value in members.items() if value is not None}
    header = b64url(json.dumps(kept, separators=(",", ":")).encode())
    return ".".join([header, *token.split(".")[1:]])


async def test_sat_as_refresh_token_and_the_reverse(server: Server) -> None:
    pair = await server.sign_in()
    before = await server.rows()
    assert field_errors(await server.refresh(pair["token"])) == NOT_REFRESH
    plain(await server.info(pair["refresh_token"]), 401)
    assert await server.rows() == before
    said(await server.refresh(pair["refresh_token"]), 201)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "A256KW"},
        {"alg": "RSA-OAEP"},
        {"alg": "HS256"},
        {"alg": None},
        {"enc": "A128GCM"},
        {"enc": "none"},
        {"typ": "JWT"},
        {"typ": "sat"},
        {"typ": None},
        {"zip": "DEF"},
        {"crit": ["exp"]},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"kid": "../../etc/passwd.AAAAAAAAAAAAAAAAAAAAAA"},
        {"kid": "nobody.AAAAAAAAAAAAAAAAAAAAAA"},
        {"kid": None},
        {"ch": "evil.example"},
    ],
    ids=str,
)
async def test_downgraded_or_forged_header(server: Server, changes: dict[str, object]) -> None:
    pair = await server.sign_in()
    for token in (pair["token"], pair["refresh_token"]):
        await refused_everywhere(server, with_header(token, **changes))


async def test_confused_typ(server: Server) -> None:
    pair = await server.sign_in()
    for token, posing in ((pair["token"], "Refresh"), (pair["refresh_token"], "SAT")):
        await refused_everywhere(server, with_header(token, typ=posing))


async def test_repeated_member_in_a_header(server: Server) -> None:
    pair = await server.sign_in()
    for token in (pair["token"], pair["refresh_token"]):
        head, rest = token.split(".", 1)
        text = b64url_decode(head).decode()
        for doubled in (
            text.replace("{", '{"alg":"none",', 1),
            text.replace("}", ',"typ":"SAT"}'),
            text.replace("}", ',"typ":"Refresh"}'),
        ):
            await refused_everywhere(server, f"{b64url(doubled.encode())}.{rest}")


async def test_parts_of_two_sessions_crossed(server: Server) -> None:
    alice, bob = await server.sign_in("alice"), await server.sign_in("bob")
    for name in ("token", "refresh_token"):
        one, other = alice[name].split("."), bob[name].split(".")
        for at in (2, 3, 4):
            await refused_everywhere(server, ".".join([*one[:at], other[at], *one[at + 1 :]]))


async def test_every_single_character_of_a_token_matters(server: Server) -> None:
    pair = await server.sign_in()
    for name, typ in (("token", TokenType.SAT), ("refresh_token", TokenType.REFRESH)):
        token = pair[name]
        for at in range(0, len(token), 7):
            other = "A" if token[at] != "A" else "B"
            changed = token[:at] + other + token[at + 1 :]
            with pytest.raises(CannotOpen):
                server.services.cipher.open(changed, typ)


@pytest.mark.parametrize("offset", [-1, 0, 1])
async def test_clock_around_the_expiry_of_a_sat(server: Server, offset: int) -> None:
    pair = await server.sign_in("alice", expire_at=NOW + 600)
    server.clock.at = NOW + 600 + offset
    answer = await server.info(pair["token"])
    if offset < 0:
        said(answer, 200)
    else:
        plain(answer, 401)


@pytest.mark.parametrize("offset", [-1, 0, 1])
async def test_clock_around_the_expiry_of_a_refresh_token(server: Server, offset: int) -> None:
    pair = await server.sign_in("alice", expire_at=NOW + 600)
    server.clock.at = NOW + 900 + offset
    answer = await server.refresh(pair["refresh_token"])
    if offset < 0:
        said(answer, 201)
    else:
        assert field_errors(answer) == EXPIRED


async def test_another_project_s_everything(server: Server) -> None:
    """Tokens, session, subscriber, addresses, API and Click-to-Call tokens: all as if not there."""
    mine, theirs = server.tenant, await server.another_tenant()
    pair = await server.sign_in()
    claims = server.claims(pair["token"])
    c2c, _ = await server.c2c_token()
    listed = await server.client.get("/api/satmint/events", auth=mine.auth)
    (made,) = [item for item in said(listed, 200)["data"] if item["kind"] == "api_token_created"]
    before = await server.rows()

    async def ask(method: str, path: str, **sent: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        return await server.client.request(method, path, auth=theirs.auth, **sent)

    answer = await ask("POST", REFRESH, json={"refresh_token": pair["refresh_token"]})
    assert field_errors(answer) == INVALID
    for text in (pair["token"], pair["refresh_token"]):
        told = await ask("POST", "/api/satmint/tokens/introspect", json={"token": text})
        assert said(told, 200) == {"active": False}
        ended = await ask("POST", "/api/satmint/tokens/revoke", json={"token": text})
        assert said(ended, 200) == {"revoked_sessions": 0}
    subscriber, session = pair["subscriber_id"], claims.sid
    address = mine.addresses[0].id
    for method, path in (
        ("GET", f"/api/fabric/resources/subscribers/{subscriber}"),
        ("PUT", f"/api/fabric/resources/subscribers/{subscriber}"),
        ("DELETE", f"/api/fabric/resources/subscribers/{subscriber}"),
        ("GET", f"/api/fabric/resources/subscribers/{subscriber}/addresses"),
        ("GET", f"/api/satmint/subscribers/{subscriber}/sessions"),
        ("DELETE", f"/api/satmint/subscribers/{subscriber}/sessions"),
        ("GET", f"/api/satmint/sessions/{session}"),
        ("DELETE", f"/api/satmint/sessions/{session}"),
        ("GET", f"/api/fabric/addresses/{address}"),
        ("PATCH", f"/api/satmint/addresses/{address}"),
        ("DELETE", f"/api/satmint/addresses/{address}"),
        ("POST", f"/api/satmint/c2c-tokens/{c2c}/disable"),
        ("DELETE", f"/api/satmint/c2c-tokens/{c2c}"),
        ("PATCH", f"/api/project/tokens/{made['subject_id']}"),
        ("DELETE", f"/api/project/tokens/{made['subject_id']}"),
    ):
        body = {"locked": True} if path.startswith("/api/satmint/addresses") else {}
        sent = {} if method == "DELETE" else {"json": body}
        plain(await ask(method, path, **sent), 404)
    assert await server.rows() == before
    for path in (
        "/api/fabric/resources/subscribers",
        "/api/satmint/c2c-tokens",
        "/api/satmint/events",
        "/api/fabric/addresses",
    ):
        shown = (await ask("GET", path)).text
        for ours in (mine.id, subscriber, session, address, c2c, made["subject_id"]):
            assert str(ours) not in shown
    said(await server.refresh(pair["refresh_token"]), 201)


async def test_one_project_s_user_with_another_s_password(server: Server) -> None:
    theirs = await server.another_tenant()
    mixed = Tenant(server.tenant.id, theirs.api_token, ())
    plain(await server.client.get("/api/fabric/addresses", auth=mixed.auth), 401)


async def test_holder_of_a_sat_is_no_backend(server: Server) -> None:
    pair = await server.sign_in()
    before = await server.rows()
    for method, path in (
        ("POST", REFRESH),
        ("POST", "/api/fabric/subscribers/tokens"),
        ("GET", "/api/fabric/resources/subscribers"),
        ("POST", "/api/project/tokens"),
        ("GET", "/api/satmint/events"),
    ):
        plain(await server.client.request(method, path, auth=Bearer(pair["token"])), 401)
    as_basic = httpx.BasicAuth(str(server.tenant.id), pair["token"])
    plain(await server.client.get("/api/fabric/addresses", auth=as_basic), 401)
    plain(await server.client.get(INFO, auth=server.tenant.auth), 401)
    assert await server.rows() == before


async def test_two_authorization_headers_are_never_two_callers(server: Server) -> None:
    """Whichever of the two counts, a wrong one beside a right one opens nothing new."""
    theirs = await server.another_tenant()
    requests = [httpx.Request("GET", "http://mint.test") for _ in range(2)]
    for request, auth in zip(requests, (server.tenant.auth, theirs.auth), strict=True):
        next(auth.auth_flow(request))
    both = [("Authorization", request.headers["authorization"]) for request in requests]
    answer = await server.client.get("/api/fabric/addresses", headers=both)
    assert {item["id"] for item in said(answer, 200)["data"]} in (
        {str(address.id) for address in server.tenant.addresses},
        {str(address.id) for address in theirs.addresses},
    )


async def test_base64_of_a_credential_has_one_spelling(server: Server) -> None:
    request = httpx.Request("GET", "http://mint.test")
    next(server.tenant.auth.auth_flow(request))
    text = request.headers["authorization"].removeprefix("Basic ")
    path = "/api/fabric/addresses"
    assert b64encode(b64decode(text)).decode() == text
    for spoiled in (f"{text[:10]}\u00e9{text[10:]}", f"{text[:10]} {text[10:]}", text + "AAAA"):
        sent = {b"Authorization": f"Basic {spoiled}".encode()}
        plain(await server.client.get(path, headers=sent), 401)


async def test_deleted_subscriber_and_revoked_session_are_dead_everywhere(server: Server) -> None:
    gone, revoked = await server.sign_in("gone"), await server.sign_in("revoked")
    mine = server.tenant
    subscriber = f"/api/fabric/resources/subscribers/{gone['subscriber_id']}"
    session = f"/api/satmint/sessions/{server.claims(revoked['token']).sid}"
    for path in (subscriber, session):
        assert (await server.client.delete(path, auth=mine.auth)).status_code == 204
    plain(await server.refresh(gone["refresh_token"]), 404)
    assert field_errors(await server.refresh(revoked["refresh_token"])) == INVALID
    for pair in (gone, revoked):
        plain(await server.info(pair["token"]), 401)
        plain(await server.client.get("/api/fabric/addresses", auth=Bearer(pair["token"])), 401)
    plain(await server.client.get(subscriber, auth=mine.auth), 404)


async def test_race_of_many_for_one_refresh_token_makes_one_generation(server: Server) -> None:
    pair = await server.sign_in()
    answers = await asyncio.gather(*(server.refresh(pair["refresh_token"]) for _ in range(20)))
    pairs = [said(answer, 201) for answer in answers]
    assert {server.claims(each["token"]).gen for each in pairs} == {1}
    assert len({server.claims(each["token"]).jti for each in pairs}) == 1
    assert len({each["token"] for each in pairs}) == 20
    row = await server.row_of_session(server.claims(pair["token"]).sid)
    assert row["generation"] == 1


async def test_race_of_refresh_and_revoke_leaves_nothing_alive(server: Server) -> None:
    pair = await server.sign_in()
    session = f"/api/satmint/sessions/{server.claims(pair['token']).sid}"
    answers = await asyncio.gather(
        *(server.refresh(pair["refresh_token"]) for _ in range(5)),
        server.client.delete(session, auth=server.tenant.auth),
        *(server.refresh(pair["refresh_token"]) for _ in range(5)),
    )
    assert {answer.status_code for answer in answers} <= {201, 204, 422}
    for answer in answers:
        if answer.status_code == 201:
            plain(await server.info(answer.json()["token"]), 401)
            assert field_errors(await server.refresh(answer.json()["refresh_token"])) == INVALID


async def test_race_of_many_for_one_new_reference_makes_one_subscriber(server: Server) -> None:
    pairs = await asyncio.gather(*(server.sign_in("new@example.com") for _ in range(10)))
    assert len({pair["subscriber_id"] for pair in pairs}) == 1
    assert len({server.claims(pair["token"]).sid for pair in pairs}) == 10


async def test_temporary_subscriber_of_a_guest_is_no_resource(server: Server) -> None:
    body = {"allowed_addresses": [str(server.tenant.addresses[0].id)]}
    guests = "/api/fabric/guests/tokens"
    pair = said(await server.client.post(guests, json=body, auth=server.tenant.auth), 201)
    guest: UUID = server.claims(pair["token"]).sub
    path = f"/api/fabric/resources/subscribers/{guest}"
    for method in ("GET", "PUT", "DELETE"):
        plain(await server.client.request(method, path, auth=server.tenant.auth), 404)
    listed = await server.client.get("/api/fabric/resources/subscribers", auth=server.tenant.auth)
    assert said(listed, 200)["data"] == []
