"""Conference rooms and resources of any kind, with exact bodies, on every store."""

import asyncio
import json
from typing import Any, Final

import httpx
import pytest

from satmint.model.events import EventKind
from tests.http.answer_contract import (
    NOT_UNIQUE,
    UUID_TEXT,
    FieldError,
    field_errors,
    invalid,
    missing,
    plain,
)
from tests.kit.gateway import a_gateway
from tests.kit.service import BASE_URL, Bearer, Json, Server, Tenant, said

RESOURCES: Final = "/api/fabric/resources"
ROOMS: Final = f"{RESOURCES}/conference_rooms"
SUBSCRIBERS: Final = f"{RESOURCES}/subscribers"
ADDRESSES: Final = "/api/fabric/addresses"
STARTED: Final = "2023-11-14T22:13:20Z"
NOBODY: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"
NAME_RULE: Final = "must be 1 to 100 characters of A-Z a-z 0-9 _ -"
TAKEN: Final[FieldError] = ("not_unique_within_project", f"Name {NOT_UNIQUE}", "name")


async def call(
    server: Server, method: str, path: str, body: object = None, tenant: Tenant | None = None
) -> httpx.Response:
    """An answer to the backend of a tenant, by default of the first one."""
    content = None if body is None else json.dumps(body)
    auth = (tenant or server.tenant).auth
    return await server.client.request(method, path, content=content, auth=auth)


async def a_room(server: Server, name: str = "lobby", **members: object) -> Json:
    return said(await call(server, "POST", ROOMS, {"name": name, **members}), 200)


async def listed(server: Server, path: str) -> list[Json]:
    data: list[Json] = said(await call(server, "GET", path), 200)["data"]
    return data


async def test_room_as_it_is_made_read_and_listed(server_on_each_store: Server) -> None:
    server = server_on_each_store
    made = await a_room(server, "coffee_cafe", enable_room_previews=True)
    assert UUID_TEXT.fullmatch(made["id"])
    assert made == {
        "id": made["id"],
        "project_id": str(server.tenant.id),
        "display_name": "coffee_cafe",
        "type": "video_room",
        "created_at": STARTED,
        "updated_at": STARTED,
        "conference_room": {
            "id": made["id"],
            "name": "coffee_cafe",
            "description": "",
            "display_name": "coffee_cafe",
            "max_members": 20,
            "quality": "720p",
            "fps": 20,
            "join_from": None,
            "join_until": None,
            "remove_at": None,
            "remove_after_seconds_elapsed": None,
            "layout": "grid-responsive",
            "record_on_start": False,
            "tone_on_entry_and_exit": False,
            "room_join_video_off": False,
            "user_join_video_off": False,
            "enable_room_previews": True,
            "sync_audio_video": None,
            "meta": {},
            "prioritize_handraise": False,
        },
    }
    for path in (ROOMS, RESOURCES):
        assert said(await call(server, "GET", f"{path}/{made['id']}"), 200) == made
        assert said(await call(server, "GET", path), 200) == {
            "data": [made],
            "links": {"self": f"{BASE_URL}{path}", "first": f"{BASE_URL}{path}"},
        }
    (address,) = await listed(server, f"{ROOMS}/{made['id']}/addresses")
    assert address == {
        "id": address["id"],
        "name": "coffee_cafe",
        "display_name": "coffee_cafe",
        "cover_url": None,
        "preview_url": None,
        "locked": False,
        "channels": {
            channel: f"/public/coffee_cafe?channel={channel}"
            for channel in ("audio", "messaging", "video")
        },
        "created_at": STARTED,
        "type": "room",
    }
    assert address["id"] != made["id"]
    for path in (f"{RESOURCES}/conference_room/{made['id']}", f"{RESOURCES}/{made['id']}"):
        assert await listed(server, f"{path}/addresses") == [address]
    assert said(await call(server, "GET", f"{ADDRESSES}/{address['id']}"), 200) == address
    assert address in await listed(server, f"{ADDRESSES}?type=room&name=coffee_cafe")


