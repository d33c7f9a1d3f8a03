"""How live sessions end: with their token, by revocation at every level, by a stop."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed

from satmint.flows.revoke import revoke_session
from satmint.gateway.revocation_watcher import POLL_SECONDS
from satmint.maintenance import open_services
from satmint.model.clock import SystemClock
from satmint.model.lifetimes import ACCESS_SECONDS
from satmint.settings import Settings
from tests.kit.clock import NOW, FrozenClock
from tests.kit.dev import SATMINT, clean_environment, running_dev
from tests.kit.devices import Browser, a_browser
from tests.kit.gateway import Client, Serving, Ticker, a_gateway, connect_to
from tests.kit.service import ORIGIN, TOKENS, Json, Server, a_service, said

End = Callable[[Serving, Browser], Awaitable[object]]


@pytest.mark.parametrize(("second", "ends"), [(-1, False), (0, True), (1, True)])
async def test_session_ends_with_its_token(server: Server, second: int, *, ends: bool) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        server.clock.at = NOW + ACCESS_SECONDS + second
        gateway.gateway.sweep()
        if ends:
            assert await client.close_code() == 4401
        else:
            assert await client.lives()


async def test_request_is_not_answered_after_expiry_even_before_the_sweep(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        server.clock.advance(ACCESS_SECONDS)
        await client.say("subscriber.online")
        assert await client.close_code() == 4401
        assert [call["method"] for call in client.calls] == ["signalwire.event"]


async def test_clock_that_jumps_ends_what_has_expired_and_nothing_else(server: Server) -> None:
    short = await server.sign_in(expire_at=NOW + 600)
    long = await server.sign_in(expire_at=NOW + 90_000)
    async with (
        a_gateway(server) as gateway,
        gateway.client() as one,
        gateway.client() as other,
    ):
        await one.connected(short["token"])
        await other.connected(long["token"])
        server.clock.advance(40_000)
        assert await one.close_code() == 4401
        assert await other.lives()
        server.clock.advance(-80_000)
        assert await other.lives()


async def test_reauthentication_carries_a_session_over_the_end_of_its_first_token(
    server: Server,
) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        server.clock.advance(ACCESS_SECONDS - 1)
        newer = await server.rotate(pair["refresh_token"])
        await client.reauthenticated(newer["token"])
        server.clock.advance(ACCESS_SECONDS - 1)
        gateway.gateway.sweep()
        assert await client.lives()
        server.clock.advance(1)
        gateway.gateway.sweep()
        assert await client.close_code() == 4401


def session_of(server: Server, token: str) -> UUID:
    return server.claims(token).sid


def deleted(server: Server, path: str) -> Awaitable[object]:
    return server.client.delete(path, auth=server.tenant.auth)


async def reuse(gateway: Serving, browser: Browser) -> None:
    """An old refresh token comes back, twice behind the head: somebody stole it."""
    server, first = gateway.server, browser.pair["refresh_token"]
    newer = await server.rotate(first)
    await server.rotate(newer["refresh_token"])
    assert (await server.refresh(first)).status_code == 422


async def by_token(gateway: Serving, browser: Browser) -> None:
    body, auth = {"token": browser.pair["refresh_token"]}, gateway.server.tenant.auth
    answer = await gateway.server.client.post("/api/satmint/tokens/revoke", json=body, auth=auth)
    assert said(answer, 200) == {"revoked_sessions": 1}


def of_subscriber(browser: Browser) -> str:
    return f"subscribers/{browser.pair['subscriber_id']}/sessions"


ENDS: Final[dict[str, End]] = {
    "session": lambda g, b: g.revoke(f"sessions/{session_of(b.server, b.token)}"),
    "token": by_token,
    "key": lambda g, b: g.revoke(f"{of_subscriber(b)}?fingerprint={b.signer.jkt}"),
    "subscriber": lambda g, b: g.revoke(of_subscriber(b)),
    "subscriber deleted": lambda g, b: deleted(
        g.server, f"/api/fabric/resources/subscribers/{b.pair['subscriber_id']}"
    ),
    "project": lambda g, _: g.revoke("sessions"),
    "reuse detected": reuse,
}


@pytest.mark.parametrize("level", ENDS)
async def test_revocation_ends_what_it_names_and_nothing_else(server: Server, level: str) -> None:
    browser = await a_browser(server, "alice")
    other = await server.another_tenant()
    body = {"reference": "alice"}
    foreign = said(await server.client.post(TOKENS, json=body, auth=other.auth), 200)
    bystander = await server.sign_in("bob")
    async with (
        a_gateway(server) as gateway,
        gateway.client() as named,
        gateway.client() as beside,
        gateway.client() as elsewhere,
    ):
        proof = browser.signer.rpc_proof("signalwire.connect")
        await named.connected(browser.token, dpop_token=proof)
        await beside.connected(bystander["token"])
        await elsewhere.connected(foreign["token"])
        await ENDS[level](gateway, browser)
        async with asyncio.timeout(3):
            assert await named.close_code() == 4403
        if level == "project":
            assert await beside.close_code() == 4403
        else:
            assert await beside.lives()
        assert await elsewhere.lives()
        async with gateway.client() as again:
            proof = browser.signer.rpc_proof("signalwire.connect")
            refusal = await again.not_connected(browser.token, dpop_token=proof, **named.resuming)
            assert refusal == (-32003, "Requester validation failed")


async def test_revocation_of_the_former_session_is_nothing_to_who_has_moved_on(
    server: Server,
) -> None:
    former, later = await server.sign_in(), await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(former["token"])
        await client.reauthenticated(later["token"])
        await gateway.revoke(f"sessions/{session_of(server, former['token'])}")
        await gateway.gateway.revocations.poll()
        assert await client.lives()
        await gateway.revoke(f"sessions/{session_of(server, later['token'])}")
        await gateway.gateway.revocations.poll()
        assert await client.close_code() == 4403


async def test_one_look_ends_everybody_whom_a_revocation_names(server: Server) -> None:
    """Also with some in every second, on every node: see `tests/timing/test_many_sessions.py`."""
    assert POLL_SECONDS <= 0.5
    pairs = [await server.sign_in(f"user-{number}") for number in range(300)]
    async with a_gateway(server, running=False) as gateway, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(gateway.client()) for _ in pairs]
        for client, pair in zip(clients, pairs, strict=True):
            await client.connected(pair["token"])
        await gateway.revoke("sessions")
        await gateway.gateway.revocations.poll()
        assert [await client.close_code() for client in clients] == [4403] * len(clients)


async def test_revocation_on_another_node_is_heard_of(tmp_path: Path) -> None:
    """Another process on the same database, with an id counter and a clock of its own."""
    clock = FrozenClock(SystemClock().now())
    async with a_service(tmp_path, clock=clock) as server:
        pair = await server.sign_in()
        settings = Settings(
            database=f"sqlite:///{server.database}", keyring=server.service.settings.keyring
        )
        async with a_gateway(server) as gateway, gateway.client() as client:
            await client.connected(pair["token"])
            async with open_services(settings) as elsewhere:
                session = session_of(server, pair["token"])
                await revoke_session(elsewhere, server.tenant.id, session, ORIGIN)
            async with asyncio.timeout(3):
                assert await client.close_code() == 4403


async def run(*arguments: str) -> int:
    """The exit code of a command of satmint's, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *SATMINT, *arguments, env=clean_environment(), stdout=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


