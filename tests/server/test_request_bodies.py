"""Request bodies as values: framing, pieces, and what follows them (RFC 9112, section 6)."""

from typing import Final

import pytest

from satmint.server.requests import RequestReader
from tests.server.request_heads import get, parsed, post, refused, single_bytes

CHUNKED: Final = b"transfer-encoding: chunked"

FRAMED: Final = {
    "none": ([], b""),
    "length 0": ([b"content-length: 0"], b""),
    "length": ([b"content-length: 5"], b"hello"),
    "length with blanks": ([b"content-length: \t5 \t"], b"hello"),
    "length with leading zeros": ([b"content-length: 0000000000000000005"], b"hello"),
    "length in another case": ([b"CONTENT-LENGTH: 5"], b"hello"),
    "chunked": ([CHUNKED], b"2\r\nhe\r\n3;x\r\nllo\r\n0\r\nx: y\r\n\r\n"),
    "chunked in another case": ([b"Transfer-Encoding: CHUNKED"], b"5\r\nhello\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("name", list(FRAMED))
@pytest.mark.parametrize("method", [get, post])
def test_body_is_delimited_by_its_framing(name: str, method: type[bytes]) -> None:
    fields, body = FRAMED[name]
    reader = RequestReader()
    reader.feed(method(*fields) + body + get(b"x: next"))
    head = reader.next_head()
    assert head is not None
    assert head.raw == method(*fields)
    assert reader.read_body() == (b"hello" if body else b"", True)
    assert reader.body_complete
    assert reader.buffered == len(get(b"x: next"))
    following = reader.next_head()
    assert following is not None
    assert following.headers[-1] == (b"x", b"next")


@pytest.mark.parametrize("name", list(FRAMED))
def test_body_is_the_same_in_whatever_pieces_it_comes(name: str) -> None:
    fields, body = FRAMED[name]
    reader, content, complete = RequestReader(), b"", not body
    reader.feed(post(*fields))
    assert reader.next_head() is not None
    assert reader.body_complete is complete
    for piece in single_bytes(body):
        assert not complete
        assert not reader.body_complete
        reader.feed(piece)
        more, complete = reader.read_body()
        content += more
    assert complete
    assert reader.body_complete
    assert content == (b"hello" if body else b"")
    assert reader.read_body() == (b"", True)


@pytest.mark.parametrize("name", list(FRAMED))
@pytest.mark.parametrize("other", list(FRAMED))
def test_requests_with_the_head_of_an_earlier_one_have_a_body_of_their_own(
    name: str, other: str
) -> None:
    reader = RequestReader()
    for framing in (name, name, other, name, name):
        fields, body = FRAMED[framing]
        reader.feed(post(*fields))
        head = reader.next_head()
        assert head is not None
        assert head.raw == post(*fields)
        assert head == parsed(post(*fields))
        assert reader.body_complete is not bool(body)
        reader.feed(body[:1])
        if body:
            assert not reader.read_body()[1]
        reader.feed(body[1:])
        assert reader.read_body()[1]
        assert not reader.buffered


def test_part_of_a_body_that_came_is_handed_on() -> None:
    reader = RequestReader()
    reader.feed(post(b"content-length: 10") + b"hello")
    assert reader.next_head() is not None
    assert reader.read_body() == (b"hello", False)
    assert reader.read_body() == (b"", False)
    reader.feed(b"world!")
    assert reader.read_body() == (b"world", True)
    assert reader.buffered == 1


LENGTHS: Final = {
    b"9" * 19: None,
    b"0" * 18 + b"5": None,
    b"0" * 19 + b"5": "400 content_length",
    b"1" + b"0" * 19: "400 content_length",
    b"18446744073709551616": "400 head",
    b"": "400 head",
    b"+5": "400 head",
    b"-5": "400 head",
    b"0x5": "400 head",
    b"5.0": "400 head",
    b"5a": "400 head",
    b"5 5": "400 head",
    b"5,5": "400 head",
    b"5;": "400 head",
    b"1_0": "400 head",
    "\u0665".encode(): "400 head",
}


@pytest.mark.parametrize("length", list(LENGTHS))
def test_length_is_a_number_of_up_to_19_digits(length: bytes) -> None:
    raw = post(b"content-length: " + length)
    if LENGTHS[length] is None:
        assert parsed(raw).headers[-1] == (b"content-length", length)
    else:
        assert refused(raw) == LENGTHS[length]


FRAMINGS: Final = [
    ([b"content-length: 5", b"content-length: 5"], "400 head"),
    ([b"content-length: 5", b"content-length: 6"], "400 head"),
    ([b"content-length: 5", CHUNKED], "400 head"),
    ([CHUNKED, b"content-length: 5"], "400 head"),
    ([CHUNKED, CHUNKED], "400 head"),
    ([CHUNKED, b"transfer-encoding: gzip"], "400 head"),
    ([CHUNKED, b"transfer-encoding:"], "400 head"),
    ([b"transfer-encoding: chunked, chunked"], "400 head"),
    ([b"transfer-encoding: chunked, gzip"], "400 head"),
    ([b"transfer-encoding: xchunked"], "400 head"),
    ([b"transfer-encoding:"], "400 head"),
    ([b"transfer-encoding: gzip, chunked"], "501 transfer_coding"),
    ([b"transfer-encoding: gzip", CHUNKED], "501 transfer_coding"),
    ([b"transfer-encoding: identity", CHUNKED], "501 transfer_coding"),
    ([b"transfer-encoding : chunked"], "400 head"),
]


@pytest.mark.parametrize(("fields", "verdict"), FRAMINGS)
def test_framing_other_than_one_length_or_chunked_is_refused(
    fields: list[bytes], verdict: str
) -> None:
    assert refused(post(*fields)) == verdict


def test_transfer_coding_is_none_of_http_1_0() -> None:
    assert refused(post(CHUNKED, version=b"1.0")) == "400 transfer_coding_in_1_0"


def test_length_delimits_a_body_of_http_1_0() -> None:
    reader = RequestReader()
    reader.feed(post(b"content-length: 5", version=b"1.0") + b"hello")
    assert reader.next_head() is not None
    assert reader.read_body() == (b"hello", True)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"x\r\n", "400 chunk_size"),
        (b"5\r\nhello\n", "400 bare_lf"),
        (b"5\r\nhello!\r\n", "400 chunk_end"),
        (b"0\r\nx\r\n", "400 trailer"),
        (b"0\r\n" + (b"x: " + b"y" * 4094 + b"\r\n") * 2, "400 trailers_too_large"),
        (b"5;" + b"x" * 9000, "400 line_too_long"),
    ],
)
def test_body_that_breaks_its_coding_is_refused(body: bytes, verdict: str) -> None:
    assert refused(post(CHUNKED) + body) == verdict
    assert refused(post(CHUNKED), *single_bytes(body)) == verdict


