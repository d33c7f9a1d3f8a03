"""What the official browser SDKs were seen to need of a gateway, on a real socket."""

import json

import pytest

from satmint.model.claims import TokenType
from tests.kit.clock import NOW
from tests.kit.gateway import Ticker, a_gateway, connect_params
from tests.kit.proofs import Signer
from tests.kit.service import Json, Server, said

SIGNER = Signer.generate("ES256")


async def test_4_x_starts_up(server: Server) -> None:
    pair = await server.sign_in()
    claims = server.claims(pair["token"])
    async with a_gateway(server) as gateway, gateway.client() as client:
        proof = SIGNER.rpc_proof("signalwire.connect")
        request = await client.say(
            "signalwire.connect", connect_params(pair["token"], dpop_token=proof)
        )
        answer = await client.hear()
        assert answer["id"] == request
        result = answer["result"]
        assert isinstance(result["identity"], str)
        assert result["protocol"].split("_")[1] == claims.jti
        assert result["ice_servers"] == []
        assert result["authorization"] == {
            "jti": claims.jti,
            "project_id": str(server.tenant.id),
            "fabric_subscriber": {
                "version": 1,
                "expires_at": claims.exp,
                "subscriber_id": pair["subscriber_id"],
                "application_id": None,
                "project_id": str(server.tenant.id),
                "space_id": str(server.tenant.id),
            },
            "scope": [],
        }
        event = await client.hear()
        assert event["method"] == "signalwire.event"
        params = event["params"]
        assert params["event_type"] == "signalwire.authorization.state"
        assert params["event_channel"] == result["protocol"]
        assert params["timestamp"] == NOW
        assert params["params"].keys() == {"authorization_state"}
        await client.socket.send(json.dumps({"jsonrpc": "2.0", "id": event["id"], "result": {}}))
        assert await client.told("subscriber.online") == {}


async def test_3_30_starts_up(server: Server) -> None:
    """It sends less: no lists, and never a proof."""
    pair = await server.sign_in()
    params = {
        "version": {"major": 4, "minor": 0, "revision": 0},
        "event_acks": True,
        "agent": "@signalwire/js/browser/3.30.0",
        "authentication": {"jwt_token": pair["token"]},
    }
    async with a_gateway(server) as gateway, gateway.client() as client:
        result = await client.told("signalwire.connect", params)
        expires_at = result["authorization"]["fabric_subscriber"]["expires_at"]
        assert expires_at == NOW + 7200
        assert await client.told("subscriber.online", {}) == {}
        assert await client.told("subscriber.offline", {}) == {}


async def test_activation_binds_and_reauthenticates(server: Server) -> None:
    """Connect unbound, exchange the SAT, re-authenticate with what came of it, be online."""
    pair = await server.sign_in(scope="sat:refresh", fingerprint=SIGNER.jkt)
    async with a_gateway(server) as gateway, gateway.client() as client:
        first = await client.connected(
            pair["token"], dpop_token=SIGNER.rpc_proof("signalwire.connect")
        )
        assert first["authorization"]["cnf"] == {"jkt": SIGNER.jkt}
        assert first["authorization"]["scope"] == ["sat:refresh"]
        path = "/api/fabric/subscriber/devices/token"
        answer = await server.client.post(
            path,
            json={"dpop_token": SIGNER.http_proof(path), "expire_in": 900},
            headers={"authorization": f"Bearer {pair['token']}"},
        )
        device = said(answer, 201)["token"]
        second = await client.reauthenticated(device, SIGNER.rpc_proof("signalwire.reauthenticate"))
        assert second["protocol"] == first["protocol"]
        assert second["identity"] == first["identity"]
        authorization = second["authorization"]
        assert authorization["jti"] == server.claims(device).jti
        assert authorization["fabric_subscriber"]["expires_at"] == server.claims(device).exp
        assert authorization["cnf"] == {"jkt": SIGNER.jkt}
        assert await client.lives()


