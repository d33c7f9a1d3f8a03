"""Mistakes that are planted into the server, one at a time, and that `make fuzz` has to find."""

import re
from typing import Any

import pytest
from starlette.types import Message

from satmint.server import chunked, exchange, http_connection, requests
from satmint.server.chunked import ChunkError
from satmint.server.requests import Headers


def takes_any_host(patch: pytest.MonkeyPatch) -> None:
    """Any value of `Host`."""
    patch.setattr(requests, "_is_host", lambda _: True)


def keeps_host_beside_absolute_form(patch: pytest.MonkeyPatch) -> None:
    """Where the authority of the target replaces it."""

    def origin_form(method: bytes, target: bytes, headers: Headers) -> bytes:
        return before(method, target, list(headers))

    before = requests._origin_form
    patch.setattr(requests, "_origin_form", origin_form)


def takes_any_extension(patch: pytest.MonkeyPatch) -> None:
    """Of a chunk."""
    patch.setattr(chunked, "_SIZE", re.compile(rb"0*([0-9A-Fa-f]{1,8})[^\n]*"))


def takes_bare_lf_in_chunks(patch: pytest.MonkeyPatch) -> None:
    """As the end of a line of the chunked coding."""

    def take_line(buffer: bytearray) -> bytes | None:
        end = buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(buffer[:end]).removesuffix(b"\r")
        del buffer[: end + 1]
        return line

    patch.setattr(chunked, "_take_line", take_line)


def looks_into_no_trailer(patch: pytest.MonkeyPatch) -> None:
    """Takes any line for a trailer field."""
    patch.setattr(chunked, "_TRAILER", re.compile(rb"(?s).*"))


def counts_cr_to_a_line(patch: pytest.MonkeyPatch) -> None:
    """Where the LF is in the next segment."""

    def take_line(buffer: bytearray) -> bytes | None:
        if b"\n" not in buffer and len(buffer) > chunked._TRAILERS_LIMIT:
            raise ChunkError("line_too_long")
        return before(buffer)

    before = chunked._take_line
    patch.setattr(chunked, "_take_line", take_line)


def has_no_limit_of_heads(patch: pytest.MonkeyPatch) -> None:
    """Takes a head of 1 MiB."""
    patch.setattr(requests, "HEAD_LIMIT", 1 << 20)


def has_no_limit_of_framing(patch: pytest.MonkeyPatch) -> None:
    """Takes chunk extensions of 1 MiB."""
    patch.setattr(chunked, "_FRAMING_LIMIT", 1 << 20)


def goes_on_after_last_request(patch: pytest.MonkeyPatch) -> None:
    """Keeps each connection open."""

    def forget(self: exchange.Exchange, *args: Any, **options: Any) -> None:  # noqa: ANN401
        before(self, *args, **options)
        self.keep_alive = True

    before = exchange.Exchange.__init__
    patch.setattr(exchange.Exchange, "__init__", forget)


def takes_rest_of_body_for_request(patch: pytest.MonkeyPatch) -> None:
    """After an early answer."""

    def forget(self: http_connection.HttpConnection, _now: float) -> bool:
        self._reader._body_left, self._reader._chunks = 0, None
        return True

    patch.setattr(http_connection.HttpConnection, "_drop_body", forget)


def refuses_without_answer(patch: pytest.MonkeyPatch) -> None:
    """Closes the connection in its place."""

    def close(self: http_connection.HttpConnection, *_: object) -> None:
        self._close()

    patch.setattr(http_connection.HttpConnection, "_refuse", close)


def answers_twice(patch: pytest.MonkeyPatch) -> None:
    """Writes each answer two times."""

    def write(self: http_connection.HttpConnection, data: bytes | memoryview) -> None:
        before(self, data)
        before(self, data)

    before = http_connection.HttpConnection.write
    patch.setattr(http_connection.HttpConnection, "write", write)


def sends_100_to_all(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it or not."""

    async def receive(self: exchange.Exchange) -> Message:
        if self._connection is not None:
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await before(self)

    before = exchange.Exchange.receive
    patch.setattr(exchange.Exchange, "receive", receive)