SETTINGS: Final[Json] = {
    "display_name": "Büro",
    "description": "Do not disturb",
    "join_from": "2026-01-31T09:30:00.5+01:00",
    "join_until": "2026-01-31t09:30:00z",
    "max_members": 0,
    "quality": "1080p",
    "remove_at": "2026-01-31T10:30:00Z",
    "remove_after_seconds_elapsed": 200_000,
    "layout": "5up",
    "record_on_start": True,
    "enable_room_previews": False,
    "meta": {"floor": 1, "of": [None, {"a": 1 << 70}]},
    "sync_audio_video": False,
    "tone_on_entry_and_exit": True,
    "room_join_video_off": True,
    "user_join_video_off": True,
}


async def test_update_takes_any_subset_and_leaves_the_rest(server_on_each_store: Server) -> None:
    server = server_on_each_store
    made = await a_room(server)
    path = f"{ROOMS}/{made['id']}"
    server.clock.advance(60)
    for nothing in ({}, None, {"name": "lobby"}):
        assert said(await call(server, "PUT", path, nothing), 200) == made
    expected = {
        **made["conference_room"],
        **SETTINGS,
        "join_from": "2026-01-31T08:30:00Z",
        "join_until": "2026-01-31T09:30:00Z",
    }
    for name, value in SETTINGS.items():
        said(await call(server, "PUT", path, {name: value}), 200)
    changed = said(await call(server, "GET", path), 200)
    assert changed["conference_room"] == expected
    assert changed["display_name"] == "Büro"
    assert (changed["created_at"], changed["updated_at"]) == (STARTED, "2023-11-14T22:14:20Z")
    said(await call(server, "PUT", path, {"name": "hall"}), 200)
    (address,) = await listed(server, f"{path}/addresses")
    assert (address["name"], address["display_name"]) == ("hall", "Büro")
    assert address["channels"]["video"] == "/public/hall?channel=video"
    again = await a_room(server, **SETTINGS)
    assert again["conference_room"] == {**expected, "id": again["id"]}


TIME: Final = "must be a time in RFC 3339, such as 2026-01-31T09:30:00Z"
LAYOUTS: Final = (
    "grid-responsive, grid-responsive-mobile, highlight-1-responsive, 1x1, 2x1, 2x2, 5up, 3x3,"
    " 4x4, 5x5, 6x6, 8x8, 10x10"
)
FAULTS: Final[list[tuple[Json, list[FieldError]]]] = [
    ({"name": 7}, [("not_a_string", "Name must be a string", "name")]),
    ({"name": ""}, [invalid(f"Name {NAME_RULE}", "name")]),
    ({"name": "a b"}, [invalid(f"Name {NAME_RULE}", "name")]),
    ({"name": "a/b"}, [invalid(f"Name {NAME_RULE}", "name")]),
    ({"name": "ä"}, [invalid(f"Name {NAME_RULE}", "name")]),
    ({"name": "x" * 101}, [invalid(f"Name {NAME_RULE}", "name")]),
    (
        {"display_name": "x" * 201, "description": "x" * 3001},
        [
            invalid("Display Name must be at most 200 characters long", "display_name"),
            invalid("Description must be at most 3000 characters long", "description"),
        ],
    ),
    (
        {
            "max_members": True,
            "quality": "4k",
            "layout": 5,
            "record_on_start": "true",
            "meta": [],
            "remove_after_seconds_elapsed": 200_001,
        },
        [
            invalid("Max Members must be an integer", "max_members"),
            invalid("Quality must be one of: 1080p, 720p", "quality"),
            invalid(
                "Remove After Seconds Elapsed must be from 0 to 200000",
                "remove_after_seconds_elapsed",
            ),
            ("not_a_string", "Layout must be a string", "layout"),
            invalid("Record On Start must be true or false", "record_on_start"),
            invalid("Meta must be an object", "meta"),
        ],
    ),
    ({"layout": "grid"}, [invalid(f"Layout must be one of: {LAYOUTS}", "layout")]),
    ({"max_members": 301}, [invalid("Max Members must be from 0 to 300", "max_members")]),
    ({"max_members": -1}, [invalid("Max Members must be from 0 to 300", "max_members")]),
    (
        {"join_from": 1_700_000_000, "join_until": "tomorrow", "remove_at": "2026-13-01T00:00:00Z"},
        [
            ("not_a_string", "Join From must be a string", "join_from"),
            invalid(f"Join Until {TIME}", "join_until"),
            invalid(f"Remove At {TIME}", "remove_at"),
        ],
    ),
    ({"join_from": "2026-01-31T09:30:00"}, [invalid(f"Join From {TIME}", "join_from")]),
    ({"join_from": "1969-12-31T23:59:59Z"}, [invalid(f"Join From {TIME}", "join_from")]),
    ({"join_from": "9999-12-31T23:59:59-01:00"}, [invalid(f"Join From {TIME}", "join_from")]),
    (
        {"meta": {"a": "x" * 1993}},
        [invalid("Meta must be at most 2000 characters long as JSON", "meta")],
    ),
    (
        {"meta": json.loads('{"a":' * 17 + "1" + "}" * 17)},
        [invalid("Meta must not be nested deeper than 16 levels", "meta")],
    ),
    (
        {"max_member": 5, "fps": 30},
        [
            invalid("Max Member is not a known parameter; did you mean max_members?", "max_member"),
            invalid("Fps is not a known parameter", "fps"),
        ],
    ),
]


