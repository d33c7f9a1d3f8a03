"""Who does not read, who talks too much, who is too many: nobody else notices."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from starlette.types import Message
from websockets.exceptions import InvalidStatus

from satmint.server import ConnectionLimits, ServerOptions, websocket_connection
from satmint.server.websocket_connection import MESSAGE_LIMIT
from tests.gateway.raw_clients import BINARY, CONT, PING, PONG, TEXT, RawSocket, frame
from tests.kit.gateway import (
    PATIENCE_SECONDS,
    Client,
    Serving,
    Ticker,
    a_gateway,
    connect_params,
)
from tests.kit.listening import spoken
from tests.kit.polling import until
from tests.kit.service import Server, a_service

ASK: Final = json.dumps({"jsonrpc": "2.0", "id": "1", "method": "x" * 100, "params": {}}).encode()


@pytest.mark.parametrize("path", ["/x", "//", "/api/fabric/subscriber/info", "/metrics"])
async def test_upgrade_elsewhere_is_a_404(server: Server, path: str) -> None:
    async with a_gateway(server) as gateway:
        with pytest.raises(InvalidStatus) as refusal:
            await gateway.client(path).__aenter__()
    response = refusal.value.response
    assert response.status_code == 404
    assert json.loads(response.body or b"") == {"error": "Not Found"}
    assert "x-request-id" in response.headers


async def test_upgrade_with_a_query_is_taken(server: Server) -> None:
    async with a_gateway(server) as gateway, gateway.client("/?x=1") as client:
        assert await client.refused("x") == (-32601, "Method not found")


async def status_of(gateway: Serving, origin: str | None) -> int:
    """What an upgrade from a page of `origin` is answered with."""
    try:
        async with gateway.client(origin=origin):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        (("*",), "https://evil.example", 101),
        (("https://app.example",), "https://app.example", 101),
        (("https://app.example",), "https://evil.example", 403),
        (("https://app.example",), "https://app.example.evil.example", 403),
        (("https://app.example",), "null", 403),
        (("https://app.example",), None, 101),
    ],
)
async def test_pages_of_origins_that_may_not_call_are_kept_out(
    tmp_path_factory: pytest.TempPathFactory,
    origins: tuple[str, ...],
    origin: str | None,
    status: int,
) -> None:
    folder = tmp_path_factory.mktemp("origins")
    async with a_service(folder, cors_origins=origins) as server, a_gateway(server) as gateway:
        assert await status_of(gateway, origin) == status


@pytest.mark.parametrize("limit", ["connections", "per_address"])
async def test_one_too_many_is_told_to_come_back_later(
    server: Server, limit: str, caplog: pytest.LogCaptureFixture
) -> None:
    limits: dict[str, Any] = {limit: 2}
    async with a_gateway(server, **limits) as gateway:
        async with gateway.client(), gateway.client():
            with pytest.raises(InvalidStatus) as refusal:
                await gateway.client().__aenter__()
        response = refusal.value.response
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert json.loads(response.body or b"") == {"error": "Service Unavailable"}
        await gateway.empty()
        assert await status_of(gateway, None) == 101
    assert caplog.records == []
    counted = server.service.metrics.requests
    assert (counted["GET", "gateway", 101], counted["GET", "gateway", 503]) == (3, 1)


async def test_network_of_64_bits_counts_as_one_address(server: Server) -> None:
    async with a_gateway(server, per_address=2) as serving:
        gateway, over = serving.gateway, asyncio.Event()

        async def stay(address: str) -> None:
            messages = iter([{"type": "websocket.connect"}])

            async def receive() -> Message:
                for message in messages:
                    return message
                await over.wait()
                return {"type": "websocket.disconnect", "code": 1005}

            async def send(_: Message) -> None:
                pass

            await gateway({"client": (address, 40_000), "headers": []}, receive, send)

        async with asyncio.TaskGroup() as crowd:
            for address in ("2001:db8::1", "2001:db8::2", "192.0.2.1"):
                crowd.create_task(stay(address))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while server.service.metrics.gateway.connections < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert gateway.rejects("2001:db8::ffff:1") is True
            assert gateway.rejects("2001:db8:0:1::1") is False
            assert gateway.rejects("192.0.2.1") is False
            over.set()
        assert gateway.rejects("2001:db8::ffff:1") is False


@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        (b"POST", b"content-length: 2\r\n", b"{}"),
        (b"POST", b"content-length: 2\r\n", b""),
        (b"GET", b"content-length: 2\r\n", b"{}"),
        (b"PUT", b"transfer-encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
        (b"GET", b"x: y\r\n" * 200, b""),
        (b"GET", b"x: " + b"y" * 9000 + b"\r\n", b""),
    ],
    ids=["body", "half a body", "GET with a body", "chunks", "many headers", "long header"],
)
async def test_upgrade_with_which_no_websocket_begins_holds_no_connection(
    server: Server,
    caplog: pytest.LogCaptureFixture,
    method: bytes,
    headers: bytes,
    body: bytes,
) -> None:
    head = (
        method + b" / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: c2l4dGVlbiBvZiBieXRlcw==\r\n"
    )
    async with a_gateway(server) as gateway, asyncio.timeout(PATIENCE_SECONDS):
        answer = await spoken(gateway.port, head + headers + b"\r\n" + body)
        await until(lambda: not gateway.http.connections)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer
    assert caplog.records == []


async def test_project_has_so_many_connections_and_others_have_theirs(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, per_project=1) as gateway, gateway.client() as second:
        async with gateway.client() as first:
            await first.connected(pair["token"])
            assert await second.not_connected(pair["token"]) == (-32000, "Too many connections")
            again = await second.not_connected(pair["token"], **first.resuming)
            assert again == (-32003, "Requester validation failed")
            await first.reauthenticated(pair["token"])
        async with asyncio.timeout(PATIENCE_SECONDS):
            while server.service.metrics.gateway.sessions:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        await second.connected(pair["token"])


async def test_message_of_64_kib_is_taken_and_a_larger_one_is_the_end(server: Server) -> None:
    async with a_gateway(server) as gateway, gateway.client() as client:
        await client.socket.send("x" * MESSAGE_LIMIT)
        assert (await client.hear())["error"]["code"] == -32700
        await client.socket.send("x" * (MESSAGE_LIMIT + 1))
        assert await client.close_code() == 1009


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([frame(TEXT, b"x" * 40_000, final=False), frame(CONT, b"x" * 40_000)], 1009),
        ([frame(TEXT, b"", final=False), *[frame(CONT, b"", final=False)] * 2000], 1008),
        ([frame(TEXT, b"\xff\xfe")], 1007),
        ([frame(TEXT, b"\xff", final=False), frame(CONT, b"\xfe")], 1007),
        ([frame(PING)] * 200, 1008),
        ([frame(PONG)] * 200, 1008),
        ([frame(TEXT, b"{}")] * 2000, 1008),
        ([frame(BINARY)] * 2000, 1008),
        ([b"\xff" * 100], 1002),
    ],
)
async def test_bad_manners_end_the_connection_and_no_other(
    server: Server, pieces: list[bytes], code: int
) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway, gateway.client() as bystander:
        await bystander.connected(pair["token"])
        rude = await RawSocket.open(gateway.port)
        rude.writer.write(b"".join(pieces))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await rude.close_code() == code
        rude.hang_up()
        assert await bystander.lives()


async def test_flood_of_requests_is_answered_at_the_pace_that_is_allowed(server: Server) -> None:
    async with a_gateway(server, requests_per_second=20) as gateway, gateway.client() as client:
        began = asyncio.get_running_loop().time()
        for _ in range(50):
            await client.say("x")
        for _ in range(50):
            assert (await client.hear())["error"]["code"] == -32601
        assert asyncio.get_running_loop().time() - began >= 1


IMPATIENT: Final = ServerOptions(limits=ConnectionLimits(stall_seconds=0.3))
"""Who does not read has a moment, not twenty seconds."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not close has a moment, not ten seconds."""
    monkeypatch.setattr(websocket_connection, "CLOSING_SECONDS", 0.3)


