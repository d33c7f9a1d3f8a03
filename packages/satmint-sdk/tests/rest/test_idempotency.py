"""A POST whose response is lost makes one thing, if the client knows what the server does."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from satmint_sdk.rest import (
    AsyncRestClient,
    RequestOptions,
    RestClient,
    SignalWireRestTransportError,
)
from satmint_sdk.testing import FakeClock, FakeEntropy

RETRIES = RequestOptions(retries=2, retry_backoff=0.0)


class Maker(httpx.MockTransport):
    """Makes an API token for each POST, and loses the responses that it is told to lose."""

    def __init__(self, *, honours: bool) -> None:
        super().__init__(self.answer)
        self.made: list[str] = []
        self.keys: list[str | None] = []
        self.losses = 0
        self._honours = honours
        self._known: dict[str, str] = {}

    def answer(self, request: httpx.Request) -> httpx.Response:
        key = request.headers.get("idempotency-key")
        self.keys.append(key)
        replayed = self._honours and key in self._known
        if not replayed:
            self.made.append(json.loads(request.content)["name"])
        if self._honours and key is not None:
            self._known[key] = self.made[-1]
        if self.losses:
            self.losses -= 1
            raise httpx.ReadError("the connection was lost")
        return httpx.Response(200, json={"id": str(len(self.made))})


async def made(server: Maker, name: str, *, is_async: bool, **more: Any) -> Any:
    """Make a token with a client of its own."""
    told: dict[str, Any] = {
        "transport": server,
        "clock": FakeClock(),
        "entropy": FakeEntropy(),
    } | more
    if is_async:
        async with AsyncRestClient("p", "t", "h", RETRIES, **told) as other:
            return await other.project.tokens.create(name=name, permissions=["fax"])
    with RestClient("p", "t", "h", RETRIES, **told) as client:
        return client.project.tokens.create(name=name, permissions=["fax"])


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_server_that_honours_keys_makes_one_for_all_attempts(*, is_async: bool) -> None:
    server = Maker(honours=True)
    server.losses = 2
    answer = await made(server, "ci", is_async=is_async)
    assert (server.made, answer["id"]) == (["ci"], "1")
    assert len(server.keys) == 3
    assert len(set(server.keys)) == 1
    key = server.keys[0]
    assert key is not None
    assert key[0] == key[-1] == '"'
    assert len(key) == 38
    assert key[15] == "4"  # a random UUID (RFC 9562, section 5.4), quoted


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_server_that_is_said_to_ignore_keys_is_asked_once(*, is_async: bool) -> None:
    """As the vendor's: it would make a second one."""
    server = Maker(honours=False)
    server.losses = 1
    with pytest.raises(SignalWireRestTransportError):
        await made(server, "ci", is_async=is_async, idempotency_keys=False)
    assert server.made == ["ci"]


def test_each_call_has_a_key_of_its_own() -> None:
    server = Maker(honours=True)
    with RestClient("p", "t", "h", RETRIES, transport=server, clock=FakeClock()) as client:
        client.project.tokens.create(name="first", permissions=["fax"])
        server.losses = 1
        client.project.tokens.create(name="second", permissions=["fax"])
    assert server.made == ["first", "second"]
    assert len(set(server.keys)) == 2


def test_a_key_of_ones_own_continues_the_call_of_an_earlier_process() -> None:
    server = Maker(honours=True)
    own = RequestOptions(idempotency_key="job-17", retries=0)
    for _ in range(2):
        with RestClient("p", "t", "h", transport=server) as client:
            client.project.tokens.create(name="ci", permissions=["fax"], request_options=own)
    assert server.made == ["ci"]
    assert server.keys == ['"job-17"'] * 2


def test_a_key_for_all_calls_of_a_client_is_refused() -> None:
    with pytest.raises(ValueError) as refused:
        RestClient("p", "t", "h", RequestOptions(idempotency_key="job-17"))
    assert str(refused.value) == (
        "idempotency_key is for one call: give it in the options of that call"
    )


def test_no_keys_are_sent_to_a_server_that_is_said_not_to_honour_them() -> None:
    server = Maker(honours=False)
    with RestClient("p", "t", "h", RETRIES, transport=server, idempotency_keys=False) as client:
        client.project.tokens.create(name="ci", permissions=["fax"])
    assert server.keys == [None]
