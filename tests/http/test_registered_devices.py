"""Devices that the vendor's SDK 3.x registers: by whom, how many, and what ends them."""

from typing import Final

import httpx
import pytest

from tests.http.answer_contract import (
    UUID_TEXT,
    FieldError,
    field_errors,
    invalid,
    members,
    missing,
    plain,
)
from tests.http.test_invites import invited
from tests.kit.devices import a_browser
from tests.kit.service import Bearer, Json, Server, said

PATHS: Final = ("/api/fabric/subscriber/devices", "/subscriber/devices")
"""That of the contract, and the one that the SDK requests."""
PATH: Final = PATHS[0]
STARTED: Final = "2023-11-14T22:13:20Z"
BODY: Final = {"device_type": "iOS", "device_token": "c0ffee"}
NOBODY: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"


async def register(server: Server, token: str, path: str = PATH, **other: object) -> httpx.Response:
    return await server.client.post(path, json=BODY | other, auth=Bearer(token))


async def unregister(server: Server, token: str, device: object, path: str = PATH) -> int:
    answer = await server.client.delete(f"{path}/{device}", auth=Bearer(token))
    if answer.status_code == 204:
        assert answer.content == b""
    else:
        plain(answer, answer.status_code)
    return answer.status_code


async def session_of(server: Server, token: str) -> Json:
    path = f"/api/satmint/sessions/{server.claims(token).sid}"
    return said(await server.client.get(path, auth=server.tenant.auth), 200)


@pytest.mark.parametrize("path", PATHS)
async def test_device_is_registered_listed_and_unregistered(
    server_on_each_store: Server, path: str
) -> None:
    server = server_on_each_store
    pair, other = await server.sign_in(), await server.sign_in()
    answer = await register(server, pair["token"], path)
    made = said(answer, 201)
    assert answer.headers["cache-control"] == "no-store"
    assert UUID_TEXT.fullmatch(made["id"])
    assert made == {
        "id": made["id"],
        "device_type": "iOS",
        "device_token": "c0ffee",
        "date_registered": STARTED,
        "push_notification_key": "",
    }
    listed = {name: made[name] for name in members(made)[:4]}
    assert (await session_of(server, pair["token"]))["devices"] == [listed]
    page = await server.client.get(
        f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions", auth=server.tenant.auth
    )
    found = {item["id"]: item["devices"] for item in said(page, 200)["data"]}
    assert found == {
        str(server.claims(pair["token"]).sid): [listed],
        str(server.claims(other["token"]).sid): [],
    }
    assert await unregister(server, pair["token"], made["id"], path) == 204
    assert await unregister(server, pair["token"], made["id"], path) == 404
    assert (await session_of(server, pair["token"]))["devices"] == []


async def test_same_device_is_registered_once_in_a_session(server: Server) -> None:
    pair = await server.sign_in()
    first = said(await register(server, pair["token"]), 201)
    server.clock.advance(60)
    assert said(await register(server, pair["token"]), 201) == first
    rotated = await server.rotate(pair["refresh_token"])
    assert said(await register(server, rotated["token"]), 201) == first
    again = await server.sign_in()
    assert said(await register(server, again["token"]), 201)["id"] != first["id"]


async def test_session_has_ten_devices_at_most(server: Server) -> None:
    token = (await server.sign_in())["token"]
    for number in range(10):
        said(await register(server, token, device_token=str(number)), 201)
    refused = await register(server, token, device_token="one more")
    message = "A session has at most 10 devices: unregister one"
    assert field_errors(refused) == [invalid(message, None)]
    said(await register(server, token, device_token="9"), 201)
    said(await register(server, (await server.sign_in())["token"]), 201)


async def test_session_that_is_signed_in_anew_unregisters_what_an_earlier_one_registered(
    server: Server,
) -> None:
    first = await server.sign_in()
    made = said(await register(server, first["token"]), 201)
    again = await server.sign_in()
    assert await unregister(server, again["token"], made["id"]) == 204
    assert (await session_of(server, first["token"]))["devices"] == []


async def test_device_of_another_subscriber_or_project_is_not_found(server: Server) -> None:
    made = said(await register(server, (await server.sign_in())["token"]), 201)
    bob = (await server.sign_in("bob@example.com"))["token"]
    other = await server.another_tenant()
    asked = {"reference": "alice@example.com"}
    answer = await server.client.post("/api/fabric/subscribers/tokens", json=asked, auth=other.auth)
    before = await server.rows("registered_devices")
    for token in (bob, said(answer, 200)["token"]):
        for device in (made["id"], NOBODY, "token", "%00"):
            status = 405 if device == "token" else 404
            assert await unregister(server, token, device) == status
    assert await server.rows("registered_devices") == before