@pytest.mark.parametrize(("body", "expected"), FAULTS, ids=lambda value: str(value)[:50])
async def test_each_fault_of_a_room(server: Server, body: Json, expected: list[FieldError]) -> None:
    path = f"{ROOMS}/{(await a_room(server))['id']}"
    before = await server.rows()
    assert field_errors(await call(server, "PUT", path, body)) == expected
    needed = [] if "name" in body else [missing("name")]
    assert field_errors(await call(server, "POST", ROOMS, body)) == [*needed, *expected]
    assert await server.rows() == before


async def test_what_is_just_within_the_limits_is_taken(server: Server) -> None:
    await a_room(
        server,
        "x" * 100,
        display_name="ä" * 200,
        description="ä" * 3000,
        meta={"a": "x" * 1992},
        max_members=300,
        join_from="1970-01-01T00:00:00Z",
    )
    deepest = json.loads('{"a":' * 16 + "1" + "}" * 16)
    assert (await a_room(server, "deep", meta=deepest))["conference_room"]["meta"] == deepest


async def test_no_list_is_asked_for_a_text_with_nul(server_on_each_store: Server) -> None:
    """PostgreSQL has no such text."""
    server = server_on_each_store
    for path in (
        f"{RESOURCES}?display_name=%00",
        f"{RESOURCES}?type=video_room&display_name=a%00",
        f"{ADDRESSES}?display_name=%00",
        "/api/satmint/events?subscriber=%00",
    ):
        answer = await call(server, "GET", path)
        assert field_errors(answer) == [invalid("The query string contains NUL", None)]


