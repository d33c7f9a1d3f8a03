"""One request for each thing that the service does, each ready to be sent again and again.

A scene is set up by requests that succeed; what it returns sends the request that is looked at.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from tests.kit.devices import REFRESH as DEVICES_REFRESH
from tests.kit.devices import TOKEN as DEVICES_TOKEN
from tests.kit.proofs import Signer
from tests.kit.service import INFO, REFRESH, TOKENS, Bearer, Json

Send = Callable[[], Awaitable[httpx.Response]]
KEY: Final = "k" * 43

ADDRESSES: Final = "/api/satmint/addresses"
C2C: Final = "/api/satmint/c2c-tokens"
WEBHOOKS: Final = "/api/satmint/webhooks"
HOOK: Final = "https://hooks.example.com/satmint"
PROJECT_TOKENS: Final = "/api/project/tokens"
SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, in this process or elsewhere, and a number that no scene had before."""

    client: httpx.AsyncClient
    auth: httpx.BasicAuth
    addresses: Sequence[str]
    number: int

    @property
    def name(self) -> str:
        return f"name-{self.number}"

    def sender(self, method: str, path: str, body: Json | None = None, bearer: str = "") -> Send:
        auth = Bearer(bearer) if bearer else self.auth
        return lambda: self.client.request(method, path, json=body, auth=auth)

    async def made(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = await self.sender(method, path, body)()
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def signed_in(self) -> Json:
        return await self.made("POST", TOKENS, {"reference": self.name, "fingerprint": KEY})

    async def seen(self) -> Json:
        """Signed in, and the SAT was in use already: that is noted once, apart from the rest."""
        pair = await self.signed_in()
        assert (await self.sender("GET", INFO, bearer=pair["token"])()).is_success
        return pair

    async def refreshed(self, pair: Json) -> Json:
        return await self.made("POST", REFRESH, {"refresh_token": pair["refresh_token"]})

    async def address(self) -> str:
        return str((await self.made("POST", ADDRESSES, self.new_address))["id"])

    async def c2c_token(self) -> Json:
        return await self.made("POST", C2C, self.new_c2c_token)

    async def own_address(self, subscriber: str) -> str:
        listed = await self.made("GET", f"{SUBSCRIBERS}/{subscriber}/addresses")
        return str(listed["data"][0]["id"])

    async def session(self, subscriber: str) -> str:
        listed = await self.made("GET", f"/api/satmint/subscribers/{subscriber}/sessions")
        return str(listed["data"][0]["id"])

    @property
    def new_address(self) -> Json:
        return {"name": self.name, "type": "room"}

    @property
    def new_c2c_token(self) -> Json:
        return {"name": self.name, "address_id": self.addresses[0]}


@dataclass(frozen=True, slots=True)
class Scene:
    """A request, and how it ends."""

    set_up: Callable[[Stage], Awaitable[Send]]
    status: int
    again: int
    """The status where it is sent again after it has happened."""


SCENES: Final[dict[str, Scene]] = {}
"""By operation id; what stands after a colon tells several of one operation apart."""


def scene(
    name: str, status: int, again: int | None = None
) -> Callable[[Callable[[Stage], Awaitable[Send]]], None]:
    def keep(set_up: Callable[[Stage], Awaitable[Send]]) -> None:
        SCENES[name] = Scene(set_up, status, status if again is None else again)

    return keep


@scene("create-subscriber-token: new", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("POST", TOKENS, {"reference": stage.name, "first_name": "Ann"})


@scene("create-subscriber-token: known", 200)
async def _(stage: Stage) -> Send:
    await stage.signed_in()
    return stage.sender("POST", TOKENS, {"reference": stage.name, "first_name": "Ann"})


@scene("refresh-subscriber-token: rotate", 201)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("POST", REFRESH, {"refresh_token": pair["refresh_token"]})


@scene("refresh-subscriber-token: replay", 201)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    await stage.refreshed(pair)
    return stage.sender("POST", REFRESH, {"refresh_token": pair["refresh_token"]})


@scene("refresh-subscriber-token: reuse", 422)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    newer = await stage.refreshed(pair)
    await stage.refreshed(newer)
    return stage.sender("POST", REFRESH, {"refresh_token": pair["refresh_token"]})


async def a_device_call(stage: Stage, path: str, signer: Signer, **named: str) -> Send:
    """A request with a good proof, for a SAT that was in use already."""
    body = {"reference": stage.name, "scope": "sat:refresh", **named}
    sat = (await stage.made("POST", TOKENS, body))["token"]
    assert (await stage.sender("GET", INFO, bearer=sat)()).is_success
    said = await stage.made("POST", "/api/satmint/tokens/introspect", {"token": sat})
    proof = signer.http_proof(path, sat, iat=said["iat"])  # by the server's clock
    return stage.sender("POST", path, {"dpop_token": proof}, bearer=sat)


@scene("create-device-token: binding", 201)
async def _(stage: Stage) -> Send:
    return await a_device_call(stage, DEVICES_TOKEN, Signer.generate())


@scene("create-device-token: bound", 201)
async def _(stage: Stage) -> Send:
    signer = Signer.generate()
    return await a_device_call(stage, DEVICES_TOKEN, signer, fingerprint=signer.jkt)


@scene("create-device-token: another key", 401)
async def _(stage: Stage) -> Send:
    return await a_device_call(stage, DEVICES_TOKEN, Signer.generate(), fingerprint=KEY)


@scene("refresh-device-token", 201)
async def _(stage: Stage) -> Send:
    signer = Signer.generate()
    return await a_device_call(stage, DEVICES_REFRESH, signer, fingerprint=signer.jkt)


@scene("refresh-device-token: again", 201)
async def _(stage: Stage) -> Send:
    signer = Signer.generate()
    send = await a_device_call(stage, DEVICES_REFRESH, signer, fingerprint=signer.jkt)
    assert (await send()).is_success
    return send


@scene("create-guest-token", 201)
async def _(stage: Stage) -> Send:
    body = {"allowed_addresses": list(stage.addresses)}
    return stage.sender("POST", "/api/fabric/guests/tokens", body)


@scene("create-invite-token: holder", 201)
async def _(stage: Stage) -> Send:
    pair = await stage.seen()
    body = {"address_id": await stage.own_address(pair["subscriber_id"])}
    return stage.sender("POST", "/api/fabric/subscriber/invites", body, bearer=pair["token"])


@scene("create-invite-token: backend", 201)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    body = {"address_id": await stage.own_address(pair["subscriber_id"])}
    return stage.sender("POST", "/api/fabric/subscriber/invites", body)


@scene("create-embed-token", 201)
async def _(stage: Stage) -> Send:
    text = (await stage.c2c_token())["token"]
    return stage.sender("POST", "/api/fabric/embeds/tokens", {"token": text})


@scene("create-embed-token-alias", 201)
async def _(stage: Stage) -> Send:
    text = (await stage.c2c_token())["token"]
    return stage.sender("POST", "/api/embeds/tokens", {"token": text})


@scene("get-subscriber-info", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.seen()
    return stage.sender("GET", INFO, bearer=pair["token"])


@scene("list-subscribers", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("GET", SUBSCRIBERS)


@scene("create-subscriber", 201, again=422)
async def _(stage: Stage) -> Send:
    return stage.sender("POST", SUBSCRIBERS, {"email": f"{stage.name}@example.com"})


@scene("get-subscriber", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("GET", f"{SUBSCRIBERS}/{pair['subscriber_id']}")


@scene("update-subscriber", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    body = {"email": f"{stage.name}@example.com", "country": "FR"}
    return stage.sender("PUT", f"{SUBSCRIBERS}/{pair['subscriber_id']}", body)


@scene("delete-subscriber", 204, again=404)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("DELETE", f"{SUBSCRIBERS}/{pair['subscriber_id']}")


@scene("list-subscriber-addresses", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("GET", f"{SUBSCRIBERS}/{pair['subscriber_id']}/addresses")


@scene("list-addresses", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.seen()
    return stage.sender("GET", "/api/fabric/addresses", bearer=pair["token"])


@scene("get-address", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("GET", f"/api/fabric/addresses/{await stage.address()}")


@scene("create-address", 201, again=422)
async def _(stage: Stage) -> Send:
    return stage.sender("POST", ADDRESSES, stage.new_address)


@scene("update-address", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("PATCH", f"{ADDRESSES}/{await stage.address()}", {"locked": True})


@scene("delete-address", 204, again=404)
async def _(stage: Stage) -> Send:
    return stage.sender("DELETE", f"{ADDRESSES}/{await stage.address()}")


@scene("create-project-token", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("POST", PROJECT_TOKENS, {"name": stage.name, "permissions": ["fax"]})


async def a_project_token(stage: Stage) -> str:
    body = {"name": stage.name, "permissions": ["fax"]}
    return f"{PROJECT_TOKENS}/{(await stage.made('POST', PROJECT_TOKENS, body))['id']}"


@scene("update-project-token", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("PATCH", await a_project_token(stage), {"name": "renamed"})


@scene("delete-project-token", 204, again=404)
async def _(stage: Stage) -> Send:
    return stage.sender("DELETE", await a_project_token(stage))


@scene("list-c2c-tokens", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("GET", C2C)


@scene("create-c2c-token", 201)
async def _(stage: Stage) -> Send:
    return stage.sender("POST", C2C, stage.new_c2c_token)


@scene("disable-c2c-token", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("POST", f"{C2C}/{(await stage.c2c_token())['id']}/disable")


@scene("delete-c2c-token", 204, again=404)
async def _(stage: Stage) -> Send:
    return stage.sender("DELETE", f"{C2C}/{(await stage.c2c_token())['id']}")


@scene("list-webhooks", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("GET", WEBHOOKS)


@scene("create-webhook", 201)
async def _(stage: Stage) -> Send:
    return stage.sender("POST", WEBHOOKS, {"url": HOOK})


@scene("delete-webhook", 204, again=404)
async def _(stage: Stage) -> Send:
    made = await stage.made("POST", WEBHOOKS, {"url": HOOK})
    return stage.sender("DELETE", f"{WEBHOOKS}/{made['id']}")


@scene("list-sessions", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("GET", f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions")


@scene("list-devices", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("GET", f"/api/satmint/subscribers/{pair['subscriber_id']}/devices")


@scene("get-presence", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("GET", f"/api/satmint/subscribers/{pair['subscriber_id']}/presence")


@scene("revoke-sessions: all", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("DELETE", f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions")


@scene("revoke-sessions: key", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    path = f"/api/satmint/subscribers/{pair['subscriber_id']}/sessions?fingerprint={KEY}"
    return stage.sender("DELETE", path)


@scene("revoke-project-sessions", 204)
async def _(stage: Stage) -> Send:
    await stage.signed_in()
    return stage.sender("DELETE", "/api/satmint/sessions")


@scene("get-session", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    session = await stage.session(pair["subscriber_id"])
    return stage.sender("GET", f"/api/satmint/sessions/{session}")


@scene("revoke-session", 204)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    session = await stage.session(pair["subscriber_id"])
    return stage.sender("DELETE", f"/api/satmint/sessions/{session}")


@scene("introspect-token: SAT", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.seen()
    return stage.sender("POST", "/api/satmint/tokens/introspect", {"token": pair["token"]})


@scene("introspect-token: refresh token", 200)
async def _(stage: Stage) -> Send:
    body = {"token": (await stage.signed_in())["refresh_token"]}
    return stage.sender("POST", "/api/satmint/tokens/introspect", body)


@scene("revoke-token", 200)
async def _(stage: Stage) -> Send:
    pair = await stage.signed_in()
    return stage.sender("POST", "/api/satmint/tokens/revoke", {"token": pair["token"]})


@scene("list-events", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("GET", "/api/satmint/events")


@scene("readyz", 200)
async def _(stage: Stage) -> Send:
    return stage.sender("GET", "/readyz")
