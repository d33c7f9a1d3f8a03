"""An answer to another request is not believed, and what is left on its connection is not read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from satmint_sdk.rest import AsyncRestClient, RestClient, SignalWireRestTransportError
from satmint_sdk.rest._request_ids import RequestIds
from satmint_sdk.testing import FakeClock


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer. If it is closed unread, the connection is closed with it."""

    def __init__(self, content: bytes, on_read: Callable[[], None]) -> None:
        self.was_read = False
        self._content = content
        self._on_read = on_read

    def __iter__(self) -> Iterator[bytes]:
        self.was_read = True
        self._on_read()
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


class Server:
    """Answers with the number that `numbered` makes of the numbers that it was sent so far."""

    def __init__(self, numbered: Callable[[list[str]], str | None]) -> None:
        self.numbers: list[str] = []
        self.bodies: list[Body] = []
        self.on_read: Callable[[], None] = lambda: None
        """Called when an answer's head has come, and its body is about to."""
        self._numbered = numbered

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.numbers.append(request.headers["x-request-id"])
        number = self._numbered(self.numbers)
        answer = {"token": "t", "refresh_token": "r", "at": len(self.numbers)}
        self.bodies.append(Body(json.dumps(answer).encode(), self.on_read))
        return httpx.Response(
            201,
            headers={} if number is None else {"x-request-id": number},
            stream=self.bodies[-1],
        )


def client_of(server: Server) -> RestClient:
    transport = httpx.MockTransport(server.answer)
    return RestClient("p", "t", "localhost", transport=transport, clock=FakeClock())


def async_client_of(server: Server) -> AsyncRestClient:
    transport = httpx.MockTransport(server.answer)
    return AsyncRestClient("p", "t", "localhost", transport=transport, clock=FakeClock())


STRAY = (
    "POST http://localhost/api/fabric/subscribers/tokens got no answer: ConnectionError: "
    "an answer to another request came, perhaps a copy of one that was had before"
)


def test_a_copy_of_the_answer_before_is_no_answer() -> None:
    server = Server(lambda sent: sent[0])
    with client_of(server) as client:
        client.fabric.tokens.create_subscriber_token(reference="ada")
        with pytest.raises(SignalWireRestTransportError) as stray:
            client.fabric.tokens.create_subscriber_token(reference="mallory")
    assert str(stray.value) == STRAY
    assert [body.was_read for body in server.bodies] == [True, False]


def test_copy_that_another_thread_reads_first_is_a_copy_all_the_same() -> None:
    """The connection is free again as soon as the body is read, before the caller has it."""
    server = Server(lambda _: "5d1c55ba1f03-1")
    with client_of(server) as client:

        def another_thread() -> None:
            server.on_read = lambda: None
            with pytest.raises(SignalWireRestTransportError):
                client.fabric.tokens.create_subscriber_token(reference="mallory")

        server.on_read = another_thread
        made: Any = client.fabric.tokens.create_subscriber_token(reference="ada")
    assert made["at"] == 1
    assert [body.was_read for body in server.bodies] == [True, False]


async def test_nor_is_it_for_the_other_client() -> None:
    server = Server(lambda sent: sent[0])
    async with async_client_of(server) as client:
        await client.fabric.tokens.create_subscriber_token(reference="ada")
        with pytest.raises(SignalWireRestTransportError) as stray:
            await client.fabric.tokens.create_subscriber_token(reference="mallory")
    assert str(stray.value) == STRAY
    assert [body.was_read for body in server.bodies] == [True, False]


def test_a_number_of_the_servers_own_comes_once() -> None:
    server = Server(lambda sent: f"5d1c55ba1f03-{max(len(sent) - 1, 1):x}")
    with client_of(server) as client:
        client.fabric.tokens.create_subscriber_token(reference="ada")
        with pytest.raises(SignalWireRestTransportError) as stray:
            client.fabric.tokens.create_subscriber_token(reference="mallory")
        assert client.fabric.tokens.create_subscriber_token(reference="mallory")
    assert str(stray.value) == STRAY
    assert [body.was_read for body in server.bodies] == [True, False, True]


def test_what_may_be_repeated_is_asked_for_again() -> None:
    server = Server(lambda sent: sent[0] if len(sent) == 2 else sent[-1])
    with client_of(server) as client:
        client.fabric.tokens.create_subscriber_token(reference="ada")
        fresh: Any = client.fabric.tokens.refresh_subscriber_token(refresh_token="r")
    assert fresh["at"] == 3
    assert len(set(server.numbers)) == 3


@pytest.mark.parametrize(
    "numbered",
    [lambda sent: sent[-1], lambda _: None, lambda _: "always-the-same", lambda _: ""],
    ids=["ours", "none", "constant", "empty"],
)
def test_a_server_may_number_answers_as_it_likes(
    numbered: Callable[[list[str]], str | None],
) -> None:
    with client_of(Server(numbered)) as client:
        for _ in range(3):
            assert client.fabric.tokens.refresh_subscriber_token(refresh_token="r")


def test_numbers_tell_processes_apart() -> None:
    class Counting:
        taken = 0

        def take(self, count: int) -> bytes:
            self.taken += 1
            return bytes([self.taken]) * count

    dice = Counting()
    one, other = RequestIds(dice), RequestIds(dice)
    numbers = [one.next(), one.next(), other.next()]
    assert len(set(numbers)) == 3
    assert one.is_of_another(numbers[1], numbers[0])
    assert not one.is_of_another(numbers[1], numbers[2])
    assert all(len(number) <= 64 for number in numbers)