EXPECTATIONS: Final = [
    ([b"expect: 100-continue"], True),
    ([b"Expect: 100-Continue"], True),
    ([b"expect: 100-continue", b"expect: 100-continue"], True),
    ([b"expect:"], False),
    ([b"expect: 100"], False),
    ([b"expect: x-100-continue"], False),
    ([b"x-expect: 100-continue"], False),
    ([], False),
]


@pytest.mark.parametrize(("fields", "waits"), EXPECTATIONS)
@pytest.mark.parametrize("framing", [b"content-length: 5", CHUNKED])
def test_client_that_waits_for_100_says_so(
    fields: list[bytes], waits: bool, framing: bytes
) -> None:
    assert parsed(post(*fields, framing)).expects_continue is waits
    assert parsed(post(framing, *fields)).expects_continue is waits


def test_client_without_a_body_waits_for_no_100() -> None:
    expect = b"expect: 100-continue"
    assert not parsed(post(expect)).expects_continue
    assert not parsed(post(expect, b"content-length: 0")).expects_continue
    assert not parsed(post(expect, b"content-length: 5", version=b"1.0")).expects_continue


def test_heads_that_are_not_read_yet_are_counted() -> None:
    reader = RequestReader()
    assert (reader.buffered, reader.heads_buffered()) == (0, 0)
    reader.feed(get() * 3 + get()[:-1])
    assert (reader.buffered, reader.heads_buffered()) == (4 * len(get()) - 1, 3)
    assert reader.next_head() is not None
    assert (reader.buffered, reader.heads_buffered()) == (3 * len(get()) - 1, 2)


def test_bytes_behind_a_head_are_taken_as_they_are() -> None:
    handshake = get(b"connection: upgrade", b"upgrade: websocket")
    reader = RequestReader()
    reader.feed(handshake + b"\x81\x00\r\n\r\nGET /")
    head = reader.next_head()
    assert head is not None
    assert head.raw == handshake
    assert reader.take_buffered() == b"\x81\x00\r\n\r\nGET /"
    assert reader.take_buffered() == b""
    assert reader.buffered == 0
