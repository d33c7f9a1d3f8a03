"""Subscribers, addresses and API tokens as resources, with exact bodies."""

from typing import Any, Final

import pytest

from satmint.model.permissions import Permission
from tests.http.answer_contract import (
    NOT_UNIQUE,
    UUID_TEXT,
    FieldError,
    field_errors,
    invalid,
    members,
    missing,
    plain,
)
from tests.kit.service import Bearer, Server, a_tenant, said

SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"
ADDRESSES: Final = "/api/fabric/addresses"
PROJECT_TOKENS: Final = "/api/project/tokens"
STARTED: Final = "2023-11-14T22:13:20Z"
NOBODY: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"


async def create(server: Server, **members_: object) -> dict[str, Any]:
    body = {"email": "alice@example.com", **members_}
    return said(await server.client.post(SUBSCRIBERS, json=body, auth=server.tenant.auth), 201)


async def test_subscriber_as_it_is_created_read_and_listed(server: Server) -> None:
    made = await create(server, first_name="Alice", timezone="Europe/Oslo", region="anywhere")
    assert UUID_TEXT.fullmatch(made["id"])
    assert made == {
        "id": made["id"],
        "project_id": str(server.tenant.id),
        "display_name": "alice@example.com",
        "type": "subscriber",
        "created_at": STARTED,
        "updated_at": STARTED,
        "subscriber": {
            "id": made["id"],
            "email": "alice@example.com",
            "first_name": "Alice",
            "last_name": "",
            "display_name": "",
            "job_title": "",
            "timezone": "Europe/Oslo",
            "country": "",
            "company_name": "",
        },
    }
    one = await server.client.get(f"{SUBSCRIBERS}/{made['id']}", auth=server.tenant.auth)
    assert said(one, 200) == made
    listed = said(await server.client.get(SUBSCRIBERS, auth=server.tenant.auth), 200)
    assert listed == {
        "data": [made],
        "links": {
            "self": f"http://mint.test{SUBSCRIBERS}",
            "first": f"http://mint.test{SUBSCRIBERS}",
        },
    }
    tokens = await server.sign_in("alice@example.com")
    assert tokens["subscriber_id"] == made["id"]


