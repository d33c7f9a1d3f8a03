"""Live sessions of guests, invitees and visitors end with what they depend on, on every node."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import pytest

from satmint.assembly import assembled
from satmint.flows.addresses import delete_address
from satmint.flows.invites import InviteTokenRequest, invite_token
from satmint.flows.issue import GuestTokenRequest, embed_token, guest_tokens
from satmint.flows.refresh import refresh
from satmint.flows.revoke import revoke_key, revoke_session, revoke_subscriber
from satmint.flows.service_context import ServiceContext
from satmint.flows.subscribers import delete_subscriber
from satmint.model.refusals import Unprocessable
from tests.kit.devices import Browser, a_browser
from tests.kit.entropy import SeededEntropy
from tests.kit.gateway import a_gateway
from tests.kit.service import ORIGIN, Bearer, Server, said

NEW: Final = "/api/fabric/subscriber/invites"


class Scene:
    """A subscriber, and tokens that depend on her or on her address."""

    def __init__(self, server: Server, alice: Browser, own: UUID) -> None:
        self.server = server
        self.alice = alice
        self.own = own
        self.claims = server.claims(alice.token)

    async def invite(self) -> str:
        """Made with her SAT."""
        body, auth = {"address_id": str(self.own)}, Bearer(self.alice.token)
        made = said(await self.server.client.post(NEW, json=body, auth=auth), 201)
        return str(made["token"])

    async def invite_of_backend(self) -> str:
        caller, services = self.server.tenant.caller, self.server.services
        return await invite_token(services, caller, InviteTokenRequest(self.own), ORIGIN)

    async def guest(self, *more: UUID) -> str:
        request = GuestTokenRequest((self.own, *more))
        services, caller = self.server.services, self.server.tenant.caller
        return (await guest_tokens(services, caller, request, ORIGIN)).token

    async def embed(self) -> str:
        address = await self.server.services.store.addresses.get(self.server.tenant.id, self.own)
        _, text = await self.server.c2c_token(address)
        return await embed_token(self.server.services, text, None, ORIGIN)


@pytest.fixture
async def scene(server_on_each_store: Server) -> Scene:
    alice = await a_browser(server_on_each_store)
    info = said(await server_on_each_store.info(alice.token), 200)
    return Scene(server_on_each_store, alice, UUID(info["fabric_addresses"][0]["id"]))


End = Callable[[ServiceContext, Scene], Awaitable[object]]


async def reuse(elsewhere: ServiceContext, scene: Scene) -> None:
    caller, token = scene.server.tenant.caller, scene.alice.pair["refresh_token"]
    newer, _ = await refresh(elsewhere, caller, token, ORIGIN)
    await refresh(elsewhere, caller, newer.refresh_token, ORIGIN)
    with pytest.raises(Unprocessable, match="reuse"):
        await refresh(elsewhere, caller, token, ORIGIN)


ENDS: Final[dict[str, End]] = {
    "address deleted": lambda e, s: delete_address(e, s.claims.prj, s.own, ORIGIN),
    "subscriber deleted": lambda e, s: delete_subscriber(e, s.claims.prj, s.claims.sub, ORIGIN),
    "subscriber revoked": lambda e, s: revoke_subscriber(e, s.claims.prj, s.claims.sub, ORIGIN),
    "session revoked": lambda e, s: revoke_session(e, s.claims.prj, s.claims.sid, ORIGIN),
    "key revoked": lambda e, s: revoke_key(
        e, s.claims.prj, s.claims.sub, s.alice.signer.jkt, ORIGIN
    ),
    "reuse detected": reuse,
}


@pytest.mark.parametrize("end", ENDS)
async def test_who_depends_on_it_is_closed_within_a_second_and_nobody_else(
    scene: Scene, end: str
) -> None:
    server, of_address = scene.server, end in ("address deleted", "subscriber deleted")
    invite = await scene.invite()
    others = [await scene.invite_of_backend(), await scene.guest(), await scene.embed()]
    beside = await scene.guest(server.tenant.addresses[0].id)
    entropy = SeededEntropy("another node")
    async with (
        assembled(server.service.settings, clock=server.clock, entropy=entropy) as elsewhere,
        a_gateway(server) as gateway,
        gateway.client() as first,
        gateway.client() as second,
        gateway.client() as third,
        gateway.client() as fourth,
        gateway.client() as bystander,
    ):
        await first.connected(invite)
        for client, token in zip((second, third, fourth), others, strict=True):
            await client.connected(token)
        await bystander.connected(beside)
        await ENDS[end](elsewhere.services, scene)
        async with asyncio.timeout(3):
            assert await first.close_code() == 4403
            if of_address:
                assert [await one.close_code() for one in (second, third, fourth)] == [4403] * 3
        if not of_address:
            assert all([await one.lives() for one in (second, third, fourth)])
        assert await bystander.lives()
        async with gateway.client() as again:
            assert await again.not_connected(invite) == (-32002, "Authentication failed")


async def test_periodic_recheck_finds_a_deletion_that_nobody_told_of(server: Server) -> None:
    """An event of a node whose clock is far behind is not seen."""
    pair = await server.sign_in()
    support, *_ = server.tenant.addresses
    guest = await guest_tokens(
        server.services, server.tenant.caller, GuestTokenRequest((support.id,)), ORIGIN
    )
    async with a_gateway(server) as gateway, gateway.client() as one, gateway.client() as other:
        await one.connected(guest.token)
        await other.connected(pair["token"])
        server.clock.advance(-86_400)
        await delete_address(server.services, server.tenant.id, support.id, ORIGIN)
        server.clock.advance(86_400)
        for socket in gateway.gateway._sockets:
            socket.recheck_at = 0.0
        async with asyncio.timeout(3):
            assert await one.close_code() == 4403
        assert await other.lives()