async def test_3_30_updates_its_token_and_resumes_with_it(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            assert await client.told("subscriber.online") == {}
            await client.event()
            newer = await server.rotate(pair["refresh_token"])
            server.clock.advance(60)
            result = await client.reauthenticated(newer["token"])
            expires_at = result["authorization"]["fabric_subscriber"]["expires_at"]
            assert expires_at == server.claims(newer["token"]).exp
            resuming = client.resuming
        async with gateway.client() as client:
            again = await client.connected(newer["token"], **resuming)
            assert again["protocol"] == resuming["protocol"]


async def online(server: Server, subscriber: str) -> bool:
    """Whether the management API says so, once everything is told."""
    await server.service.gateway.presence.flush()
    path = f"/api/satmint/subscribers/{subscriber}/presence"
    answer = said(await server.client.get(path, auth=server.tenant.auth), 200)
    return bool(answer["online"])


async def test_resume_keeps_online_who_was_and_nobody_else(server: Server) -> None:
    """3.30 does not say it again."""
    pair = await server.sign_in()
    subscriber = pair["subscriber_id"]
    async with a_gateway(server, running=False) as gateway:
        for said_so in (False, True):
            async with gateway.client() as client:
                await client.connected(pair["token"])
                if said_so:
                    await client.told("subscriber.online")
                    await client.event()
                resuming = client.resuming
            async with gateway.client() as client:
                await client.connected(pair["token"], **resuming)
                assert await online(server, subscriber) is said_so
                await client.told("subscriber.offline")
            await gateway.empty()
            assert await online(server, subscriber) is False


async def test_reload_with_a_cached_session_begins_anew_where_it_is_bound(server: Server) -> None:
    """The page has state and SAT, but sends no proof: refused, upon which it sends one."""
    pair = await server.sign_in(fingerprint=SIGNER.jkt)
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            proof = SIGNER.rpc_proof("signalwire.connect")
            await client.connected(pair["token"], dpop_token=proof)
            resuming = client.resuming
        async with gateway.client() as client:
            refusal = await client.not_connected(pair["token"], **resuming)
            assert refusal == (-32003, "Requester validation failed")
        async with gateway.client() as client:
            proof = SIGNER.rpc_proof("signalwire.connect")
            await client.connected(pair["token"], dpop_token=proof)


async def test_bound_reconnect_with_a_proof_resumes(server: Server) -> None:
    pair = await server.sign_in(fingerprint=SIGNER.jkt)
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            proof = SIGNER.rpc_proof("signalwire.connect")
            first = await client.connected(pair["token"], dpop_token=proof)
            resuming = client.resuming
        async with gateway.client() as client:
            proof = SIGNER.rpc_proof("signalwire.connect")
            again = await client.connected(pair["token"], dpop_token=proof, **resuming)
            assert again["protocol"] == first["protocol"]


async def test_reconnect_with_an_expired_token_makes_the_sdk_begin_anew(server: Server) -> None:
    """It may well hold the right key: the answer that helps is the one upon which it signs in."""
    pair = await server.sign_in(fingerprint=SIGNER.jkt)
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            proof = SIGNER.rpc_proof("signalwire.connect")
            await client.connected(pair["token"], dpop_token=proof)
            resuming = client.resuming
        server.clock.advance(7200)
        async with gateway.client() as client:
            proof = SIGNER.rpc_proof("signalwire.connect", iat=server.clock.now())
            refusal = await client.not_connected(pair["token"], dpop_token=proof, **resuming)
            assert refusal == (-32003, "Requester validation failed")


async def test_newer_token_resumes_what_an_older_one_began(server: Server) -> None:
    """A server that closed at expiry is come back to with the next token and the old state."""
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            resuming = client.resuming
            server.clock.advance(7200)
            assert await client.close_code() == 4401
        newer = await server.rotate(pair["refresh_token"])
        async with gateway.client() as client:
            result = await client.connected(newer["token"], **resuming)
            assert result["protocol"] == resuming["protocol"]


async def test_same_socket_can_be_tried_again_after_a_refusal(server: Server) -> None:
    """3.30 comes again at once on the same socket, with the protocol that it had."""
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            resuming = client.resuming
        async with gateway.client() as client:
            stale = {**resuming, "authorization_state": "stale"}
            refusal = await client.not_connected(pair["token"], **stale)
            assert refusal == (-32003, "Requester validation failed")
            await client.connected(pair["token"], protocol=resuming["protocol"])


async def test_refused_client_is_not_closed_for_a_minute(server: Server) -> None:
    """Each close would have it come back with the same token several times a second."""
    monotonic = Ticker()
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        assert await client.not_connected("x") == (-32002, "Authentication failed")
        monotonic.at += 59.9
        gateway.gateway.sweep()
        assert await client.not_connected("x") == (-32002, "Authentication failed")
        monotonic.at += 0.1
        gateway.gateway.sweep()
        assert await client.close_code() == 4408


async def test_pings_come_every_nine_seconds_and_have_string_ids(server: Server) -> None:
    pair, monotonic = await server.sign_in(), Ticker()
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        await client.connected(pair["token"])
        for _ in range(5):
            monotonic.at += 9
            gateway.gateway.sweep()
            ping = await client.event()
            assert ping["method"] == "signalwire.ping"
            assert ping["params"] == {"timestamp": NOW}
            pong = {"jsonrpc": "2.0", "id": ping["id"], "result": {"timestamp": 1}}
            await client.socket.send(json.dumps(pong))
            assert await client.lives()


async def test_client_that_answers_no_ping_is_closed_after_the_second(server: Server) -> None:
    pair, monotonic = await server.sign_in(), Ticker()
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        await client.connected(pair["token"])
        for _ in range(3):
            monotonic.at += 9
            gateway.gateway.sweep()
        assert await client.close_code() == 4408
        assert [call["method"] for call in client.calls].count("signalwire.ping") == 2


@pytest.mark.parametrize("kind", ["guest", "embed", "invite"])
async def test_guests_connect_and_are_not_registered(server: Server, kind: str) -> None:
    token = await a_guest_token(server, kind)
    claims = server.claims(token)
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        result = await client.connected(token)
        subscriber = result["authorization"]["fabric_subscriber"]["subscriber_id"]
        assert subscriber == str(claims.sub)
        assert await client.told("subscriber.online") == {}
        assert await online(server, subscriber) is False


async def a_guest_token(server: Server, kind: str) -> str:
    """A SAT of somebody who is no subscriber."""
    address = server.tenant.addresses[0]
    auth = server.tenant.auth
    if kind == "guest":
        body: Json = {"allowed_addresses": [str(address.id)]}
        answer = await server.client.post("/api/fabric/guests/tokens", json=body, auth=auth)
    elif kind == "embed":
        _, text = await server.c2c_token(address)
        answer = await server.client.post("/api/fabric/embeds/tokens", json={"token": text})
    else:
        await server.sign_in("bob@example.com")
        listed = await server.client.get("/api/fabric/addresses?type=subscriber", auth=auth)
        body = {"address_id": said(listed, 200)["data"][0]["id"]}
        answer = await server.client.post("/api/fabric/subscriber/invites", json=body, auth=auth)
    return str(said(answer, 201)["token"])


async def test_refresh_token_opens_no_session(server: Server) -> None:
    pair = await server.sign_in()
    assert server.claims(pair["refresh_token"], TokenType.REFRESH).exp > NOW
    async with a_gateway(server) as gateway, gateway.client() as client:
        refusal = await client.not_connected(pair["refresh_token"])
        assert refusal == (-32002, "Authentication failed")


async def test_what_a_client_did_is_counted(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            await client.told("subscriber.online")
            await client.refused("webrtc.verto")
            during = server.service.metrics.text().decode()
            await gateway.revoke(f"sessions/{server.claims(pair['token']).sid}")
            assert await client.close_code() == 4403
        async with gateway.client() as client:
            await client.not_connected(pair["token"])
            resuming = {"authorization_state": "x", "protocol": "x"}
            await client.not_connected(pair["token"], **resuming)
        await gateway.empty()
    after = server.service.metrics.text().decode()
    for line in ("satmint_gateway_connections 1.0", "satmint_gateway_sessions 1.0"):
        assert f"\n{line}\n" in during
    for line in (
        "satmint_gateway_connections 0.0",
        "satmint_gateway_sessions 0.0",
        'satmint_gateway_connects_total{kind="connect",outcome="ok"} 1.0',
        'satmint_gateway_connects_total{kind="connect",outcome="revoked"} 1.0',
        'satmint_gateway_connects_total{kind="resume",outcome="state_cannot_open"} 1.0',
        'satmint_gateway_requests_total{method="signalwire.connect"} 3.0',
        'satmint_gateway_requests_total{method="subscriber.online"} 1.0',
        'satmint_gateway_requests_total{method="-"} 1.0',
        'satmint_gateway_closes_total{code="4403"} 1.0',
        'satmint_gateway_closes_total{code="1000"} 1.0',
        'satmint_http_requests_total{method="GET",route="gateway",status="101"} 2.0',
    ):
        assert f"\n{line}\n" in after


async def test_client_that_pings_or_says_something_binary_goes_on(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        pong: object = await client.socket.ping()
        await client.socket.send(b"\x00binary")
        told = await client.hear()
        assert told == {
            "jsonrpc": "2.0",
            "id": None,
            "error": {"code": -32600, "message": "Invalid Request"},
        }
        assert pong is not None
        assert await client.lives()


async def test_two_clients_of_one_subscriber_live_side_by_side(server: Server) -> None:
    one, other = await server.sign_in(), await server.sign_in()
    async with a_gateway(server) as gateway, gateway.client() as first, gateway.client() as second:
        await first.connected(one["token"])
        await second.connected(other["token"])
        await gateway.revoke(f"sessions/{server.claims(one['token']).sid}")
        assert await first.close_code() == 4403
        assert await second.lives()