async def test_update_takes_any_subset_and_leaves_the_rest(server: Server) -> None:
    made = await create(server, first_name="Alice", country="NO")
    path = f"{SUBSCRIBERS}/{made['id']}"
    server.clock.advance(60)
    body = {"display_name": "Alice S.", "country": "SE"}
    changed = said(await server.client.put(path, json=body, auth=server.tenant.auth), 200)
    assert changed == {
        **made,
        "display_name": "Alice S.",
        "updated_at": "2023-11-14T22:14:20Z",
        "subscriber": {**made["subscriber"], "display_name": "Alice S.", "country": "SE"},
    }
    assert said(await server.client.put(path, json={}, auth=server.tenant.auth), 200) == changed
    assert said(await server.client.put(path, auth=server.tenant.auth), 200) == changed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("email")]),
        ({"email": 7}, [("not_a_string", "Email must be a string", "email")]),
        ({"email": "alice"}, [invalid("Email must be an e-mail address", "email")]),
        (
            {"first_name": "x" * 256, "password": "short", "time_zone": "UTC"},
            [
                missing("email"),
                invalid("Password must be 8 to 72 bytes long", "password"),
                invalid("First Name must be at most 255 characters long", "first_name"),
                invalid("Time Zone is not a known parameter; did you mean timezone?", "time_zone"),
            ],
        ),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_each_fault_of_a_new_subscriber(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    answer = await server.client.post(SUBSCRIBERS, json=body, auth=server.tenant.auth)
    assert field_errors(answer) == expected


async def test_e_mail_address_is_unique_within_the_project(server: Server) -> None:
    taken: FieldError = ("not_unique_within_project", f"Email {NOT_UNIQUE}", "email")
    await create(server)
    bob = await create(server, email="bob@example.com")
    body = {"email": "alice@example.com"}
    answer = await server.client.post(SUBSCRIBERS, json=body, auth=server.tenant.auth)
    assert field_errors(answer) == [taken]
    path = f"{SUBSCRIBERS}/{bob['id']}"
    assert field_errors(await server.client.put(path, json=body, auth=server.tenant.auth)) == [
        taken
    ]
    other = await server.another_tenant()
    said(await server.client.post(SUBSCRIBERS, json=body, auth=other.auth), 201)


async def test_address_as_holders_and_backends_see_it(server: Server) -> None:
    alice = await server.sign_in("alice@example.com")
    for auth in (Bearer(alice["token"]), server.tenant.auth):
        found = said(await server.client.get(ADDRESSES, params={"name": "alice"}, auth=auth), 200)
        (item,) = found["data"]
        assert item == {
            "id": item["id"],
            "name": "alice",
            "display_name": "alice",
            "cover_url": None,
            "preview_url": None,
            "locked": False,
            "channels": {
                "audio": "/private/alice?channel=audio",
                "messaging": "/private/alice?channel=messaging",
                "video": "/private/alice?channel=video",
            },
            "created_at": STARTED,
            "type": "subscriber",
        }
        assert said(await server.client.get(f"{ADDRESSES}/{item['id']}", auth=auth), 200) == item
    own = f"{SUBSCRIBERS}/{alice['subscriber_id']}/addresses"
    listed = said(await server.client.get(own, auth=server.tenant.auth), 200)
    assert [address["name"] for address in listed["data"]] == ["alice"]
    assert listed["links"]["self"] == f"http://mint.test{own}"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["support", "sales", "menu"]),
        ({"type": "room"}, ["support", "sales"]),
        ({"type": "app"}, ["menu"]),
        ({"type": "call"}, []),
        ({"name": "sales"}, ["sales"]),
        ({"display_name": "menu"}, ["menu"]),
        ({"name": "sales", "type": "app"}, []),
        ({"name": "' OR 1=1 --"}, []),
        ({"sort_by": "name"}, ["menu", "sales", "support"]),
        ({"sort_by": "name", "sort_order": "desc"}, ["support", "sales", "menu"]),
        ({"sort_by": "name", "page_size": "2"}, ["menu", "sales"]),
        ({"unknown": "passed over"}, ["support", "sales", "menu"]),
    ],
)
async def test_addresses_are_filtered_and_sorted(
    server: Server, query: dict[str, str], names: list[str]
) -> None:
    answer = await server.client.get(ADDRESSES, params=query, auth=server.tenant.auth)
    found = [item["name"] for item in said(answer, 200)["data"]]
    if "sort_by" in query:
        assert found == names
    else:
        assert sorted(found) == sorted(names)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=bogus", [invalid("Type must be one of: app, room, call, subscriber", "type")]),
        ("type=", [invalid("Type must be one of: app, room, call, subscriber", "type")]),
        ("sort_by=id", [invalid("Sort By must be one of: created_at, name", "sort_by")]),
        ("sort_order=up", [invalid("Sort Order must be one of: asc, desc", "sort_order")]),
        ("page_size=0", [invalid("Page Size must be an integer from 1 to 1000", "page_size")]),
        ("page_size=1001", [invalid("Page Size must be an integer from 1 to 1000", "page_size")]),
        ("page_size=x", [invalid("Page Size must be an integer from 1 to 1000", "page_size")]),
        ("page_size=", [invalid("Page Size must be an integer from 1 to 1000", "page_size")]),
        ("page_size=%2B5", [invalid("Page Size must be an integer from 1 to 1000", "page_size")]),
        ("page_size=%D9%A1", [invalid("Page Size must be an integer from 1 to 1000", "page_size")]),
        (
            "page_number=-1",
            [invalid("Page Number must be an integer from 0 to 1000000", "page_number")],
        ),
        (
            "page_number=1000001",
            [invalid("Page Number must be an integer from 0 to 1000000", "page_number")],
        ),
        (
            "page_number=" + "1" * 5000,
            [invalid("Page Number must be an integer from 0 to 1000000", "page_number")],
        ),
        ("page_token=x", [("page_token_is_invalid", "Page Token is invalid", "page_token")]),
        ("page_size=1&page_size=2", [invalid("The query string names a parameter twice", None)]),
        ("name=%FF", [invalid("The query string is malformed", None)]),
        ("name=a%00b", [invalid("The query string contains NUL", None)]),
        ("%00=1", [invalid("The query string contains NUL", None)]),
        ("&".join(f"a{n}=1" for n in range(33)), [invalid("The query string is malformed", None)]),
        (
            "page_size=0&page_number=x&sort_by=id&sort_order=up&page_token=x&type=bogus",
            [
                invalid("Page Size must be an integer from 1 to 1000", "page_size"),
                invalid("Page Number must be an integer from 0 to 1000000", "page_number"),
                invalid("Sort By must be one of: created_at, name", "sort_by"),
                invalid("Sort Order must be one of: asc, desc", "sort_order"),
                ("page_token_is_invalid", "Page Token is invalid", "page_token"),
                invalid("Type must be one of: app, room, call, subscriber", "type"),
            ],
        ),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_each_fault_of_a_query(
    server: Server, query: str, expected: list[FieldError]
) -> None:
    answer = await server.client.get(f"{ADDRESSES}?{query}", auth=server.tenant.auth)
    assert field_errors(answer) == expected