@pytest.mark.usefixtures("impatient")
async def test_client_that_does_not_read_is_not_read_from_and_then_let_go(server: Server) -> None:
    """What it is sent stays within what the system buffers; it asks on, and is not listened to."""
    async with a_gateway(server, options=IMPATIENT, requests_per_second=1_000_000) as gateway:
        rude = await RawSocket.open(gateway.port)
        rude.reader._transport.pause_reading()  # type: ignore[attr-defined]
        asked = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while server.service.metrics.gateway.connections and not rude.writer.is_closing():
                rude.writer.write(frame(TEXT, ASK) * 50)
                asked += 50
                await asyncio.sleep(0)
            await gateway.empty()
        answered = server.service.metrics.gateway.requests["-"]
        assert 0 < answered < asked
        rude.hang_up()


@pytest.mark.usefixtures("impatient")
async def test_stop_does_not_wait_for_who_does_not_read(server: Server) -> None:
    async with a_gateway(server, options=IMPATIENT, requests_per_second=1_000_000) as gateway:
        rude = await RawSocket.open(gateway.port)
        rude.reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            rude.writer.write(frame(TEXT, ASK) * 50)
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await gateway.stop()
        rude.hang_up()


async def test_pings_of_who_does_not_read_cost_nothing(server: Server) -> None:
    async with a_gateway(server) as gateway:
        rude = await RawSocket.open(gateway.port)
        for _ in range(90):
            rude.writer.write(frame(PING, b"x" * 125))
        rude.call("x", {})
        opcodes = [(await rude.read())[0] for _ in range(91)]
        assert opcodes.count(10) == 90
        rude.hang_up()