async def test_command_line_ends_a_session_that_lives_in_the_server(tmp_path: Path) -> None:
    with running_dev(tmp_path) as dev:
        pair = await signed_in(dev.ready, dev.auth)
        async with connect_to(dev["http"].replace("http", "ws")) as client:
            await client.connected(pair["token"])
            of_it = ("--subscriber", pair["subscriber_id"], "--data", str(tmp_path))
            assert await run("session", "revoke", *of_it) == 0
            async with asyncio.timeout(3):
                assert await client.close_code() == 4403


async def test_server_that_is_told_to_stop_sends_its_clients_elsewhere(tmp_path: Path) -> None:
    with running_dev(tmp_path) as dev:
        pair = await signed_in(dev.ready, dev.auth)
        async with connect_to(dev["http"].replace("http", "ws")) as client:
            await client.connected(pair["token"])
            stopping = asyncio.create_task(asyncio.to_thread(dev.stop))
            assert await client.close_code() == 1001
            assert client.calls[-1]["method"] == "signalwire.disconnect"
            assert (await stopping)[0] == 0


async def signed_in(ready: Json, auth: tuple[str, str]) -> Json:
    """A pair of tokens from a server in another process."""
    async with httpx.AsyncClient(base_url=ready["http"], auth=auth) as client:
        return said(await client.post(TOKENS, json={"reference": "alice"}), 200)


async def test_graceful_stop_tells_everybody_and_takes_nobody_new(server: Server) -> None:
    pair = await server.sign_in()
    async with (
        a_gateway(server) as gateway,
        gateway.client() as live,
        gateway.client() as waiting,
    ):
        await live.connected(pair["token"])
        await live.told("subscriber.online")
        await live.event()
        await gateway.gateway.presence.flush()
        await gateway.stop()
        for client in (live, waiting):
            assert await client.close_code() == 1001
            goodbye = client.calls[-1]
            assert goodbye["method"] == "signalwire.disconnect"
            assert goodbye["params"] == {}
        with pytest.raises(OSError, match="Connect call failed"):
            await gateway.client().__aenter__()
        assert (await server.rows("presence"))["presence"] == []


