"""A tour of the API: a good call of every operation, and what it answers."""

import json
from collections.abc import AsyncIterator
from typing import Final

import httpx

from satmint.http.operations import Operation
from satmint.http.resources import OPERATIONS
from tests.kit.proofs import Signer
from tests.kit.service import Bearer, Server, said

NOBODY: Final = "00000000-0000-4000-8000-000000000000"


def operation_of(identifier: str) -> Operation:
    return next(operation for operation in OPERATIONS if operation.id == identifier)


async def tour(server: Server) -> AsyncIterator[tuple[Operation, httpx.Response]]:
    """One good call of every operation, and some more, in an order in which they make sense."""
    client, tenant = server.client, server.tenant

    async def call(
        identifier: str, body: object = None, auth: httpx.Auth | None = tenant.auth, **ids: str
    ) -> tuple[Operation, httpx.Response]:
        operation = operation_of(identifier)
        path = operation.path.format(**ids)
        content = None if body is None else json.dumps(body)
        return operation, await client.request(operation.method, path, content=content, auth=auth)

    signer, thief = Signer.generate(), Signer.generate()
    signed_in = await call(
        "create-subscriber-token",
        {"reference": "bob@example.com", "fingerprint": signer.jkt, "scope": ["sat:refresh"]},
    )
    yield signed_in
    pair = said(signed_in[1], 200)
    holder, subscriber = Bearer(pair["token"]), pair["subscriber_id"]
    yield await call("get-subscriber-info", auth=holder)
    for alias in ("", "-alias"):
        device = {"device_type": "Desktop", "device_token": f"token{alias}"}
        registered = await call(f"register-device{alias}", device, holder)
        yield registered
        yield await call(f"register-device{alias}", {"device_type": "desktop"}, holder)
        for _ in range(2):
            device_id = said(registered[1], 201)["id"]
            yield await call(f"unregister-device{alias}", auth=holder, id=device_id)
    for identifier in ("create-device-token", "refresh-device-token"):
        path, now = operation_of(identifier).path, server.clock.now()
        proof = signer.http_proof(path, pair["token"], iat=now)
        yield await call(identifier, {"dpop_token": proof, "expire_in": None}, holder)
        for spoiled in (
            signer.http_proof(path, pair["token"], iat=now - 301),
            signer.http_proof(path, "another", iat=now),
            thief.http_proof(path, pair["token"], iat=now),
            "x",
        ):
            yield await call(identifier, {"dpop_token": spoiled}, holder)
        yield await call(identifier, {"expire_in": "900"}, holder)
        yield await call(identifier, {}, holder)
    refreshed = await call("refresh-subscriber-token", {"refresh_token": pair["refresh_token"]})
    yield refreshed
    newest = said(refreshed[1], 201)
    yield await call("refresh-subscriber-token", {"refresh_token": newest["token"]})

    address = tenant.addresses[0]
    yield await call("create-guest-token", {"allowed_addresses": [str(address.id)]})
    yield await call("create-guest-token", {"allowed_addresses": [NOBODY], "region": "mars"})
    own = await call("list-subscriber-addresses", id=subscriber)
    yield own
    own_address = said(own[1], 200)["data"][0]["id"]
    yield await call("create-invite-token", {"address_id": own_address}, auth=holder)
    yield await call("create-invite-token", {"address_id": str(address.id)}, auth=holder)

    made = await call(
        "create-c2c-token", {"address_id": str(address.id), "origins": ["https://a.example"]}
    )
    yield made
    c2c_token = said(made[1], 201)
    yield await call("create-embed-token", {"token": c2c_token["token"]}, auth=None)
    _, open_to_all = await server.c2c_token()
    yield await call("create-embed-token", {"token": open_to_all}, auth=None)
    yield await call("create-embed-token-alias", {"token": open_to_all}, auth=None)
    yield await call("create-embed-token", {"token": "PT"}, auth=None)
    hook = await call("create-webhook", {"url": "https://hooks.example.com/"})
    yield hook
    yield await call("create-webhook", {"url": "http://hooks.example.com/"})
    yield await call("list-webhooks")
    hook_id = said(hook[1], 201)["id"]
    yield await call("get-webhook", id=hook_id)
    yield await call("update-webhook", {"paused": True}, id=hook_id)
    yield await call("test-webhook", id=hook_id)
    yield await call("revoke-project-sessions")
    messages = await call("list-webhook-deliveries", id=hook_id)
    yield messages
    (message,) = said(messages[1], 200)["data"]
    yield await call("retry-webhook-delivery", id=hook_id, delivery_id=message["id"])
    yield await call("delete-webhook", id=hook_id)
    yield await call("list-c2c-tokens")
    yield await call("disable-c2c-token", id=c2c_token["id"])
    yield await call("delete-c2c-token", id=c2c_token["id"])

    created = await call("create-subscriber", {"email": "carol@example.com", "timezone": "UTC"})
    yield created
    yield await call("create-subscriber", {"email": "carol@example.com"})
    carol = said(created[1], 201)["id"]
    yield await call("list-subscribers")
    yield await call("get-subscriber", id=carol)
    yield await call("get-subscriber", id="no-id")
    yield await call("update-subscriber", {"job_title": "Captain"}, id=carol)
    yield await call("delete-subscriber", id=carol)

    room = await call(
        "create-conference-room", {"name": "lobby", "join_from": "2026-01-31T09:30:00Z"}
    )
    yield room
    yield await call("create-conference-room", {"name": "lobby"})
    lobby = said(room[1], 200)["id"]
    yield await call("list-conference-rooms")
    yield await call("get-conference-room", id=lobby)
    yield await call("update-conference-room", {"meta": {"floor": 1}}, id=lobby)
    yield await call("list-conference-room-addresses", id=lobby)
    yield await call("list-conference-room-addresses-alias", id=lobby)
    yield await call("list-resources")
    yield await call("get-resource", id=lobby)
    yield await call("get-resource", id=subscriber)
    yield await call("list-resource-addresses", id=subscriber)
    yield await call("list-subscriber-sip-endpoints", id=subscriber)
    yield await call("create-subscriber-sip-endpoint", id=subscriber)
    yield await call("delete-conference-room", id=lobby)
    other = await call("create-conference-room", {"name": "lobby"})
    yield await call("delete-resource", id=said(other[1], 200)["id"])

    yield await call("list-addresses")
    yield await call("list-addresses", auth=holder)
    yield await call("get-address", id=str(address.id))
    opened = await call(
        "create-address",
        {"name": "desk", "type": "room", "cover_url": "https://a.example/a.png"},
    )
    yield opened
    yield await call("create-address", {"name": "desk", "type": "room"})
    context = said(opened[1], 201)["id"]
    yield await call("update-address", {"locked": True, "channels": []}, id=context)
    yield await call("delete-address", id=context)

    for identifier in ("get-account", "get-account-alias"):
        yield await call(identifier, project_id=str(tenant.id))
        yield await call(identifier, project_id=NOBODY)
    api_token = await call("create-project-token", {"name": "x", "permissions": ["video"]})
    yield api_token
    token_id = said(api_token[1], 200)["id"]
    yield await call("create-project-token", {"name": "x", "permissions": ["voice"]})
    yield await call("list-project-tokens")
    yield await call("list-api-tokens")
    yield await call("update-project-token", {"name": "y"}, token_id=token_id)
    yield await call("delete-project-token", token_id=token_id)

    for token in (newest["token"], newest["refresh_token"], "x"):
        yield await call("introspect-token", {"token": token})
        yield await call("introspect-token", {"tokens": [token, "x"]})
    sessions = await call("list-sessions", id=subscriber)
    yield await call("get-presence", id=subscriber)
    yield await call("list-devices", id=subscriber)
    yield sessions
    session = said(sessions[1], 200)["data"][0]["id"]
    yield await call("get-session", session_id=session)
    yield await call("revoke-token", {"token": newest["token"]})
    yield await call("revoke-session", session_id=session)
    yield await call("get-session", session_id=session)
    yield await call("refresh-subscriber-token", {"refresh_token": newest["refresh_token"]})
    yield await call("revoke-sessions", id=subscriber)
    for identifier in (
        "list-project-sessions",
        "count-project-sessions",
        "revoke-project-sessions",
    ):
        yield await call(identifier)
    yield await call("list-events")
    yield await call("get-stats")
    for identifier in ("livez", "readyz", "openapi"):
        yield await call(identifier, auth=None)
