"""A response is bounded, however small it is on the wire."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from satmint_sdk.rest import (
    AsyncRestClient,
    RequestOptions,
    RestClient,
    SignalWireRestError,
    SignalWireRestTooLargeError,
    SignalWireRestTransportError,
)
from satmint_sdk.rest._body import Body, BodyTooLarge, BodyUnreadable

BLANKS = gzip.compress(b" " * 100_000_000)


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._content), 65536):
            yield self._content[start : start + 65536]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def answering(content: bytes, **headers: str) -> httpx.MockTransport:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=named, stream=Stream(content)))


async def test_a_bomb_of_blanks_is_a_typed_error_and_little_memory() -> None:
    wire = answering(BLANKS, content_encoding="gzip")
    tracemalloc.start()
    try:
        with (
            RestClient("p", "t", "localhost", transport=wire) as client,
            pytest.raises(SignalWireRestTooLargeError) as refused,
        ):
            client.fabric.addresses.list()
        async with AsyncRestClient("p", "t", "localhost", transport=wire) as other:
            with pytest.raises(SignalWireRestTooLargeError):
                await other.fabric.addresses.list()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 * 1024 * 1024
    assert refused.value.status_code == 200
    assert refused.value.body == "the response is larger than 16777216 bytes"


def test_the_bound_is_an_option_and_is_not_repeated() -> None:
    wire = answering(b'{"data": "0123456789"}')
    options = RequestOptions(max_response_bytes=10, retries=3)
    with RestClient("p", "t", "localhost", options, transport=wire) as client:
        with pytest.raises(SignalWireRestTooLargeError):
            client.fabric.addresses.list()
        larger = RequestOptions(max_response_bytes=22)
        assert client.fabric.addresses.list(request_options=larger)


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress])
def test_compressed_responses_are_read(packed: object) -> None:
    assert callable(packed)
    wire = answering(
        packed(b'{"a": 1}'),
        content_encoding="gzip" if packed is gzip.compress else "deflate",
    )
    with RestClient("p", "t", "localhost", transport=wire) as client:
        assert client.request("GET", "/x") == {"a": 1}


def test_a_coding_that_was_not_accepted_is_no_answer() -> None:
    wire = answering(b"...", content_encoding="br")
    with (
        RestClient("p", "t", "localhost", transport=wire) as client,
        pytest.raises(SignalWireRestTransportError) as refused,
    ):
        client.fabric.addresses.list()
    assert "a coding that was not accepted: 'br'" in str(refused.value)


def test_a_transport_that_has_read_the_response_is_bounded_too() -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json={"a": "x" * 100}))
    options = RequestOptions(max_response_bytes=50)
    with (
        RestClient("p", "t", "localhost", options, transport=wire) as client,
        pytest.raises(SignalWireRestError),
    ):
        client.fabric.addresses.list()


def test_a_body_is_exactly_as_large_as_it_may_be() -> None:
    body = Body({"content-encoding": "gzip"}, 5)
    body.add(gzip.compress(b"12345"))
    assert body.content() == b"12345"
    with pytest.raises(BodyTooLarge):
        Body({"content-encoding": "gzip"}, 4).add(gzip.compress(b"12345"))
    with pytest.raises(BodyTooLarge):
        Body({"content-length": "6"}, 5)


def test_raw_deflate_is_understood_and_half_a_stream_is_not() -> None:
    packer = zlib.compressobj(wbits=-15)
    raw = packer.compress(b"hello" * 10) + packer.flush()
    body = Body({"content-encoding": "deflate"}, 100)
    body.add(raw)
    assert body.content() == b"hello" * 10
    half = Body({"content-encoding": "gzip"}, 1000)
    half.add(gzip.compress(bytes(range(256)))[:-20])
    with pytest.raises(BodyUnreadable):
        half.content()
    with pytest.raises(BodyUnreadable):
        Body({"content-encoding": "gzip"}, 100).add(b"\xff\xff\xff no gzip at all")
