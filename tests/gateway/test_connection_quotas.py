"""Who takes many connections keeps no subscriber of the project out, and no other project."""

from contextlib import AsyncExitStack
from typing import Final

import pytest
from websockets.exceptions import InvalidStatus

from satmint.model.records import Address
from satmint.policies import limits_of
from satmint.settings import Settings
from tests.kit.gateway import Client, Serving, a_gateway
from tests.kit.polling import until
from tests.kit.service import TOKENS, Json, Server, said

FULL: Final = (-32000, "Too many connections")


async def embeds(server: Server, text: str, count: int) -> list[str]:
    """SATs of so many visitors of one page."""
    made = []
    for _ in range(count):
        answer = await server.client.post("/api/embeds/tokens", json={"token": text})
        made.append(said(answer, 201)["token"])
    return made


async def guest(server: Server, place: Address) -> str:
    body = {"allowed_addresses": [str(place.id)]}
    path = "/api/fabric/guests/tokens"
    pair = said(await server.client.post(path, json=body, auth=server.tenant.auth), 201)
    return str(pair["token"])


async def invitee(server: Server, pair: Json) -> str:
    path = f"/api/fabric/resources/subscribers/{pair['subscriber_id']}/addresses"
    auth = server.tenant.auth
    (own,) = said(await server.client.get(path, auth=auth), 200)["data"]
    body, path = {"address_id": own["id"]}, "/api/fabric/subscriber/invites"
    return str(said(await server.client.post(path, json=body, auth=auth), 201)["token"])


class Crowd:
    """Connections that stay open."""

    def __init__(self, gateway: Serving, stack: AsyncExitStack) -> None:
        self.gateway = gateway
        self._stack = stack
        self.clients: list[Client] = []

    async def client(self) -> Client:
        return await self._stack.enter_async_context(self.gateway.client())

    async def let_in(self, token: str) -> None:
        client = await self.client()
        await client.connected(token)
        self.clients.append(client)

    async def turned_away(self, token: str, cause: str) -> None:
        """A fresh connect is refused as the contract says, counted by its cause."""
        counted = self.gateway.server.service.metrics.gateway.connects
        before = counted["connect", cause]
        client = await self.client()
        assert await client.not_connected(token) == FULL
        assert counted["connect", cause] == before + 1
        await client.socket.close()

    async def others_get_in(self) -> None:
        """A subscriber of the same project, and one of another."""
        server = self.gateway.server
        await self.let_in((await server.sign_in("subscriber"))["token"])
        other = await server.another_tenant()
        body = {"reference": "stranger"}
        foreign = said(await server.client.post(TOKENS, json=body, auth=other.auth), 200)
        await self.let_in(foreign["token"])
        for client in self.clients:
            assert await client.lives()


async def test_one_public_page_does_not_fill_its_project(server_on_each_store: Server) -> None:
    """The visitors of one page, each with a token of its own, and one token on many sockets."""
    server = server_on_each_store
    _, text = await server.c2c_token()
    visitors = await embeds(server, text, 11)
    async with a_gateway(server, per_project=20) as gateway, AsyncExitStack() as stack:
        crowd = Crowd(gateway, stack)
        for token in visitors[:10]:
            await crowd.let_in(token)
        for token in (visitors[10], visitors[0]):
            await crowd.turned_away(token, "too_many_temporary_connections")
        await crowd.others_get_in()
        scraped = await server.scrape()
        line = (
            'satmint_gateway_connects_total{kind="connect",'
            'outcome="too_many_temporary_connections"} 2.0'
        )
        assert line in scraped


async def test_guests_invitees_and_visitors_share_half_of_a_project(server: Server) -> None:
    alice = await server.sign_in("alice")
    _, text = await server.c2c_token()
    tokens = [
        (await embeds(server, text, 1))[0],
        await guest(server, server.tenant.addresses[0]),
        await invitee(server, alice),
    ]
    async with a_gateway(server, per_project=6) as gateway, AsyncExitStack() as stack:
        crowd = Crowd(gateway, stack)
        for token in tokens:
            await crowd.let_in(token)
        for token in tokens:
            await crowd.turned_away(token, "too_many_temporary_connections")
        for _ in range(2):
            await crowd.let_in(alice["token"])
        await crowd.others_get_in()
        await crowd.turned_away(alice["token"], "too_many_connections")
        # One that leaves makes room for one of its kind.
        await crowd.clients[0].socket.close()
        await left(gateway, 6)
        await crowd.let_in(tokens[0])
        await crowd.turned_away(tokens[1], "too_many_connections")