async def test_api_token_is_shown_once_and_works_as_far_as_it_may(server: Server) -> None:
    body = {"name": "ci", "permissions": ["video", "calling", "video"]}
    answer = await server.client.post(PROJECT_TOKENS, json=body, auth=server.tenant.auth)
    made = said(answer, 200)
    assert members(made) == ["id", "name", "permissions", "token"]
    assert answer.headers["cache-control"] == "no-store"
    assert made["permissions"] == ["calling", "video"]
    assert made["token"].startswith("PT")
    as_ci = (str(server.tenant.id), made["token"])
    assert (await server.client.get(SUBSCRIBERS, auth=as_ci)).status_code == 200
    plain(await server.client.post(PROJECT_TOKENS, json=body, auth=as_ci), 401)
    path = f"{PROJECT_TOKENS}/{made['id']}"
    narrowed = await server.client.patch(
        path, json={"permissions": ["chat"]}, auth=server.tenant.auth
    )
    shown = {"id": made["id"], "token": f"{made['token'][:6]}…{made['token'][-3:]}"}
    assert said(narrowed, 200) == {**shown, "name": "ci", "permissions": ["chat"]}
    assert "cache-control" not in narrowed.headers
    plain(await server.client.get(SUBSCRIBERS, auth=as_ci), 401)
    renamed = await server.client.patch(path, json={"name": "cd"}, auth=server.tenant.auth)
    assert said(renamed, 200) == {**shown, "name": "cd", "permissions": ["chat"]}
    gone = await server.client.delete(path, auth=server.tenant.auth)
    assert (gone.status_code, gone.content) == (204, b"")
    plain(await server.client.delete(path, auth=server.tenant.auth), 404)
    plain(await server.client.patch(path, json={"name": "x"}, auth=server.tenant.auth), 404)


