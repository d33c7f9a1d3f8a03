"""What is beyond the vendor's API: sessions, tokens, addresses, Click-to-Call tokens, events."""

from typing import Final

import pytest

from satmint.model.events import EventKind
from tests.http.answer_contract import (
    ISO,
    NOT_UNIQUE,
    UUID_TEXT,
    FieldError,
    field_errors,
    invalid,
    members,
    missing,
    plain,
)
from tests.kit.clock import NOW
from tests.kit.service import Server, said

API: Final = "/api/satmint"
STARTED: Final = "2023-11-14T22:13:20Z"
JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
NOBODY: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"


async def test_session_is_shown_with_everything_but_its_tokens(server: Server) -> None:
    pair = await server.sign_in("alice", fingerprint=JKT)
    claims = server.claims(pair["token"])
    path = f"{API}/sessions/{claims.sid}"
    shown = said(await server.client.get(path, auth=server.tenant.auth), 200)
    assert shown == {
        "id": str(claims.sid),
        "subscriber_id": pair["subscriber_id"],
        "reference": "alice",
        "kind": "subscriber",
        "state": "active",
        "created_at": STARTED,
        "last_refresh_at": None,
        "expires_at": "2023-11-15T00:18:20Z",
        "generation": 0,
        "agent": shown["agent"],
        "address": "127.0.0.1",
        "fingerprint": JKT,
        "revoked_at": None,
        "ended": None,
        "devices": [],
    }
    assert shown["agent"].startswith("python-httpx/")
    server.clock.advance(60)
    await server.rotate(pair["refresh_token"])
    later = said(await server.client.get(path, auth=server.tenant.auth), 200)
    assert later == {
        **shown,
        "generation": 1,
        "last_refresh_at": "2023-11-14T22:14:20Z",
        "expires_at": "2023-11-15T00:19:20Z",
    }


async def test_sessions_are_listed_and_revoked_one_and_all(server: Server) -> None:
    pairs = [await server.sign_in("alice") for _ in range(3)]
    sessions = f"{API}/subscribers/{pairs[0]['subscriber_id']}/sessions"
    listed = said(await server.client.get(sessions, auth=server.tenant.auth), 200)
    ids = {str(server.claims(pair["token"]).sid) for pair in pairs}
    assert {item["id"] for item in listed["data"]} == ids
    assert listed["links"]["self"] == f"http://mint.test{sessions}"
    one = f"{API}/sessions/{server.claims(pairs[0]['token']).sid}"
    for _ in range(2):
        gone = await server.client.delete(one, auth=server.tenant.auth)
        assert (gone.status_code, gone.content) == (204, b"")
    shown = said(await server.client.get(one, auth=server.tenant.auth), 200)
    assert shown["revoked_at"] == STARTED
    answer = await server.client.delete(sessions, auth=server.tenant.auth)
    assert said(answer, 200) == {"revoked_sessions": 2}
    for pair in pairs:
        plain(await server.info(pair["token"]), 401)
        assert field_errors(await server.refresh(pair["refresh_token"])) == [
            ("token_invalid", "Token is invalid.", "refresh_token")
        ]


async def test_sessions_of_one_key_are_revoked_by_its_thumbprint(server: Server) -> None:
    bound = await server.sign_in("alice", fingerprint=JKT)
    free = await server.sign_in("alice")
    path = f"{API}/subscribers/{bound['subscriber_id']}/sessions"
    answer = await server.client.delete(f"{path}?fingerprint={JKT}", auth=server.tenant.auth)
    assert said(answer, 200) == {"revoked_sessions": 1}
    plain(await server.info(bound["token"]), 401)
    assert (await server.info(free["token"])).status_code == 200
    bad = await server.client.delete(f"{path}?fingerprint=", auth=server.tenant.auth)
    message = "Fingerprint must be an RFC 7638 SHA-256 thumbprint"
    assert field_errors(bad) == [invalid(message, "fingerprint")]
    assert (await server.info(free["token"])).status_code == 200


