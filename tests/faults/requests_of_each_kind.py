"""One request for each thing that the service does, each ready to be sent again and again.

A scene is set up by requests that succeed; what it returns sends the request that is looked at.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.scenes import (
    ADDRESSES,
    C2C,
    HOOK,
    KEY,
    PROJECT_TOKENS,
    RESOURCES,
    ROOMS,
    SUBSCRIBERS,
    WEBHOOKS,
    Phase,
    Send,
    scene,
)
from tests.kit.devices import REFRESH as DEVICES_REFRESH
from tests.kit.devices import TOKEN as DEVICES_TOKEN
from tests.kit.proofs import Signer
from tests.kit.service import INFO, REFRESH, TOKENS, Bearer


@scene("create-subscriber-token: new", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender(
        "POST", TOKENS, {"reference": execute_steps.name, "first_name": "Ann"}
    )


@scene("create-subscriber-token: known", 200)
async def _(execute_steps: Phase) -> Send:
    await execute_steps.signed_in()
    return execute_steps.sender(
        "POST", TOKENS, {"reference": execute_steps.name, "first_name": "Ann"}
    )


@scene("refresh-subscriber-token: rotate", 201)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("POST", REFRESH, {"refresh_token": pair["refresh_token"]})


@scene("refresh-subscriber-token: replay", 201)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    await execute_steps.refreshed(pair)
    return execute_steps.sender("POST", REFRESH, {"refresh_token": pair["refresh_token"]})


@scene("refresh-subscriber-token: reuse", 422)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    newer = await execute_steps.refreshed(pair)
    await execute_steps.refreshed(newer)
    return execute_steps.sender("POST", REFRESH, {"refresh_token": pair["refresh_token"]})


async def a_device_call(execute_steps: Phase, path: str, signer: Signer, **named: str) -> Send:
    """A request with a good proof, for a SAT that was in use already."""
    body = {"reference": execute_steps.name, "scope": "sat:refresh", **named}
    sat = (await execute_steps.made("POST", TOKENS, body))["token"]
    assert (await execute_steps.sender("GET", INFO, bearer=sat)()).is_success
    said = await execute_steps.made("POST", "/api/satmint/tokens/introspect", {"token": sat})
    proof = signer.http_proof(path, sat, iat=said["iat"])  # by the server's clock
    return execute_steps.sender("POST", path, {"dpop_token": proof}, bearer=sat)


@scene("create-device-token: binding", 201)
async def _(execute_steps: Phase) -> Send:
    return await a_device_call(execute_steps, DEVICES_TOKEN, Signer.generate())


@scene("create-device-token: bound", 201)
async def _(execute_steps: Phase) -> Send:
    signer = Signer.generate()
    return await a_device_call(execute_steps, DEVICES_TOKEN, signer, fingerprint=signer.jkt)


@scene("create-device-token: another key", 401)
async def _(execute_steps: Phase) -> Send:
    return await a_device_call(execute_steps, DEVICES_TOKEN, Signer.generate(), fingerprint=KEY)


@scene("refresh-device-token", 201)
async def _(execute_steps: Phase) -> Send:
    signer = Signer.generate()
    return await a_device_call(execute_steps, DEVICES_REFRESH, signer, fingerprint=signer.jkt)


@scene("refresh-device-token: again", 201)
async def _(execute_steps: Phase) -> Send:
    signer = Signer.generate()
    send = await a_device_call(execute_steps, DEVICES_REFRESH, signer, fingerprint=signer.jkt)
    assert (await send()).is_success
    return send


@scene("create-guest-token", 201)
async def _(execute_steps: Phase) -> Send:
    body = {"allowed_addresses": list(execute_steps.addresses)}
    return execute_steps.sender("POST", "/api/fabric/guests/tokens", body)


@scene("create-invite-token: holder", 201)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.seen()
    body = {"address_id": await execute_steps.own_address(pair["subscriber_id"])}
    return execute_steps.sender(
        "POST", "/api/fabric/subscriber/invites", body, bearer=pair["token"]
    )


@scene("create-invite-token: proof", 201, again=401)
async def _(execute_steps: Phase) -> Send:
    """A request that failed has not used its proof up; one that was carried out has."""
    signer, path = Signer.generate(), "/api/fabric/subscriber/invites"
    signing_in = {"reference": execute_steps.name, "fingerprint": signer.jkt}
    pair = await execute_steps.made("POST", TOKENS, signing_in)
    sat = pair["token"]
    assert (await execute_steps.sender("GET", INFO, bearer=sat)()).is_success
    said = await execute_steps.made("POST", "/api/satmint/tokens/introspect", {"token": sat})
    body = {"address_id": await execute_steps.own_address(pair["subscriber_id"])}
    proof = signer.http_proof(path, sat, iat=said["iat"])  # by the server's clock
    headers = {"DPoP": proof}
    return lambda: execute_steps.client.post(path, json=body, auth=Bearer(sat), headers=headers)


@scene("create-invite-token: backend", 201)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    body = {"address_id": await execute_steps.own_address(pair["subscriber_id"])}
    return execute_steps.sender("POST", "/api/fabric/subscriber/invites", body)


@scene("create-embed-token", 201)
async def _(execute_steps: Phase) -> Send:
    text = (await execute_steps.c2c_token())["token"]
    return execute_steps.sender("POST", "/api/fabric/embeds/tokens", {"token": text})


@scene("create-embed-token-alias", 201)
async def _(execute_steps: Phase) -> Send:
    text = (await execute_steps.c2c_token())["token"]
    return execute_steps.sender("POST", "/api/embeds/tokens", {"token": text})


@scene("get-subscriber-info", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.seen()
    return execute_steps.sender("GET", INFO, bearer=pair["token"])


async def a_registration(execute_steps: Phase, path: str) -> Send:
    pair = await execute_steps.seen()
    body = {"device_type": "iOS", "device_token": execute_steps.name}
    return execute_steps.sender("POST", path, body, bearer=pair["token"])


async def a_registered_device(execute_steps: Phase, path: str) -> Send:
    pair = await execute_steps.seen()
    body = {"device_type": "iOS", "device_token": execute_steps.name}
    made = (await execute_steps.sender("POST", path, body, bearer=pair["token"])()).json()
    return execute_steps.sender("DELETE", f"{path}/{made['id']}", bearer=pair["token"])


for path_, suffix in (("/api/fabric/subscriber/devices", ""), ("/subscriber/devices", "-alias")):
    scene(f"register-device{suffix}", 201)(partial(a_registration, path=path_))
    scene(f"unregister-device{suffix}", 204, again=404)(partial(a_registered_device, path=path_))


@scene("create-subscriber", 201, again=422)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("POST", SUBSCRIBERS, {"email": f"{execute_steps.name}@example.com"})


@scene("get-subscriber", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("GET", f"{SUBSCRIBERS}/{pair['subscriber_id']}")


@scene("update-subscriber", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    body = {"email": f"{execute_steps.name}@example.com", "country": "FR"}
    return execute_steps.sender("PUT", f"{SUBSCRIBERS}/{pair['subscriber_id']}", body)


@scene("delete-subscriber", 204, again=404)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("DELETE", f"{SUBSCRIBERS}/{pair['subscriber_id']}")


@scene("list-subscriber-addresses", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("GET", f"{SUBSCRIBERS}/{pair['subscriber_id']}/addresses")


@scene("list-subscriber-sip-endpoints", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("GET", f"{SUBSCRIBERS}/{pair['subscriber_id']}/sip_endpoints")


@scene("create-subscriber-sip-endpoint", 422)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("POST", f"{SUBSCRIBERS}/{pair['subscriber_id']}/sip_endpoints")


@scene("create-conference-room", 200, again=422)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("POST", ROOMS, {"name": execute_steps.name})


@scene("update-conference-room", 200)
async def _(execute_steps: Phase) -> Send:
    body = {"name": f"{execute_steps.name}-renamed", "max_members": 5}
    return execute_steps.sender("PUT", f"{ROOMS}/{await execute_steps.room()}", body)


for _id, _method, _path, _status, _again in (
    ("list-conference-rooms", "GET", ROOMS, 200, 200),
    ("get-conference-room", "GET", f"{ROOMS}/{{}}", 200, 200),
    ("delete-conference-room", "DELETE", f"{ROOMS}/{{}}", 204, 404),
    ("list-conference-room-addresses", "GET", f"{ROOMS}/{{}}/addresses", 200, 200),
    ("list-conference-room-addresses-alias", "GET", f"{ROOMS[:-1]}/{{}}/addresses", 200, 200),
    ("list-resources", "GET", RESOURCES, 200, 200),
    ("get-resource", "GET", f"{RESOURCES}/{{}}", 200, 200),
    ("delete-resource", "DELETE", f"{RESOURCES}/{{}}", 204, 404),
    ("list-resource-addresses", "GET", f"{RESOURCES}/{{}}/addresses", 200, 200),
):

    @scene(_id, _status, _again)
    async def _(execute_steps: Phase, method: str = _method, path: str = _path) -> Send:
        return execute_steps.sender(method, path.format(await execute_steps.room()))


@scene("list-addresses", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.seen()
    return execute_steps.sender("GET", "/api/fabric/addresses", bearer=pair["token"])


@scene("get-address", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("GET", f"/api/fabric/addresses/{await execute_steps.address()}")


@scene("create-address", 201, again=422)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("POST", ADDRESSES, execute_steps.new_address)


@scene("update-address", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender(
        "PATCH", f"{ADDRESSES}/{await execute_steps.address()}", {"locked": True}
    )


@scene("delete-address", 204, again=404)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("DELETE", f"{ADDRESSES}/{await execute_steps.address()}")


async def an_account(execute_steps: Phase, suffix: str) -> Send:
    subscriber = (await execute_steps.signed_in())["subscriber_id"]
    project = (await execute_steps.made("GET", f"{SUBSCRIBERS}/{subscriber}"))["project_id"]
    return execute_steps.sender("GET", f"/api/laml/2010-04-01/Accounts/{project}{suffix}")


scene("get-account", 200)(partial(an_account, suffix=""))
scene("get-account-alias", 200)(partial(an_account, suffix="/"))


@scene("create-project-token", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender(
        "POST", PROJECT_TOKENS, {"name": execute_steps.name, "permissions": ["fax"]}
    )


async def a_project_token(execute_steps: Phase) -> str:
    body = {"name": execute_steps.name, "permissions": ["fax"]}
    return f"{PROJECT_TOKENS}/{(await execute_steps.made('POST', PROJECT_TOKENS, body))['id']}"


@scene("update-project-token", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("PATCH", await a_project_token(execute_steps), {"name": "renamed"})


@scene("delete-project-token", 204, again=404)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("DELETE", await a_project_token(execute_steps))


@scene("create-c2c-token", 201)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("POST", C2C, execute_steps.new_c2c_token)


@scene("disable-c2c-token", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("POST", f"{C2C}/{(await execute_steps.c2c_token())['id']}/disable")


@scene("delete-c2c-token", 204, again=404)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("DELETE", f"{C2C}/{(await execute_steps.c2c_token())['id']}")


@scene("create-webhook", 201)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("POST", WEBHOOKS, {"url": HOOK})


@scene("delete-webhook", 204, again=404)
async def _(execute_steps: Phase) -> Send:
    made = await execute_steps.made("POST", WEBHOOKS, {"url": HOOK})
    return execute_steps.sender("DELETE", f"{WEBHOOKS}/{made['id']}")


@scene("list-webhook-deliveries", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("GET", await execute_steps.deliveries())


@scene("retry-webhook-delivery", 200)
async def _(execute_steps: Phase) -> Send:
    path = await execute_steps.deliveries()
    delivery = (await execute_steps.made("GET", path))["data"][0]["id"]
    return execute_steps.sender("POST", f"{path}/{delivery}/retry")


@scene("get-webhook", 200)
async def _(execute_steps: Phase) -> Send:
    made = await execute_steps.made("POST", WEBHOOKS, {"url": HOOK})
    return execute_steps.sender("GET", f"{WEBHOOKS}/{made['id']}")


@scene("update-webhook: pause", 200)
async def _(execute_steps: Phase) -> Send:
    made = await execute_steps.made("POST", WEBHOOKS, {"url": HOOK})
    return execute_steps.sender("PATCH", f"{WEBHOOKS}/{made['id']}", {"paused": True})


@scene("get-stats", 200)
async def _(execute_steps: Phase) -> Send:
    return execute_steps.sender("GET", "/api/satmint/stats")


@scene("list-project-sessions", 200)
async def _(execute_steps: Phase) -> Send:
    await execute_steps.signed_in()
    return execute_steps.sender("GET", "/api/satmint/sessions")


@scene("count-project-sessions", 200)
async def _(execute_steps: Phase) -> Send:
    await execute_steps.signed_in()
    return execute_steps.sender("GET", "/api/satmint/sessions/count")


@scene("list-sessions", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("GET", f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions")


@scene("list-devices", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("GET", f"/api/satmint/subscribers/{pair['subscriber_id']}/devices")


@scene("get-presence", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("GET", f"/api/satmint/subscribers/{pair['subscriber_id']}/presence")


@scene("revoke-sessions: all", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender(
        "DELETE", f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions"
    )


@scene("revoke-sessions: key", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    path = f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions?fingerprint={KEY}"
    return execute_steps.sender("DELETE", path)


@scene("revoke-project-sessions", 204)
async def _(execute_steps: Phase) -> Send:
    await execute_steps.signed_in()
    return execute_steps.sender("DELETE", "/api/satmint/sessions")


@scene("get-session", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    session = await execute_steps.session(pair["subscriber_id"])
    return execute_steps.sender("GET", f"/api/satmint/sessions/{session}")


@scene("revoke-session", 204)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    session = await execute_steps.session(pair["subscriber_id"])
    return execute_steps.sender("DELETE", f"/api/satmint/sessions/{session}")


@scene("introspect-token: SAT", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.seen()
    return execute_steps.sender("POST", "/api/satmint/tokens/introspect", {"token": pair["token"]})


@scene("introspect-token: refresh token", 200)
async def _(execute_steps: Phase) -> Send:
    body = {"token": (await execute_steps.signed_in())["refresh_token"]}
    return execute_steps.sender("POST", "/api/satmint/tokens/introspect", body)


@scene("introspect-token: several", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.seen()
    body = {"tokens": [pair["token"], "x"]}
    return execute_steps.sender("POST", "/api/satmint/tokens/introspect", body)


@scene("revoke-token", 200)
async def _(execute_steps: Phase) -> Send:
    pair = await execute_steps.signed_in()
    return execute_steps.sender("POST", "/api/satmint/tokens/revoke", {"token": pair["token"]})


def _reads(path: str) -> Callable[[Phase], Awaitable[Send]]:
    async def set_up(execute_steps: Phase) -> Send:
        return execute_steps.sender("GET", path)

    return set_up


for _name, _path in (
    ("list-subscribers", SUBSCRIBERS),
    ("list-project-tokens", PROJECT_TOKENS),
    ("list-api-tokens", "/api/satmint/api-tokens"),
    ("list-c2c-tokens", C2C),
    ("list-webhooks", WEBHOOKS),
    ("list-events", "/api/satmint/events"),
    ("readyz", "/readyz"),
):
    scene(_name, 200)(_reads(_path))