async def test_many_at_once_are_all_let_in(server: Server) -> None:
    pairs = await asyncio.gather(*(server.sign_in(f"user-{n}") for n in range(50)))

    async def one(client: Client, token: str) -> str:
        answer = await client.ask("signalwire.connect", connect_params(token))
        return str(answer["result"]["authorization"]["fabric_subscriber"]["subscriber_id"])

    async with a_gateway(server) as gateway:
        opening = [gateway.client() for _ in pairs]
        clients = await asyncio.gather(*(each.__aenter__() for each in opening))
        let_in = await asyncio.gather(
            *(one(client, pair["token"]) for client, pair in zip(clients, pairs, strict=True))
        )
        assert let_in == [pair["subscriber_id"] for pair in pairs]
        await asyncio.gather(*(each.__aexit__(None, None, None) for each in opening))


async def test_sockets_that_show_no_credentials_leave_room_for_others(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, connections=40) as gateway, AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(gateway.client())
        with pytest.raises(InvalidStatus) as refusal:
            await gateway.client().__aenter__()
        assert refusal.value.response.status_code == 503
        for _ in range(5):
            client = await stack.enter_async_context(gateway.client(local_addr=("127.0.0.2", 0)))
            await client.connected(pair["token"])


async def test_segment_full_of_pings_ends_the_socket_at_once(server: Server) -> None:
    async with a_gateway(server) as gateway:
        rude = await RawSocket.open(gateway.port)
        rude.writer.write(frame(PING) * 40_000)
        assert await rude.close_code() == 1008
        rude.hang_up()


async def test_request_over_the_limit_waits_until_the_second_is_over(server: Server) -> None:
    monotonic, loop = Ticker(), asyncio.get_running_loop()
    monotonic.at = 1000.875
    async with (
        a_gateway(server, monotonic=monotonic, running=False, requests_per_second=1) as gateway,
        gateway.client() as client,
    ):
        await client.refused("x")
        began = loop.time()
        await client.refused("x")
        assert 0.12 <= loop.time() - began < 1.125
