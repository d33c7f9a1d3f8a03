"""Bytes of requests, and what the reader makes of them."""

from typing import Final

import pytest

from satmint.server.requests import InvalidRequest, RequestHead, RequestReader

HOST: Final = b"host: x"


def head_of(line: bytes, *fields: bytes) -> bytes:
    """The bytes of a head."""
    return b"\r\n".join([line, *fields, b"", b""])


def get(*fields: bytes, path: bytes = b"/", version: bytes = b"1.1") -> bytes:
    """The head of a GET with a `Host`."""
    return head_of(b"GET %b HTTP/%b" % (path, version), HOST, *fields)


def post(*fields: bytes, path: bytes = b"/", version: bytes = b"1.1") -> bytes:
    """The head of a POST with a `Host`."""
    return head_of(b"POST %b HTTP/%b" % (path, version), HOST, *fields)


def single_bytes(data: bytes) -> list[bytes]:
    """Each byte by itself."""
    return [data[index : index + 1] for index in range(len(data))]


def parsed(*pieces: bytes) -> RequestHead:
    """The head that comes in these pieces, the last of which completes it."""
    reader = RequestReader()
    for piece in pieces[:-1]:
        reader.feed(piece)
        assert reader.next_head() is None
    reader.feed(pieces[-1])
    head = reader.next_head()
    assert head is not None
    return head


def refused(*pieces: bytes) -> str:
    """Status and cause with which a request that comes in these pieces is refused."""
    with pytest.raises(InvalidRequest) as refusal:
        _read(pieces)
    assert str(refusal.value) == f"{refusal.value.status.value} {refusal.value.cause}"
    return str(refusal.value)


def _read(pieces: tuple[bytes, ...]) -> None:
    reader, has_head = RequestReader(), False
    for piece in pieces:
        reader.feed(piece)
        has_head = has_head or reader.next_head() is not None
        if has_head:
            reader.read_body()
