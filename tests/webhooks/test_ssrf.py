"""Names that lead astray: the way out to webhooks, where a customer's name server answers."""

import asyncio
import socket
import threading

import httpcore
import pytest

from satmint.webhooks.network import (
    CheckedBackend,
    ConnectionWasRefused,
    NotPublic,
    closing_connections,
    open_network,
)
from satmint.webhooks.sender import Sender
from tests.kit.polling import until
from tests.webhooks.receiver import receiving

Found = list[tuple[int, int, int, str, tuple[str, int]]]


class Roads(httpcore.AsyncNetworkBackend):
    """Notes which addresses are tried; some of them cannot be reached."""

    def __init__(self, *blocked: str, cause: BaseException | None = None) -> None:
        self.blocked = blocked
        self.cause = cause
        self.tried: list[str] = []

    async def connect_tcp(self, host: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        self.tried.append(host)
        if host in self.blocked:
            raise httpcore.ConnectError("no route") from self.cause
        return httpcore.AsyncMockStream([])


def leading_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Have every name lead there."""

    def found(_host: str, port: int, **_: object) -> Found:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def way_out(roads: Roads) -> CheckedBackend:
    network = CheckedBackend()
    network._inner = roads
    return network


async def test_an_address_that_cannot_be_reached_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leading_to(monkeypatch, "2606:4700::1", "1.1.1.1", "1.0.0.1")
    roads = Roads("2606:4700::1")
    await way_out(roads).connect_tcp("hooks.example", 443, 1.0)
    assert roads.tried == ["2606:4700::1", "1.1.1.1"]


async def test_no_more_than_a_few_addresses_of_a_name_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [f"1.1.1.{number}" for number in range(1, 200)]
    leading_to(monkeypatch, *many)
    roads = Roads(*many)
    with pytest.raises(httpcore.ConnectError):
        await way_out(roads).connect_tcp("hooks.example", 443, 1.0)
    assert roads.tried == many[:4]


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("refused", [False, True])
async def test_that_no_program_listens_is_told_where_private_addresses_are_allowed(
    monkeypatch: pytest.MonkeyPatch, private: bool, refused: bool
) -> None:
    leading_to(monkeypatch, "1.1.1.1")
    network = CheckedBackend(private=private)
    cause = ConnectionRefusedError() if refused else TimeoutError()
    network._inner = Roads("1.1.1.1", cause=cause)
    with pytest.raises(httpcore.ConnectError) as failure:
        await network.connect_tcp("hooks.example", 443, 1.0)
    assert isinstance(failure.value, ConnectionWasRefused) is (private and refused)


async def test_a_private_address_behind_many_public_ones_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leading_to(monkeypatch, *["1.1.1.1"] * 50, "10.0.0.7")
    roads = Roads()
    with pytest.raises(NotPublic):
        await way_out(roads).connect_tcp("hooks.example", 443, 1.0)
    assert roads.tried == []


async def test_a_name_server_that_never_answers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer.wait(30))
    roads = Roads()
    try:
        with pytest.raises(httpcore.ConnectTimeout):
            await way_out(roads).connect_tcp("hooks.example", 443, 0.05)
    finally:
        answer.set()
    assert roads.tried == []


async def test_a_name_that_several_want_at_once_is_looked_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    answer = threading.Event()

    def found(host: str, port: int, **_: object) -> Found:
        asked.append(host)
        answer.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    roads = Roads()
    network = way_out(roads)
    several = [
        asyncio.create_task(network.connect_tcp("hooks.example", 443, 20.0)) for _ in range(5)
    ]
    await until(lambda: asked)
    with pytest.raises(httpcore.ConnectTimeout):
        await network.connect_tcp("hooks.example", 443, 0.01)
    answer.set()
    await asyncio.gather(*several)
    assert roads.tried == ["1.1.1.1"] * 5
    assert asked == ["hooks.example"]
    await network.connect_tcp("hooks.example", 443, 20.0)
    assert len(asked) == 2


async def test_connections_are_closed_by_the_context_in_which_they_were_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leading_to(monkeypatch, "1.1.1.1")
    network = way_out(Roads())

    async def connect() -> httpcore.AsyncMockStream:
        stream = await network.connect_tcp("hooks.example", 443, 1.0)
        assert isinstance(stream, httpcore.AsyncMockStream)
        return stream

    async with closing_connections():
        first = await connect()
        async with closing_connections():
            inner = await connect()
        second = await connect()
        assert [one._closed for one in (first, inner, second)] == [False, True, False]
    assert [one._closed for one in (first, second)] == [True, True]


async def test_no_connection_is_kept_for_the_next_message() -> None:
    async with receiving() as receiver, open_network(private=True) as network:
        response = await network.request("POST", receiver.url, content=b"")
        assert response.status == 204
        assert network.connections == []


async def test_sender_closes_its_connections_when_it_is_left() -> None:
    async with receiving() as receiver:
        async with Sender(private=True) as sender:
            network = await sender.open()
            headers = [("host", "hooks.example"), ("content-length", "0")]
            request = httpcore.Request("POST", receiver.url, headers=headers)
            await network.handle_async_request(request)
            assert len(network.connections) == 1  # until its response is read
        assert network.connections == []