@pytest.mark.parametrize("kind", ["guest", "invite", "embed"])
async def test_nobody_calls_a_guest(server: Server, kind: str) -> None:
    alice = (await server.sign_in())["token"]
    made = said(await register(server, alice), 201)
    if kind == "guest":
        asked: Json = {"allowed_addresses": [str(server.tenant.addresses[0].id)]}
        answer = await server.client.post(
            "/api/fabric/guests/tokens", json=asked, auth=server.tenant.auth
        )
        token = said(answer, 201)["token"]
    elif kind == "invite":
        token = await invited(server, alice)
    else:
        _, text = await server.c2c_token()
        answer = await server.client.post("/api/embeds/tokens", json={"token": text})
        token = said(answer, 201)["token"]
    plain(await register(server, token), 403)
    assert await unregister(server, token, made["id"]) == 403
    assert len((await session_of(server, alice))["devices"]) == 1


async def test_holder_of_a_bound_session_registers_with_its_sat(server: Server) -> None:
    browser = await a_browser(server)
    said(await register(server, browser.token), 201)


async def test_revoked_or_expired_session_has_no_devices(server: Server) -> None:
    revoked, expired = (await server.sign_in())["token"], (await server.sign_in())["token"]
    made = said(await register(server, revoked), 201)
    said(await register(server, expired), 201)
    path = f"/api/satmint/sessions/{server.claims(revoked).sid}"
    await server.client.delete(path, auth=server.tenant.auth)
    assert (await session_of(server, revoked))["devices"] == []
    plain(await register(server, revoked), 401)
    assert await unregister(server, revoked, made["id"]) == 401
    server.clock.advance(7200)
    plain(await register(server, expired), 401)
    server.clock.advance(300)
    assert (await session_of(server, expired))["devices"] == []


async def test_register_needs_a_sat(server: Server) -> None:
    pair = await server.sign_in()
    plain(await server.client.post(PATH, json=BODY), 401)
    plain(await server.client.post(PATH, json=BODY, auth=server.tenant.auth), 401)
    plain(await register(server, pair["refresh_token"]), 401)
    plain(await server.client.delete(f"{PATH}/{NOBODY}", auth=server.tenant.auth), 401)


TYPE: Final = "Device Type must be one of: iOS, Android, Desktop"
TEXT: Final = [
    ("not_a_string", "Device Type must be a string", "device_type"),
    ("not_a_string", "Device Token must be a string", "device_token"),
]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [missing("device_type"), missing("device_token")]),
        ({"device_type": "iOS"}, [missing("device_token")]),
        ({"device_type": "ios", "device_token": "a"}, [invalid(TYPE, "device_type")]),
        (
            {"device_type": "", "device_token": ""},
            [
                invalid(TYPE, "device_type"),
                invalid("Device Token must not be empty", "device_token"),
            ],
        ),
        ({"device_type": 1, "device_token": 2}, TEXT),
        ({"device_type": True, "device_token": {"a": 1}}, TEXT),
        ({"device_type": ["iOS"], "device_token": ["a"]}, TEXT),
        (
            {"device_type": "iOS", "device_token": "a" * 4097},
            [invalid("Device Token must be at most 4096 characters long", "device_token")],
        ),
        (
            {"deviceType": "iOS", "device_token": 1, "x": None},
            [
                missing("device_type"),
                TEXT[1],
                invalid(
                    "Devicetype is not a known parameter; did you mean device_type?", "deviceType"
                ),
                invalid("X is not a known parameter", "x"),
            ],
        ),
    ],
)
@pytest.mark.parametrize("path", PATHS)
async def test_each_fault_of_a_device(
    server: Server, path: str, body: Json, errors: list[FieldError]
) -> None:
    token = (await server.sign_in())["token"]
    answer = await server.client.post(path, json=body, auth=Bearer(token))
    assert field_errors(answer) == errors
    assert await server.rows("registered_devices") == {"registered_devices": []}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"[]", 422),
        (b'{"device_type":"iOS","device_type":"iOS","device_token":"a"}', 422),
        (b'{"device_type":"iOS","device_token":"\\u0000"}', 422),
        (b'{"device_type":"iOS","device_token":"\\ud800"}', 422),
        (b'{"device_type":"iOS","device_token":"' + b"a" * (64 * 1024 + 1 - 39) + b'"}', 413),
    ],
    ids=["empty", "array", "twice", "nul", "surrogate", "64 KiB + 1"],
)
async def test_body_that_is_no_device(server: Server, content: bytes, status: int) -> None:
    token = (await server.sign_in())["token"]
    answer = await server.client.post(PATH, content=content, auth=Bearer(token))
    if status == 413:
        assert len(content) == 64 * 1024 + 1
        plain(answer, status)
    else:
        assert field_errors(answer)
    assert await server.rows("registered_devices") == {"registered_devices": []}


async def test_longest_token_is_stored(server: Server) -> None:
    token = (await server.sign_in())["token"]
    made = said(await register(server, token, device_token="ü" * 4096), 201)
    assert made["device_token"] == "ü" * 4096
