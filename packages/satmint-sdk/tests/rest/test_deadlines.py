"""A time limit is a deadline, whatever the network does.

Nothing here asserts how long something took: what it waits for would go on without end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kit.raw_server import dripping, raw_server, silent
from satmint_sdk.rest import (
    AsyncRestClient,
    RequestOptions,
    RestClient,
    SignalWireRestTransportError,
)

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
SHORT = RequestOptions(timeout=0.3)


def both(host: str, options: RequestOptions = SHORT) -> tuple[str, str]:
    """What the two clients say about a call that takes too long."""
    with (
        RestClient("p", "t", host, options) as client,
        pytest.raises(SignalWireRestTransportError) as late,
    ):
        client.fabric.addresses.list()

    async def run() -> str:
        async with AsyncRestClient("p", "t", host, options) as client:
            with pytest.raises(SignalWireRestTransportError) as late:
                await client.fabric.addresses.list()
            return str(late.value.body)

    return str(late.value.body), asyncio.run(run())


@pytest.mark.parametrize(
    "begins", [b"HTTP/1.1 200 OK\r\nx-slow: ", HEAD, b""], ids=["head", "body", "status"]
)
def test_a_server_that_sends_a_byte_now_and_then_does_not_outlast_the_timeout(
    begins: bytes,
) -> None:
    with raw_server(dripping(begins)) as server:
        for said in both(server.host):
            assert "Timeout" in said


def test_a_handshake_that_stands_still_ends_with_the_attempt() -> None:
    with raw_server(silent, reads=False) as server:
        for said in both(server.host.replace("127.0.0.1", "127.0.0.1.localhost")):
            assert "Timeout" in said


def test_a_pool_that_is_full_is_waited_for_until_the_deadline() -> None:
    import httpx

    limits, patient = httpx.Limits(max_connections=1), RequestOptions(timeout=60)
    with raw_server(dripping(HEAD)) as server:
        client = RestClient("p", "t", server.host, patient, limits=limits)

        def hold() -> None:
            with contextlib.suppress(SignalWireRestTransportError):
                client.fabric.addresses.list()

        first = threading.Thread(target=hold)
        first.start()
        server.arrived.wait(30)
        with pytest.raises(SignalWireRestTransportError) as late:
            client.fabric.addresses.list(request_options=SHORT)
    first.join()  # the server has ended, and with it the response
    client.close()
    assert str(late.value.body).startswith("PoolTimeout")


@pytest.fixture
def stuck_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A resolver that answers nobody before the test is over."""
    over = threading.Event()
    asked: list[str] = []

    def stuck(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        over.wait(60)
        raise socket.gaierror("nobody asks any more")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    yield asked
    over.set()


def test_slow_dns_counts(stuck_resolver: list[str]) -> None:
    """The end of the event loop does not wait for the resolver either, nor does the program's."""
    for said in both("nowhere.test"):
        assert "Timeout" in said
    assert set(stuck_resolver) == {"nowhere.test"}
    assert all(
        thread.daemon for thread in threading.enumerate() if thread.name == "satmint-resolver"
    )


def test_a_name_is_resolved_when_there_are_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that ends, whose `atexit` function revokes a session."""

    def no_more(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    asked: list[str] = []

    def nobody(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with RestClient("p", "t", "nowhere.test") as client, monkeypatch.context() as ending:
        ending.setattr(threading.Thread, "start", no_more)
        with pytest.raises(SignalWireRestTransportError) as unknown:
            client.fabric.addresses.list()
    assert (unknown.value.body, asked) == ("ConnectError: unknown", ["nowhere.test"])


def test_a_connect_timeout_is_within_the_timeout(stuck_resolver: list[str]) -> None:
    for said in both("nowhere.test", RequestOptions(timeout=60, connect_timeout=0.2)):
        assert said == "ConnectTimeout: the host name was not resolved in time"
    assert stuck_resolver == ["nowhere.test"]  # the second call has joined the lookup of the first


def test_a_read_timeout_is_within_the_timeout() -> None:
    with raw_server(silent) as server:
        for said in both(server.host, RequestOptions(timeout=60, read_timeout=0.2)):
            assert "ReadTimeout" in said


async def test_a_client_closes_while_a_response_does_not_come() -> None:
    with raw_server(dripping(HEAD)) as server:
        client = AsyncRestClient("p", "t", server.host, RequestOptions(timeout=60))
        call = asyncio.ensure_future(client.fabric.addresses.list())
        await asyncio.to_thread(server.arrived.wait, 30)
        await client.close()
        call.cancel()
        with pytest.raises((asyncio.CancelledError, SignalWireRestTransportError)):
            await call


async def test_a_call_that_is_cancelled_ends_at_once() -> None:
    with raw_server(silent) as server:
        async with AsyncRestClient("p", "t", server.host, RequestOptions(timeout=60)) as client:
            call = asyncio.ensure_future(client.fabric.addresses.list())
            await asyncio.to_thread(server.arrived.wait, 30)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call


def test_the_second_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `localhost`, which is `::1` as well, although few servers listen there."""
    with raw_server(dripping(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        port = int(server.host.rpartition(":")[2])
        found = [(0, 0, 0, "", ("127.0.0.3", port)), (0, 0, 0, "", ("127.0.0.1", port))]
        real = socket.getaddrinfo

        def two(host: str, *more: Any, **named: Any) -> list[Any]:
            return found if host == "localhost" else real(host, *more, **named)

        monkeypatch.setattr(socket, "getaddrinfo", two)
        host = f"localhost:{port}"
        with RestClient("p", "t", host) as client:
            assert client.project.tokens.delete("id") == {}

        async def run() -> object:
            async with AsyncRestClient("p", "t", host) as other:
                return await other.project.tokens.delete("id")

        assert asyncio.run(run()) == {}


_STUCK = """
import asyncio, socket, threading
from satmint_sdk.rest import AsyncRestClient, RestClient

def stuck(*_, **__):
    print("resolving", flush=True)
    threading.Event().wait()

socket.getaddrinfo = stuck

async def run():
    async with AsyncRestClient("p", "t", "nowhere.test") as client:
        await client.fabric.addresses.list()

if {is_async}:
    asyncio.run(run())
RestClient("p", "t", "nowhere.test").fabric.addresses.list()
"""


@pytest.mark.parametrize("is_async", [False, True])
def test_one_interrupt_ends_a_program_whose_resolver_is_stuck(*, is_async: bool) -> None:
    code = _STUCK.format(is_async=is_async)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "resolving\n"
        program.send_signal(signal.SIGINT)
        try:
            _, told = program.communicate(timeout=55)
        finally:
            program.kill()
    assert told.rstrip().endswith("KeyboardInterrupt")
