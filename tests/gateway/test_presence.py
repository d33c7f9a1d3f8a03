"""Who is online: leases that the gateway renews, as the management API shows them."""

from uuid import UUID

import pytest
from structlog.testing import capture_logs

from satmint.gateway import presence_tracker
from tests.gateway.test_store_outages import broken
from tests.kit.clock import NOW
from tests.kit.gateway import Client, Serving, Ticker, a_gateway
from tests.kit.service import Json, Server, said


async def presence(server: Server, subscriber: str) -> Json:
    path = f"/api/satmint/subscribers/{subscriber}/presence"
    return said(await server.client.get(path, auth=server.tenant.auth), 200)


OFFLINE: Json = {"online": False, "connections": []}


async def online(client: Client, token: str) -> str:
    """Connect and say so; returns the connection's id."""
    result = await client.connected(token)
    await client.told("subscriber.online")
    await client.event()
    return str(result["identity"])


async def told(gateway: Serving) -> None:
    """Everything that is to be told to the store is told."""
    await gateway.gateway.presence.flush()


async def test_subscriber_is_online_from_its_word_to_its_word(server: Server) -> None:
    pair = await server.sign_in()
    subscriber = pair["subscriber_id"]
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        assert await presence(server, subscriber) == OFFLINE
        connection = await online(client, pair["token"])
        await told(gateway)
        assert await presence(server, subscriber) == {
            "online": True,
            "connections": [
                {
                    "id": connection,
                    "session_id": str(server.claims(pair["token"]).sid),
                    "since": "2023-11-14T22:13:20Z",
                }
            ],
        }
        await client.told("subscriber.offline")
        await told(gateway)
        assert await presence(server, subscriber) == OFFLINE


async def test_it_is_told_without_being_asked(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway, gateway.client() as client:
        await online(client, pair["token"])
        await gateway.told_online(1)
        assert (await presence(server, pair["subscriber_id"]))["online"] is True


@pytest.mark.parametrize("step", [-86_400, -3600, -30, 70, 3600])
async def test_lease_is_renewed_at_once_when_the_clock_is_set(server: Server, step: int) -> None:
    """One whose process died before that is not shown for longer."""
    pair, dead = await server.sign_in(), await server.sign_in("bob")
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await online(client, dead["token"])
        await told(gateway)
        left_behind = gateway.gateway.presence._online.copy()
        gateway.gateway.presence._online.clear()
        async with gateway.client() as other:
            await online(other, pair["token"])
            await told(gateway)
            server.clock.step(step)
            await told(gateway)
            assert (await presence(server, pair["subscriber_id"]))["online"] is True
            server.clock.advance(60 if step == 70 else 0)
            assert await presence(server, dead["subscriber_id"]) == OFFLINE
        gateway.gateway.presence._online |= left_behind


async def test_lease_is_renewed_as_long_as_the_connection_lives(server: Server) -> None:
    pair, monotonic = await server.sign_in(), Ticker()
    subscriber = pair["subscriber_id"]
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        await online(client, pair["token"])
        await told(gateway)
        since = (await presence(server, subscriber))["connections"][0]["since"]
        for _ in range(10):
            server.clock.advance(20)
            monotonic.at += 20
            await told(gateway)
            (shown,) = (await presence(server, subscriber))["connections"]
            assert shown["since"] == since


@pytest.mark.parametrize(("second", "counts"), [(-1, True), (0, False), (1, False)])
async def test_node_that_is_gone_has_nobody_online_after_a_minute(
    server: Server, second: int, *, counts: bool
) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await online(client, pair["token"])
        await told(gateway)
        server.clock.at = NOW + 60 + second
        assert (await presence(server, pair["subscriber_id"]))["online"] is counts


async def test_revoked_and_expired_sessions_are_offline(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway:
        for end in ("revoke", "expire"):
            pair = await server.sign_in()
            async with gateway.client() as client:
                await online(client, pair["token"])
                await told(gateway)
                assert (await presence(server, pair["subscriber_id"]))["online"] is True
                if end == "revoke":
                    await gateway.revoke("sessions")
                    await gateway.gateway.revocations.poll()
                else:
                    server.clock.advance(7200)
                    gateway.gateway.sweep()
                await told(gateway)
                assert await presence(server, pair["subscriber_id"]) == OFFLINE


async def test_reauthentication_shows_the_newer_session(server: Server) -> None:
    former, later = await server.sign_in(), await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await online(client, former["token"])
        await told(gateway)
        await client.reauthenticated(later["token"])
        await told(gateway)
        (shown,) = (await presence(server, later["subscriber_id"]))["connections"]
        assert UUID(shown["session_id"]) == server.claims(later["token"]).sid


async def test_store_that_was_down_learns_it_afterwards(server: Server) -> None:
    pair = await server.sign_in()
    subscriber = pair["subscriber_id"]
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        with broken(server, "presence"), capture_logs() as lines:
            await online(client, pair["token"])
            await told(gateway)
        assert [line for line in lines if line["log_level"] not in ("info", "debug")] == []
        await told(gateway)
        assert (await presence(server, subscriber))["online"] is True
        with broken(server, "presence"):
            await client.told("subscriber.offline")
            await told(gateway)
        await told(gateway)
        assert await presence(server, subscriber) == OFFLINE


async def test_crowd_is_told_in_parts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_tracker, "_BATCH_SIZE", 2)
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway:
        opening = [gateway.client() for _ in range(5)]
        clients = [await each.__aenter__() for each in opening]
        for client in clients:
            await online(client, pair["token"])
        await told(gateway)
        assert len((await presence(server, pair["subscriber_id"]))["connections"]) == 5
        for client in clients:
            await client.told("subscriber.offline")
        await told(gateway)
        assert await presence(server, pair["subscriber_id"]) == OFFLINE
        for each in opening:
            await each.__aexit__(None, None, None)


async def test_presence_of_another_project_is_not_found(server: Server) -> None:
    pair = await server.sign_in()
    other = await server.another_tenant()
    path = f"/api/satmint/subscribers/{pair['subscriber_id']}/presence"
    answer = await server.client.get(path, auth=other.auth)
    assert said(answer, 404) == {"error": "Not Found"}