async def left(gateway: Serving, sessions: int) -> None:
    """Return once the gateway has so many authenticated connections."""
    figures = gateway.server.service.metrics.gateway
    await until(lambda: figures.sessions == sessions)


async def test_one_page_does_not_take_the_room_of_another(server: Server) -> None:
    _, text = await server.c2c_token()
    _, of_another_page = await server.c2c_token()
    visitors = await embeds(server, text, 4)
    async with a_gateway(server, per_c2c_token=3) as gateway, AsyncExitStack() as stack:
        crowd = Crowd(gateway, stack)
        for token in visitors[:3]:
            await crowd.let_in(token)
        for token in (visitors[3], visitors[0]):
            await crowd.turned_away(token, "too_many_click_to_call_connections")
        await crowd.let_in((await embeds(server, of_another_page, 1))[0])
        await crowd.let_in(await guest(server, server.tenant.addresses[0]))
        await crowd.others_get_in()


@pytest.mark.parametrize("kind", ["subscriber", "embed"])
async def test_one_token_opens_so_many_connections(server: Server, kind: str) -> None:
    alice = await server.sign_in("alice")
    _, text = await server.c2c_token()
    token = alice["token"] if kind == "subscriber" else (await embeds(server, text, 1))[0]
    async with a_gateway(server, per_session=3) as gateway, AsyncExitStack() as stack:
        crowd = Crowd(gateway, stack)
        for _ in range(3):
            await crowd.let_in(token)
        await crowd.turned_away(token, "too_many_session_connections")
        again = await crowd.client()
        refusal = await again.not_connected(token, **crowd.clients[0].resuming)
        assert refusal == (-32003, "Requester validation failed")
        connects = server.service.metrics.gateway.connects
        assert connects["resume", "too_many_session_connections"] == 1
        await crowd.others_get_in()
        await crowd.clients[0].socket.close()
        await left(gateway, 4)
        await crowd.let_in(token)


async def test_one_address_does_not_keep_others_out(server: Server) -> None:
    """A caller with a token is refused as early as one without: before its upgrade."""
    alice = await server.sign_in("alice")
    async with a_gateway(server, per_address=3) as gateway, AsyncExitStack() as stack:
        crowd = Crowd(gateway, stack)
        for _ in range(3):
            await crowd.let_in(alice["token"])
        with pytest.raises(InvalidStatus) as refusal:
            await gateway.client().__aenter__()
        assert refusal.value.response.status_code == 503
        assert server.service.metrics.requests["GET", "gateway", 503] == 1
        elsewhere = gateway.client(local_addr=("127.0.0.2", 0))
        client = await stack.enter_async_context(elsewhere)
        await client.connected((await server.sign_in("subscriber"))["token"])


async def test_reauthentication_counts_for_the_session_that_it_moves_to(server: Server) -> None:
    one, other = await server.sign_in("alice"), await server.sign_in("alice")
    async with a_gateway(server, per_session=2) as gateway, AsyncExitStack() as stack:
        crowd = Crowd(gateway, stack)
        for token in (one["token"], one["token"], other["token"]):
            await crowd.let_in(token)
        first, second, third = crowd.clients
        assert await third.not_reauthenticated(one["token"]) == FULL
        await first.reauthenticated(one["token"])
        await first.reauthenticated(other["token"])
        assert await second.not_reauthenticated(other["token"]) == FULL
        await third.reauthenticated(one["token"])
        assert await second.lives()
    assert not len(gateway.gateway._quotas)


def test_every_limit_is_a_setting() -> None:
    settings = Settings(
        gateway_connections_per_project=40,
        gateway_temporary_percent=25,
        gateway_connections_per_session=2,
        gateway_connections_per_click_to_call=3,
    )
    limits = limits_of(settings)
    found = (limits.temporary_percent, limits.per_session, limits.per_c2c_token)
    assert (limits.per_project, *found) == (40, 25, 2, 3)
    assert limits_of(Settings()).temporary_percent == 50