NO_PERMISSION: Final = (
    "invalid_auth_token_permissions",
    "Permissions must not be empty",
    "permissions",
)
EVERY: Final = (
    "calling, chat, datasphere, fax, introspect, management, messaging, numbers, pubsub, storage,"
    " tasking, video"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("name"), missing("permissions")]),
        (
            {"name": "", "permissions": ["root"]},
            [
                invalid("Name must not be empty", "name"),
                (
                    "invalid_auth_token_permissions",
                    f"Permissions must be out of: {EVERY}",
                    "permissions",
                ),
            ],
        ),
        (
            {"name": "x", "permissions": "video"},
            [
                (
                    "not_an_array_of_strings",
                    "Permissions must be an array of strings",
                    "permissions",
                )
            ],
        ),
        (
            {"name": "x", "permissions": [], "subproject_id": NOBODY},
            [
                NO_PERMISSION,
                (
                    "invalid_subproject_id",
                    "Subproject Id must be the id of this project: there are no subprojects",
                    "subproject_id",
                ),
            ],
        ),
        (
            {"permissions": [], "subproject_id": NOBODY},
            [
                missing("name"),
                NO_PERMISSION,
                (
                    "invalid_subproject_id",
                    "Subproject Id must be the id of this project: there are no subprojects",
                    "subproject_id",
                ),
            ],
        ),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_each_fault_of_a_new_api_token(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    before = await server.rows()
    answer = await server.client.post(PROJECT_TOKENS, json=body, auth=server.tenant.auth)
    assert field_errors(answer) == expected
    assert await server.rows() == before


async def test_api_token_for_this_project_by_name(server: Server) -> None:
    body = {"name": "x", "permissions": ["chat"], "subproject_id": str(server.tenant.id)}
    said(await server.client.post(PROJECT_TOKENS, json=body, auth=server.tenant.auth), 200)


async def test_api_token_without_a_permission_is_neither_made_nor_left(
    server_on_each_store: Server,
) -> None:
    server, auth = server_on_each_store, server_on_each_store.tenant.auth
    made = said(
        await server.client.post(
            PROJECT_TOKENS, json={"name": "ci", "permissions": ["video"]}, auth=auth
        ),
        200,
    )
    before = await server.rows()
    empty: dict[str, object] = {"permissions": []}
    for answer in (
        await server.client.post(PROJECT_TOKENS, json={"name": "x", **empty}, auth=auth),
        await server.client.patch(f"{PROJECT_TOKENS}/{made['id']}", json=empty, auth=auth),
    ):
        assert field_errors(answer) == [NO_PERMISSION]
    assert await server.rows() == before


async def test_management_is_equal_to_every_permission(server_on_each_store: Server) -> None:
    """As at the vendor: who may make API tokens may make one that may do anything."""
    server = server_on_each_store
    manager = await a_tenant(server.services, "managed", [Permission.MANAGEMENT])
    plain(await server.client.get(SUBSCRIBERS, auth=manager.auth), 401)
    body = {"name": "more", "permissions": EVERY.split(", ")}
    made = said(await server.client.post(PROJECT_TOKENS, json=body, auth=manager.auth), 200)
    assert made["permissions"] == EVERY.split(", ")
    as_more = (str(manager.id), made["token"])
    assert (await server.client.get(SUBSCRIBERS, auth=as_more)).status_code == 200
    narrow = {"name": "narrow", "permissions": ["management"]}
    own = said(await server.client.post(PROJECT_TOKENS, json=narrow, auth=as_more), 200)
    as_own, change = (str(manager.id), own["token"]), {"permissions": ["management", "video"]}
    path = f"{PROJECT_TOKENS}/{own['id']}"
    said(await server.client.patch(path, json=change, auth=as_own), 200)
    assert (await server.client.get(SUBSCRIBERS, auth=as_own)).status_code == 200


@pytest.mark.parametrize("odd", [NOBODY, "x", NOBODY.replace("-", ""), "%20", f"{{{NOBODY}}}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{SUBSCRIBERS}/{{id}}"),
        ("PUT", f"{SUBSCRIBERS}/{{id}}"),
        ("DELETE", f"{SUBSCRIBERS}/{{id}}"),
        ("GET", f"{SUBSCRIBERS}/{{id}}/addresses"),
        ("GET", f"{ADDRESSES}/{{id}}"),
        ("PATCH", f"{PROJECT_TOKENS}/{{id}}"),
        ("DELETE", f"{PROJECT_TOKENS}/{{id}}"),
        ("PATCH", "/api/satmint/addresses/{id}"),
        ("DELETE", "/api/satmint/addresses/{id}"),
        ("POST", "/api/satmint/c2c-tokens/{id}/disable"),
        ("DELETE", "/api/satmint/c2c-tokens/{id}"),
        ("GET", "/api/satmint/sessions/{id}"),
        ("DELETE", "/api/satmint/sessions/{id}"),
        ("GET", "/api/satmint/subscribers/{id}/sessions"),
        ("DELETE", "/api/satmint/subscribers/{id}/sessions"),
    ],
)
async def test_what_is_not_there_is_not_found(
    server: Server, method: str, path: str, odd: str
) -> None:
    before = await server.rows()
    answer = await server.client.request(method, path.replace("{id}", odd), auth=server.tenant.auth)
    plain(answer, 404)
    assert await server.rows() == before
