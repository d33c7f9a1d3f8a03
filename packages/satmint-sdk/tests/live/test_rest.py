"""Both clients against the real server."""

from __future__ import annotations

import ssl
from typing import Any
from uuid import UUID

import pytest

from kit.server import Live
from satmint_sdk.rest import (
    AsyncRestClient,
    RequestOptions,
    RestClient,
    SignalWireRestError,
    SignalWireRestTransportError,
)


def test_the_example_of_the_documentation_runs_as_it_stands(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", live.project_id)
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", live.api_token)
    monkeypatch.setenv("SIGNALWIRE_SPACE", live.host)
    with RestClient() as client:
        token = client.fabric.tokens.create_subscriber_token(reference="subscriber-id")
        refreshed = client.fabric.tokens.refresh_subscriber_token(
            refresh_token=token["refresh_token"]
        )
        assert token.keys() == {"subscriber_id", "token", "refresh_token"}
        assert refreshed.keys() == {"token", "refresh_token"}
        assert str(UUID(token["subscriber_id"])) == token["subscriber_id"]
        assert client.clock_offset is not None
        assert abs(client.clock_offset) < 5


async def test_the_other_client_does_the_same(live: Live) -> None:
    async with live.async_client() as client:
        token = await client.fabric.tokens.create_subscriber_token(reference="bob", country="LU")
        refreshed = await client.fabric.tokens.refresh_subscriber_token(
            refresh_token=token["refresh_token"]
        )
        assert refreshed["token"] != token["token"]


def test_a_spent_token_is_refused_with_a_code(live: Live) -> None:
    with live.client() as client:
        tokens = client.fabric.tokens
        first = tokens.create_subscriber_token(reference="carol")["refresh_token"]
        second = tokens.refresh_subscriber_token(refresh_token=first)["refresh_token"]
        tokens.refresh_subscriber_token(refresh_token=second)
        with pytest.raises(SignalWireRestError) as refused:
            tokens.refresh_subscriber_token(refresh_token=first)
        assert (refused.value.status_code, refused.value.code) == (422, "token_invalid")
        assert refused.value.errors[0]["attribute"] == "refresh_token"
        assert refused.value.request_id
        assert first not in str(refused.value)


def test_guest_invite_and_embed_tokens(live: Live) -> None:
    with live.client() as client:
        guest = client.fabric.tokens.create_guest_token(allowed_addresses=live.addresses[:1])
        assert guest.keys() == {"token", "refresh_token"}
        client.fabric.tokens.refresh_subscriber_token(refresh_token=guest["refresh_token"])
        visitor = client.fabric.tokens.create_embed_token(token=live.c2c_token)
        assert visitor.keys() == {"token"}
        made = client.fabric.tokens.create_subscriber_token(reference="dora")
        (own,) = client.fabric.subscribers.list_addresses(made["subscriber_id"])["data"]
        invite = client.fabric.tokens.create_invite_token(address_id=own["id"])
        assert invite.keys() == {"token"}


def test_a_subscriber_from_birth_to_deletion(live: Live) -> None:
    with live.client() as client:
        subscribers = client.fabric.subscribers
        made = subscribers.create(email="eve@example.com", first_name="Eve", timezone="UTC")
        assert subscribers.get(made["id"])["subscriber"]["first_name"] == "Eve"
        changed = subscribers.update(made["id"], last_name="Young")
        assert changed["subscriber"]["last_name"] == "Young"
        assert changed["subscriber"]["email"] == "eve@example.com"
        gone: Any = subscribers.delete(made["id"])
        assert gone == {}
        with pytest.raises(SignalWireRestError) as refused:
            subscribers.get(made["id"])
        assert (refused.value.status_code, refused.value.body) == (404, {"error": "Not Found"})


async def test_lists_are_read_to_their_end(live: Live) -> None:
    with live.client() as client:
        for number in range(7):
            client.fabric.tokens.create_subscriber_token(reference=f"many-{number}")
        names = [item["id"] for item in client.fabric.subscribers.paginate(page_size=2)]
        assert len(names) == len(set(names)) >= 7
        whole = client.fabric.subscribers.list(page_size=1000)["data"]
        assert {item["id"] for item in whole} == set(names)
        rooms = list(client.fabric.addresses.paginate(type="room", page_size=1))
        assert {room["type"] for room in rooms} == {"room"}
        assert client.fabric.addresses.get(rooms[0]["id"])["id"] == rooms[0]["id"]
    async with live.async_client() as other:
        found = [item["id"] async for item in other.fabric.subscribers.paginate(page_size=3)]
        assert set(found) == set(names)


def test_an_api_token_from_birth_to_deletion(live: Live) -> None:
    with live.client() as client:
        made = client.project.tokens.create(name="ci", permissions=["calling"])
        with RestClient(live.project_id, made["token"], live.host) as limited:
            limited.fabric.addresses.list()
            with pytest.raises(SignalWireRestError) as refused:
                limited.project.tokens.create(name="more", permissions=["management"])
            assert refused.value.status_code == 401
            renamed = client.project.tokens.update(made["id"], name="cd")
            assert renamed["name"] == "cd"
            masked = f"{made['token'][:6]}…{made['token'][-3:]}"
            assert renamed["token"] == masked
            listed = {token["id"]: token for token in client.project.tokens.paginate(page_size=1)}
            assert listed[made["id"]] == renamed
            assert client.project.tokens.list(page_size=1)["data"][0]["id"] in listed
            gone: Any = client.project.tokens.delete(made["id"])
            assert gone == {}
            with pytest.raises(SignalWireRestError) as refused:
                limited.fabric.addresses.list()
            assert refused.value.status_code == 401


def test_every_fault_of_a_request_is_told(live: Live) -> None:
    with live.client() as client, pytest.raises(SignalWireRestError) as refused:
        client.fabric.tokens.create_subscriber_token(
            reference="", expire_at=1, extras={"expires_at": 5}
        )
    assert refused.value.status_code == 422
    assert {entry["attribute"] for entry in refused.value.errors} >= {"expire_at", "expires_at"}


def test_a_wrong_secret_is_refused_and_not_shown(live: Live) -> None:
    wrong = "PT" + "0" * 48
    with RestClient(live.project_id, wrong, live.host) as client:
        with pytest.raises(SignalWireRestError) as refused:
            client.fabric.addresses.list()
        assert (refused.value.status_code, refused.value.body) == (401, {"error": "Unauthorized"})
        assert wrong not in str(refused.value)


def test_https_with_the_servers_own_authority(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is spoken to in clear, so the name in the certificate is another one."""
    host = live.tls_host
    trusting = RequestOptions(timeout=5)
    with RestClient(live.project_id, live.api_token, host, trusting) as client:
        with pytest.raises(SignalWireRestTransportError) as untrusted:
            client.fabric.tokens.refresh_subscriber_token(refresh_token="r")
        assert "CERTIFICATE_VERIFY_FAILED" in str(untrusted.value)
        assert untrusted.value.permanent  # it was told at once, and not tried three times
    with RestClient(live.project_id, live.api_token, host, trusting, verify=live.ca_file) as client:
        assert client.fabric.addresses.list()["data"]
    for variable in ("SSL_CERT_FILE", "SIGNALWIRE_REST_CA_FILE"):
        with monkeypatch.context() as environment:
            environment.setenv(variable, live.ca_file)
            with RestClient(live.project_id, live.api_token, host, trusting) as client:
                assert client.fabric.addresses.list()["data"]


async def test_https_of_the_async_client(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", live.ca_file)
    async with AsyncRestClient(live.project_id, live.api_token, live.tls_host) as client:
        assert (await client.fabric.addresses.list())["data"]
        seen = client.last_response
        assert seen is not None
        assert seen.request_id
    monkeypatch.delenv("SSL_CERT_FILE")
    async with AsyncRestClient(live.project_id, live.api_token, live.tls_host) as client:
        with pytest.raises(SignalWireRestTransportError) as untrusted:
            await client.fabric.addresses.list()
        assert untrusted.value.permanent


def test_any_path_can_be_requested(live: Live) -> None:
    with live.client() as client:
        document = client.request("GET", "/openapi.json")
        assert document["openapi"].startswith("3.1")
        listed = client.request("get", "/api/fabric/addresses", query={"page_size": 1})
        assert len(listed["data"]) == 1
        made = client.request(
            "POST", "/api/project/tokens", body={"name": "n", "permissions": ["fax"]}
        )
        assert client.request("DELETE", f"/api/project/tokens/{made['id']}") == {}


def test_the_authority_file_is_one(live: Live) -> None:
    assert ssl.create_default_context(cafile=live.ca_file).get_ca_certs()


async def test_many_at_once(live: Live) -> None:
    import asyncio

    async with live.async_client() as client:
        made = await asyncio.gather(
            *(
                client.fabric.tokens.create_subscriber_token(reference=f"crowd-{number}")
                for number in range(50)
            )
        )
        assert len({pair["token"] for pair in made}) == 50


async def test_a_client_without_a_server_says_so() -> None:
    async with AsyncRestClient("p", "t", "127.0.0.1:1") as client:
        with pytest.raises(SignalWireRestTransportError):
            await client.fabric.addresses.list()


async def test_rooms_and_resources_with_the_other_client(live: Live) -> None:
    async with live.async_client() as client:
        rooms, resources = client.fabric.conference_rooms, client.fabric.resources
        room = await rooms.create(name="other-client", display_name="Other client")
        page = await resources.list(type="video_room", display_name="Other client")
        assert page["data"] == [room]
        assert [one["id"] async for one in resources.paginate(display_name="Other client")] == [
            room["id"]
        ]
        assert room["id"] in [one["id"] async for one in rooms.paginate(page_size=1)]
        (address,) = (await rooms.list_addresses(room["id"]))["data"]
        assert (await resources.list_addresses(id=room["id"]))["data"] == [address]
        guest = await client.fabric.tokens.create_guest_token(allowed_addresses=[address["id"]])
        assert (await resources.delete(room["id"])) == {}
        with pytest.raises(SignalWireRestError) as refused:
            await client.fabric.tokens.refresh_subscriber_token(
                refresh_token=guest["refresh_token"]
            )
        assert refused.value.code == "token_invalid"
        with pytest.raises(ValueError, match="an id must not be empty"):
            await rooms.get("..")