@pytest.mark.parametrize("count", [1, 2])
async def test_graceful_stop_ends_when_the_last_client_has_left(server: Server, count: int) -> None:
    async with a_gateway(server, running=False) as gateway, AsyncExitStack() as stack:
        for _ in range(count):
            client = await stack.enter_async_context(gateway.client())
            await client.refused("x")
        with capture_logs() as lines:
            await gateway.gateway.stop()
        assert server.service.metrics.gateway.connections == 0
        assert [line["event"] for line in lines if line["log_level"] == "warning"] == []


async def test_session_resumes_on_a_server_that_starts_anew(tmp_path: Path) -> None:
    """Nothing of it rests on the server that stopped: it may as well be another one."""
    async with a_service(tmp_path) as server:
        clock, tenant = server.clock, server.tenant
        pair = await server.sign_in()
        async with a_gateway(server) as gateway, gateway.client() as client:
            await client.connected(pair["token"])
            await client.told("subscriber.online")
            await client.event()
            await gateway.stop()
            resuming = client.resuming
    async with (
        a_service(tmp_path, clock=clock, tenant=tenant) as server,
        a_gateway(server, running=False) as gateway,
        gateway.client() as client,
    ):
        result = await client.connected(pair["token"], **resuming)
        assert result["protocol"] == resuming["protocol"]
        await gateway.gateway.presence.flush()
        assert len((await server.rows("presence"))["presence"]) == 1


async def test_silent_client_is_let_go(server: Server) -> None:
    monotonic = Ticker()
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        await client.refused("x")
        monotonic.at += 60
        gateway.gateway.sweep()
        assert await client.close_code() == 4408


async def test_client_that_vanishes_leaves_nothing_behind(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            await client.told("subscriber.online")
            await gateway.gateway.presence.flush()
            assert len((await server.rows("presence"))["presence"]) == 1
            client.socket.transport.abort()
            await gateway.empty()
        await gateway.gateway.presence.flush()
        assert (await server.rows("presence"))["presence"] == []
        figures = server.service.metrics.gateway
        assert (figures.connections, figures.sessions) == (0, 0)
        assert not gateway.gateway._by_network
        assert not len(gateway.gateway._quotas)
        assert not gateway.gateway.presence._online


async def test_session_that_is_shortened_ends_earlier_and_no_other_does(server: Server) -> None:
    short, other = await server.sign_in("alice"), await server.sign_in("bob")
    async with (
        a_gateway(server, running=False) as gateway,
        gateway.client() as one,
        gateway.client() as two,
        gateway.client(),
    ):
        await one.connected(short["token"])
        await two.connected(other["token"])
        session = session_of(server, short["token"])
        gateway.gateway.shorten_session(session, NOW + 60)
        gateway.gateway.shorten_session(session, NOW + ACCESS_SECONDS + 60)
        server.clock.at = NOW + 59
        gateway.gateway.sweep()
        assert await one.lives()
        server.clock.at = NOW + 60
        gateway.gateway.sweep()
        assert await one.close_code() == 4401
        assert await two.lives()


@pytest.mark.parametrize("step", [-86_400, -3600, -5])
async def test_session_ends_in_its_time_where_the_clock_is_set_back(
    server: Server, step: int
) -> None:
    pair, monotonic = await server.sign_in(), Ticker()
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        await client.connected(pair["token"])
        server.clock.step(step)
        (socket,) = gateway.gateway._sockets
        for seconds, ended in ((ACCESS_SECONDS - 1, False), (4, True)):
            server.clock.advance(seconds)
            monotonic.at += seconds
            assert socket.connection.token_expired(gateway.gateway._now()) is ended
        gateway.gateway.sweep()
        assert await client.close_code() == 4401


async def test_pending_recheck_ends_with_its_client(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway:
        revocations = gateway.gateway.revocations
        async with gateway.client() as client:
            await client.connected(pair["token"])
            (socket,) = gateway.gateway._sockets
            revocations.recheck(socket)
        await gateway.empty()
        await revocations.poll()
        assert not revocations._pending


async def test_answer_of_the_client_to_a_goodbye_is_no_trouble(server: Server) -> None:
    """3.30 answers `signalwire.disconnect`, which may cross the close."""
    pair = await server.sign_in()
    async with a_gateway(server) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        stopping = asyncio.create_task(gateway.stop())
        goodbye = await client.event()
        answer = {"jsonrpc": "2.0", "id": goodbye["id"], "result": {}}
        await send_anyhow(client, json.dumps(answer))
        assert await client.close_code() == 1001
        await stopping


async def send_anyhow(client: Client, text: str) -> None:
    """Send, whether or not anybody still listens."""
    with suppress(ConnectionClosed):
        await client.socket.send(text)