async def test_two_at_once_with_one_name_make_one_room(server_on_each_store: Server) -> None:
    server = server_on_each_store
    answers = await asyncio.gather(
        *(call(server, "POST", ROOMS, {"name": "lobby"}) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    assert all(field_errors(answer) == [TAKEN] for answer in answers if answer.is_client_error)
    assert len(await listed(server, ROOMS)) == 1
    # The name is that of an address too: `support` is an address without a resource.
    assert field_errors(await call(server, "POST", ROOMS, {"name": "support"})) == [TAKEN]
    hall = await a_room(server, "hall")
    renamed = await call(server, "PUT", f"{ROOMS}/{hall['id']}", {"name": "lobby"})
    assert field_errors(renamed) == [TAKEN]
    taken = {"name": "hall", "type": "room"}
    assert field_errors(await call(server, "POST", "/api/satmint/addresses", taken)) == [TAKEN]
    other = await server.another_tenant()
    said(await call(server, "POST", ROOMS, {"name": "lobby"}, other), 200)


async def test_foreign_and_unknown_ids_are_not_found(server_on_each_store: Server) -> None:
    server = server_on_each_store
    room, address = await a_room(server), server.tenant.addresses[0]
    person = (await server.sign_in())["subscriber_id"]
    other = await server.another_tenant()
    said(await call(server, "GET", RESOURCES, tenant=other), 200)  # records the use of its token
    before = await server.rows()

    async def missing_at(path: str, tenant: Tenant | None = None) -> None:
        plain(await call(server, "GET", path, tenant=tenant), 404)
        plain(await call(server, "GET", f"{path}/addresses", tenant=tenant), 404)
        plain(await call(server, "DELETE", path, tenant=tenant), 404)
        if path.startswith(ROOMS):
            plain(await call(server, "PUT", path, {"name": "x"}, tenant), 404)

    for foreign in (room["id"], person):
        await missing_at(f"{ROOMS}/{foreign}", other)
        await missing_at(f"{RESOURCES}/{foreign}", other)
    for method in ("GET", "POST"):
        sip = f"{SUBSCRIBERS}/{person}/sip_endpoints"
        plain(await call(server, method, sip, tenant=other), 404)
    # An address is no resource, a subscriber is no room, and a room is no subscriber.
    for unknown in (NOBODY, "no-id", str(address.id)):
        await missing_at(f"{ROOMS}/{unknown}")
        await missing_at(f"{RESOURCES}/{unknown}")
    await missing_at(f"{ROOMS}/{person}")
    plain(await call(server, "GET", f"{SUBSCRIBERS}/{room['id']}"), 404)
    plain(await call(server, "GET", f"{SUBSCRIBERS}/{room['id']}/sip_endpoints"), 404)
    assert said(await call(server, "GET", RESOURCES, tenant=other), 200)["data"] == []
    assert await server.rows() == before


@pytest.mark.parametrize(("method", "path"), [("POST", ROOMS), ("PUT", f"{ROOMS}/{NOBODY}")])
async def test_bodies_are_limited_and_read_after_authentication(
    server: Server, method: str, path: str
) -> None:
    await listed(server, RESOURCES)  # records the use of the API token
    before = await server.rows()
    too_long = b" " * (64 * 1024 + 1)
    answer = await server.client.request(method, path, content=too_long, auth=server.tenant.auth)
    plain(answer, 413)
    plain(await server.client.request(method, path, content=too_long), 401)
    broken = await server.client.request(method, path, content=b"[", auth=server.tenant.auth)
    assert [code for code, _, _ in field_errors(broken)] == ["not_a_valid_json"]
    assert await server.rows() == before


async def test_resources_are_listed_filtered_and_paged(server_on_each_store: Server) -> None:
    server = server_on_each_store
    person = said(
        await call(server, "POST", SUBSCRIBERS, {"email": "a@example.com", "display_name": "A"}),
        201,
    )
    server.clock.advance(1)
    rooms = []
    for name in ("lobby", "hall"):
        rooms.append(await a_room(server, name, display_name="A"))
        server.clock.advance(1)
    everything = [person, *rooms]
    assert await listed(server, RESOURCES) == everything
    assert await listed(server, f"{RESOURCES}?type=subscriber") == [person]
    assert await listed(server, f"{RESOURCES}?type=video_room") == rooms
    assert await listed(server, f"{RESOURCES}?type=ai_agent") == []
    assert await listed(server, f"{RESOURCES}?display_name=A&type=video_room") == rooms
    assert await listed(server, f"{RESOURCES}?display_name=B") == []
    assert await listed(server, ROOMS) == rooms
    pages: list[Any] = []
    link = f"{BASE_URL}{RESOURCES}?page_size=1"
    while link:
        page = said(await call(server, "GET", link), 200)
        pages += page["data"]
        link = page["links"].get("next", "")
    assert pages == everything
    wrong = field_errors(await call(server, "GET", f"{RESOURCES}?type=room&page_size=0"))
    assert [attribute for _, _, attribute in wrong] == ["page_size", "type"]


async def test_resource_of_each_kind_is_deleted_as_its_own_operation_does(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    pair = await server.sign_in()
    lobby, hall = await a_room(server), await a_room(server, "hall")
    for path in (f"{RESOURCES}/{lobby['id']}", f"{ROOMS}/{hall['id']}"):
        gone = await call(server, "DELETE", path)
        assert (gone.status_code, gone.content) == (204, b"")
        plain(await call(server, "DELETE", path), 404)
    person = f"{RESOURCES}/{pair['subscriber_id']}"
    assert said(await call(server, "GET", person), 200)["subscriber"]["first_name"] == ""
    assert len(await listed(server, f"{person}/addresses")) == 1
    assert (await call(server, "DELETE", person)).status_code == 204
    plain(await server.info(pair["token"]), 401)
    assert await listed(server, RESOURCES) == []
    assert await listed(server, f"{ADDRESSES}?name=lobby") == []
    await a_room(server)  # its name is free again
    kinds = await server.events()
    assert kinds.count(EventKind.ROOM_DELETED) == kinds.count(EventKind.ADDRESS_DELETED) == 2


async def test_tokens_of_a_deleted_room_end_within_a_second(server_on_each_store: Server) -> None:
    server = server_on_each_store
    room, beside = await a_room(server), await a_room(server, "hall")

    async def guest(*rooms: Json) -> str:
        ids = [(await listed(server, f"{ROOMS}/{one['id']}/addresses"))[0]["id"] for one in rooms]
        body = {"allowed_addresses": ids}
        return str(
            said(await call(server, "POST", "/api/fabric/guests/tokens", body), 201)["token"]
        )

    (address,) = await listed(server, f"{ROOMS}/{room['id']}/addresses")
    click = {"address_id": address["id"]}
    text = said(await call(server, "POST", "/api/satmint/c2c-tokens", click), 201)["token"]
    embedded = await server.client.post("/api/embeds/tokens", json={"token": text})
    embed = said(embedded, 201)["token"]
    one, both, other = await guest(room), await guest(room, beside), await guest(beside)
    info = said(await server.info(one), 200)
    assert info["fabric_addresses"] == [address]
    async with (
        a_gateway(server) as gateway,
        gateway.client() as first,
        gateway.client() as second,
        gateway.client() as third,
        gateway.client() as fourth,
    ):
        for client, token in ((first, one), (second, embed), (third, both), (fourth, other)):
            await client.connected(token)
        assert (await call(server, "DELETE", f"{RESOURCES}/{room['id']}")).status_code == 204
        async with asyncio.timeout(3):
            assert [await client.close_code() for client in (first, second)] == [4403] * 2
        assert await third.lives()
        assert await fourth.lives()
    for token in (one, embed):
        plain(await server.client.get(ADDRESSES, auth=Bearer(token)), 401)
    left = said(await server.info(both), 200)["fabric_addresses"]
    assert [item["name"] for item in left] == ["hall"]
    refused = await server.client.post("/api/embeds/tokens", json={"token": text})
    assert refused.is_client_error


async def test_what_is_not_done_says_so(server: Server) -> None:
    person = (await server.sign_in())["subscriber_id"]
    sip = f"{SUBSCRIBERS}/{person}/sip_endpoints"
    assert said(await call(server, "GET", sip), 200) == {
        "data": [],
        "links": {"self": f"{BASE_URL}{sip}", "first": f"{BASE_URL}{sip}"},
    }
    (too_small,) = field_errors(await call(server, "GET", f"{sip}?page_size=0"))
    assert too_small[2] == "page_size"
    no_sip = "This server does not support SIP: a subscriber has no SIP endpoints"
    assert field_errors(await call(server, "POST", sip, {})) == [invalid(no_sip, None)]
    for method in ("GET", "PATCH", "DELETE"):
        plain(await call(server, method, f"{sip}/{NOBODY}"), 404)
    no_kind = "This server has no resources of this type, only subscribers and conference rooms"
    for kind in ("ai_agents", "swml_scripts", "sip_endpoints", "cxml_applications"):
        for method, path in (("GET", ""), ("POST", ""), ("PUT", f"/{NOBODY}"), ("GET", "/x")):
            answer = await call(server, method, f"{RESOURCES}/{kind}{path}", {})
            assert field_errors(answer) == [invalid(no_kind, None)]
        plain(await server.client.get(f"{RESOURCES}/{kind}"), 401)
    no_routes = "This server does not support routes from phone numbers or domains to resources"
    for route in ("phone_routes", "domain_applications"):
        answer = await call(server, "POST", f"{RESOURCES}/{person}/{route}", {})
        assert field_errors(answer) == [invalid(no_routes, None)]
    plain(await call(server, "POST", f"{RESOURCES}/{person}", {}), 405)
    plain(await call(server, "GET", f"{RESOURCES}/unheard_of"), 404)
