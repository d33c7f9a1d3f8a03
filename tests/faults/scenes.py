"""A request that is ready to be sent again and again, after requests that set its scene up."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from tests.kit.service import INFO, REFRESH, TOKENS, Bearer, Json

Send = Callable[[], Awaitable[httpx.Response]]
KEY: Final = "k" * 43

ADDRESSES: Final = "/api/satmint/addresses"
C2C: Final = "/api/satmint/c2c-tokens"
WEBHOOKS: Final = "/api/satmint/webhooks"
HOOK: Final = "https://hooks.example.com/satmint"
PROJECT_TOKENS: Final = "/api/project/tokens"
RESOURCES: Final = "/api/fabric/resources"
SUBSCRIBERS: Final = f"{RESOURCES}/subscribers"
ROOMS: Final = f"{RESOURCES}/conference_rooms"


@dataclass(frozen=True, slots=True)
class Phase:
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

    async def room(self) -> str:
        return str((await self.made("POST", ROOMS, {"name": self.name}))["id"])

    async def c2c_token(self) -> Json:
        return await self.made("POST", C2C, self.new_c2c_token)

    async def own_address(self, subscriber: str) -> str:
        listed = await self.made("GET", f"{SUBSCRIBERS}/{subscriber}/addresses")
        return str(listed["data"][0]["id"])

    async def session(self, subscriber: str) -> str:
        listed = await self.made("GET", f"/api/satmint/subscribers/{subscriber}/sessions")
        return str(listed["data"][0]["id"])

    async def deliveries(self) -> str:
        """The path of the deliveries of a webhook that has one."""
        made = await self.made("POST", WEBHOOKS, {"url": HOOK})
        session = await self.session((await self.signed_in())["subscriber_id"])
        assert (await self.sender("DELETE", f"/api/satmint/sessions/{session}")()).is_success
        return f"{WEBHOOKS}/{made['id']}/deliveries"

    @property
    def new_address(self) -> Json:
        return {"name": self.name, "type": "room"}

    @property
    def new_c2c_token(self) -> Json:
        return {"name": self.name, "address_id": self.addresses[0]}


@dataclass(frozen=True, slots=True)
class Scene:
    """A request, and how it ends."""

    set_up: Callable[[Phase], Awaitable[Send]]
    status: int
    again: int
    """The status where it is sent again after it has happened."""


SCENES: Final[dict[str, Scene]] = {}
"""By operation id; what stands after a colon tells several of one operation apart."""


def scene(
    name: str, status: int, again: int | None = None
) -> Callable[[Callable[[Phase], Awaitable[Send]]], None]:
    def keep(set_up: Callable[[Phase], Awaitable[Send]]) -> None:
        SCENES[name] = Scene(set_up, status, status if again is None else again)

    return keep