async def test_introspection_has_the_shape_of_rfc_7662(server: Server) -> None:
    pair = await server.sign_in("alice", fingerprint=JKT, scope="sat:refresh")
    claims = server.claims(pair["token"])
    answer = await server.client.post(
        f"{API}/tokens/introspect", json={"token": pair["token"]}, auth=server.tenant.auth
    )
    assert said(answer, 200) == {
        "active": True,
        "scope": "sat:refresh",
        "token_type": "SAT",
        "iss": "satmint",
        "sub": pair["subscriber_id"],
        "jti": claims.jti,
        "iat": NOW,
        "exp": NOW + 7200,
        "cnf": {"jkt": JKT},
        "session_id": str(claims.sid),
        "generation": 0,
        "kind": "subscriber",
        "project_id": str(server.tenant.id),
        "epoch": 0,
        "project_epoch": 0,
        "depends_on": [
            *map(str, (claims.sid, pair["subscriber_id"], server.tenant.id)),
            f"key:{server.services.cipher.keyring.active.id}",
        ],
    }
    assert answer.headers["cache-control"] == "no-store"
    for text in ("", "x", "a.b.c.d.e"):
        answer = await server.client.post(
            f"{API}/tokens/introspect", json={"token": text}, auth=server.tenant.auth
        )
        assert said(answer, 200) == {"active": False}


async def test_token_is_revoked_with_its_session(server: Server) -> None:
    pair = await server.sign_in()
    path = f"{API}/tokens/revoke"
    for text, count in (("x", 0), (pair["token"], 1), (pair["refresh_token"], 1)):
        answer = await server.client.post(path, json={"token": text}, auth=server.tenant.auth)
        assert said(answer, 200) == {"revoked_sessions": count}
    plain(await server.info(pair["token"]), 401)


async def test_project_is_revoked_with_all_that_was_issued_in_it(server: Server) -> None:
    before = await server.sign_in("alice")
    other = await server.another_tenant()
    answer = await server.client.delete(f"{API}/sessions", auth=server.tenant.auth)
    assert (answer.status_code, answer.content) == (204, b"")
    plain(await server.info(before["token"]), 401)
    refused = await server.refresh(before["refresh_token"])
    assert field_errors(refused) == [("token_invalid", "Token is invalid.", "refresh_token")]
    after = await server.sign_in("alice")
    assert (await server.info(after["token"])).status_code == 200
    answer = await server.client.delete(f"{API}/sessions", auth=other.auth)
    assert answer.status_code == 204
    assert (await server.info(after["token"])).status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("token")]),
        ({"token": None}, [("not_a_string", "Token must be a string", "token")]),
        (
            {"tokn": "x"},
            [
                missing("token"),
                invalid("Tokn is not a known parameter; did you mean token?", "tokn"),
            ],
        ),
    ],
)
async def test_each_fault_of_naming_a_token(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    answer = await server.client.post(f"{API}/tokens/revoke", json=body, auth=server.tenant.auth)
    assert field_errors(answer) == expected


async def test_address_is_created_changed_locked_and_deleted(server: Server) -> None:
    body = {
        "name": "lobby",
        "type": "room",
        "context": "internal",
        "display_name": "The lobby",
        "channels": ["video", "audio"],
        "cover_url": "https://cdn.example/lobby.png",
        "preview_url": "http://cdn.example/preview.png",
    }
    made = said(
        await server.client.post(f"{API}/addresses", json=body, auth=server.tenant.auth), 201
    )
    assert made == {
        "id": made["id"],
        "name": "lobby",
        "display_name": "The lobby",
        "cover_url": "https://cdn.example/lobby.png",
        "preview_url": "http://cdn.example/preview.png",
        "locked": False,
        "channels": {
            "audio": "/internal/lobby?channel=audio",
            "video": "/internal/lobby?channel=video",
        },
        "created_at": STARTED,
        "type": "room",
    }
    path = f"{API}/addresses/{made['id']}"
    change = {"locked": True, "name": "hall"}
    changed = said(await server.client.patch(path, json=change, auth=server.tenant.auth), 200)
    assert changed == {
        **made,
        "locked": True,
        "name": "hall",
        "channels": {
            "audio": "/internal/hall?channel=audio",
            "video": "/internal/hall?channel=video",
        },
    }
    gone = await server.client.delete(path, auth=server.tenant.auth)
    assert (gone.status_code, gone.content) == (204, b"")
    plain(await server.client.delete(path, auth=server.tenant.auth), 404)


SLUG: Final = "must be 1 to 64 lower-case letters, digits and inner hyphens"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("name"), missing("type")]),
        (
            {"name": "No", "type": "x", "context": "a/b", "channels": ["smell"], "cover_url": "x"},
            [
                invalid(f"Name {SLUG}", "name"),
                invalid("Type must be one of: app, room, call, subscriber", "type"),
                invalid(f"Context {SLUG}", "context"),
                invalid("Channels must be out of: audio, messaging, video", "channels"),
                invalid("Cover Url must be an http or https URL", "cover_url"),
            ],
        ),
        (
            {"name": "x", "type": "room", "preview_url": "javascript:alert(1)"},
            [invalid("Preview Url must be an http or https URL", "preview_url")],
        ),
        (
            {"name": "x", "type": "room", "preview_url": "http://[::1"},
            [invalid("Preview Url must be an http or https URL", "preview_url")],
        ),
        (
            {"name": "x", "type": "room", "preview_url": "https://x/" + "y" * 2048},
            [invalid("Preview Url must be an http or https URL", "preview_url")],
        ),
        (
            {"name": "x", "type": "room", "preview_url": "https://x/\n"},
            [invalid("Preview Url must be an http or https URL", "preview_url")],
        ),
        (
            {"name": "x", "type": 7, "channels": "audio", "locked": True},
            [
                ("not_a_string", "Type must be a string", "type"),
                ("not_an_array_of_strings", "Channels must be an array of strings", "channels"),
                invalid("Locked is not a known parameter", "locked"),
            ],
        ),
        (
            {"name": "support", "type": "room"},
            [("not_unique_within_project", f"Name {NOT_UNIQUE}", "name")],
        ),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_each_fault_of_a_new_address(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    before = await server.rows()
    answer = await server.client.post(f"{API}/addresses", json=body, auth=server.tenant.auth)
    assert field_errors(answer) == expected
    assert await server.rows() == before


async def test_each_fault_of_a_changed_address(server: Server) -> None:
    path = f"{API}/addresses/{server.tenant.addresses[1].id}"
    before = await server.rows()
    for body, expected in (
        ({"locked": 1}, [invalid("Locked must be true or false", "locked")]),
        ({"locked": "true"}, [invalid("Locked must be true or false", "locked")]),
        ({"name": ""}, [invalid(f"Name {SLUG}", "name")]),
        ({"name": "support"}, [("not_unique_within_project", f"Name {NOT_UNIQUE}", "name")]),
        ({"id": NOBODY}, [invalid("Id is not a known parameter", "id")]),
    ):
        answer = await server.client.patch(path, json=body, auth=server.tenant.auth)
        assert field_errors(answer) == expected
    assert await server.rows() == before


async def test_click_to_call_token_is_shown_once(server: Server) -> None:
    place = str(server.tenant.addresses[0].id)
    origins = ["https://a.example", "https://b.example:8443", "https://A.example:443/"]
    body = {"address_id": place, "name": "shop", "origins": origins}
    answer = await server.client.post(f"{API}/c2c-tokens", json=body, auth=server.tenant.auth)
    made = said(answer, 201)
    assert answer.headers["cache-control"] == "no-store"
    text = made.pop("token")
    assert text.startswith("c2c_")
    assert made == {
        "id": made["id"],
        "address_id": place,
        "name": "shop",
        "origins": origins[:2],
        "created_at": STARTED,
        "disabled_at": None,
    }
    listed = said(await server.client.get(f"{API}/c2c-tokens", auth=server.tenant.auth), 200)
    assert listed["data"] == [made]
    path = f"{API}/c2c-tokens/{made['id']}"
    server.clock.advance(1)
    disabled = said(await server.client.post(f"{path}/disable", auth=server.tenant.auth), 200)
    assert disabled == {**made, "disabled_at": "2023-11-14T22:13:21Z"}
    assert (await server.client.delete(path, auth=server.tenant.auth)).status_code == 204
    bare = {"address_id": place}
    plain_one = said(
        await server.client.post(f"{API}/c2c-tokens", json=bare, auth=server.tenant.auth), 201
    )
    assert (plain_one["name"], plain_one["origins"]) == ("", [])


ORIGINS: Final = "Origins must be up to 50 web origins, https://host[:port]"
FOREIGN: Final = (
    "must_belong_to_project",
    "The address must belong to the project",
    "address_id",
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("address_id")]),
        ({"address_id": NOBODY}, [FOREIGN]),
        (
            {"address_id": NOBODY, "name": "", "origins": ["https://a.example/page"]},
            [
                invalid("Name must not be empty", "name"),
                invalid(ORIGINS, "origins"),
                FOREIGN,
            ],
        ),
        (
            {"address_id": "x", "origins": "*"},
            [
                invalid("Address Id must be a UUID", "address_id"),
                ("not_an_array_of_strings", "Origins must be an array of strings", "origins"),
            ],
        ),
        (
            {"address_id": NOBODY, "origins": ["https://a.example"] * 51},
            [invalid(ORIGINS, "origins"), FOREIGN],
        ),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_each_fault_of_a_new_click_to_call_token(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    answer = await server.client.post(f"{API}/c2c-tokens", json=body, auth=server.tenant.auth)
    assert field_errors(answer) == expected


async def test_audit_trail_tells_who_did_what_from_where_and_no_secret(server: Server) -> None:
    headers = {"X-Request-Id": "request-7", "User-Agent": "a" * 300}
    body = {"reference": "alice@example.com"}
    answer = await server.client.post(
        "/api/fabric/subscribers/tokens", json=body, headers=headers, auth=server.tenant.auth
    )
    pair = said(answer, 200)
    await server.rotate(pair["refresh_token"])
    listed = said(await server.client.get(f"{API}/events", auth=server.tenant.auth), 200)
    kinds = [item["kind"] for item in listed["data"]]
    assert kinds == ["refreshed", "issued", "api_token_created"]
    issued = listed["data"][1]
    assert members(issued) == [
        "id",
        "kind",
        "at",
        "subscriber_id",
        "reference",
        "session_id",
        "subject_id",
        "generation",
        "cause",
        "request_id",
        "address",
        "agent",
    ]
    assert UUID_TEXT.fullmatch(issued["id"])
    assert ISO.fullmatch(issued["at"])
    assert issued["subscriber_id"] == pair["subscriber_id"]
    assert issued["session_id"] == str(server.claims(pair["token"]).sid)
    assert (issued["request_id"], issued["address"]) == (
        answer.headers["x-request-id"],
        "127.0.0.1",
    )
    assert (issued["agent"], issued["generation"], issued["subject_id"]) == ("a" * 200, 0, None)
    text = str(listed)
    assert issued["reference"] == "alice@example.com"
    for secret in (pair["token"], pair["refresh_token"], server.tenant.api_token):
        assert secret not in text
    oldest = await server.client.get(f"{API}/events?sort_order=asc", auth=server.tenant.auth)
    assert [item["kind"] for item in said(oldest, 200)["data"]] == kinds[::-1]


async def test_webhook_shows_its_secret_once(server: Server) -> None:
    path, auth = f"{API}/webhooks", server.tenant.auth
    made = said(await server.client.post(path, json={"url": "https://a.example/"}, auth=auth), 201)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": made["id"],
        "url": "https://a.example/",
        "created_at": made["created_at"],
        "state": "new",
        "state_since": made["created_at"],
        "paused_by": None,
        "last_error": None,
        "last_error_at": None,
        "next_try_at": None,
    }
    listed = said(await server.client.get(path, auth=auth), 200)
    assert listed["data"] == [made]
    other = await server.another_tenant()
    assert said(await server.client.get(path, auth=other.auth), 200)["data"] == []
    one = f"{path}/{made['id']}"
    assert said(await server.client.get(one, auth=auth), 200) == made
    plain(await server.client.delete(one, auth=other.auth), 404)
    assert (await server.client.delete(one, auth=auth)).status_code == 204
    plain(await server.client.delete(one, auth=auth), 404)
    kinds = await server.events()
    assert kinds.count(EventKind.WEBHOOK_CREATED) == kinds.count(EventKind.WEBHOOK_DELETED) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "https://user@a.example/",
        "https://a.example/#x",
        "ftp://a.example/",
        "a.example",
        "https://",
        "",
    ],
)
async def test_webhook_wants_an_https_url(server: Server, url: str) -> None:
    answer = await server.client.post(f"{API}/webhooks", json={"url": url}, auth=server.tenant.auth)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["code"], error["attribute"]) == ("invalid_parameter", "url")


async def test_project_has_only_so_many_webhooks(server: Server) -> None:
    path, auth = f"{API}/webhooks", server.tenant.auth
    for _ in range(10):
        said(await server.client.post(path, json={"url": "https://a.example/"}, auth=auth), 201)
    answer = await server.client.post(path, json={"url": "https://a.example/"}, auth=auth)
    assert answer.status_code == 422


async def test_management_needs_its_permission(server: Server) -> None:
    body = {"name": "calls", "permissions": ["calling"]}
    made = said(
        await server.client.post("/api/project/tokens", json=body, auth=server.tenant.auth), 200
    )
    auth = (str(server.tenant.id), made["token"])
    for method, path in (
        ("GET", f"{API}/events"),
        ("GET", f"{API}/c2c-tokens"),
        ("POST", f"{API}/webhooks"),
        ("POST", f"{API}/addresses"),
        ("POST", f"{API}/tokens/introspect"),
        ("DELETE", f"{API}/subscribers/{NOBODY}/sessions"),
    ):
        plain(await server.client.request(method, path, auth=auth), 401)
