"""The chunked transfer coding as a value: contents, verdicts, limits (RFC 9112, section 7.1)."""

from typing import Final

import pytest

from satmint.server.chunked import ChunkedDecoder, ChunkError

SIZE_LINE_LIMIT: Final = 512
FRAMING_LIMIT: Final = 16 * 1024
TRAILERS_LIMIT: Final = 8 * 1024


def decoded(*pieces: bytes) -> tuple[bytes, bool, bytes]:
    """The content of a body, whether it is complete, and what is left behind it."""
    decoder, buffer, content, complete = ChunkedDecoder(), bytearray(), b"", False
    for piece in pieces:
        buffer += piece
        if not complete:
            more, complete = decoder.decode(buffer)
            content += more
    return content, complete, bytes(buffer)


def single_bytes(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def cause_of(*pieces: bytes) -> str:
    """Why a body is refused."""
    with pytest.raises(ChunkError) as refusal:
        decoded(*pieces)
    cause: str = refusal.value.args[0]
    return cause


VALID: Final = {
    "no content": (b"0\r\n\r\n", b""),
    "last chunk of several zeros": (b"000\r\n\r\n", b""),
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "two chunks": (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"hello!"),
    "digits in both cases": (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    "hexadecimal": (b"1f\r\n" + b"x" * 31 + b"\r\n0\r\n\r\n", b"x" * 31),
    "leading zeros": (b"0" * 100 + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "content like a last chunk": (b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"\r\n0\r\n\r\n"),
    "content of every byte": (b"100\r\n%b\r\n0\r\n\r\n" % bytes(range(256)), bytes(range(256))),
    "extension": (b"5;name=value\r\nhello\r\n0;last\r\n\r\n", b"hello"),
    "extension with blanks": (b"5 \t; a \t= \tb\r\nhello\r\n0\r\n\r\n", b"hello"),
    "extension without value": (b"5;a;b;c\r\nhello\r\n0\r\n\r\n", b"hello"),
    "quoted extension": (b'5;a="x;\\"\\\\ \xff"\r\nhello\r\n0\r\n\r\n', b"hello"),
    "trailer": (b"5\r\nhello\r\n0\r\nx: y\r\n\r\n", b"hello"),
    "trailers": (b"5\r\nhello\r\n0\r\nx:\r\ny: \t z\xff\r\n\r\n", b"hello"),
}


@pytest.mark.parametrize("name", list(VALID))
def test_body_is_decoded(name: str) -> None:
    data, content = VALID[name]
    assert decoded(data) == (content, True, b"")


@pytest.mark.parametrize("name", list(VALID))
def test_body_is_the_same_in_whatever_pieces_it_comes(name: str) -> None:
    data, content = VALID[name]
    assert decoded(*single_bytes(data)) == (content, True, b"")
    for cut in range(1, len(data)):
        assert decoded(data[:cut], data[cut:]) == (content, True, b""), cut


@pytest.mark.parametrize("name", list(VALID))
def test_bytes_behind_a_body_are_left(name: str) -> None:
    data, content = VALID[name]
    assert decoded(data + b"0\r\n\r\nGET /") == (content, True, b"0\r\n\r\nGET /")


@pytest.mark.parametrize("name", list(VALID))
def test_body_is_not_complete_before_its_last_byte(name: str) -> None:
    data, content = VALID[name]
    for cut in range(len(data)):
        part, complete, _ = decoded(data[:cut])
        assert not complete, cut
        assert content.startswith(part), cut


def test_content_is_handed_on_before_its_chunk_is_complete() -> None:
    decoder, buffer = ChunkedDecoder(), bytearray(b"ffffffff\r\nhello")
    assert decoder.decode(buffer) == (b"hello", False)
    assert buffer == b""
    buffer += b" world"
    assert decoder.decode(buffer) == (b" world", False)


INVALID: Final = {
    "empty size": (b"\r\n", "chunk_size"),
    "no digit": (b"g\r\n", "chunk_size"),
    "prefix": (b"0x5\r\n", "chunk_size"),
    "plus sign": (b"+5\r\n", "chunk_size"),
    "minus sign": (b"-5\r\n", "chunk_size"),
    "underscore": (b"1_0\r\n", "chunk_size"),
    "blank before": (b" 5\r\n", "chunk_size"),
    "blank behind": (b"5 \r\n", "chunk_size"),
    "carriage return behind": (b"5\r\r\n", "chunk_size"),
    "digits of another script": ("\uff15\r\n".encode(), "chunk_size"),
    "comma": (b"5,5\r\n", "chunk_size"),
    "extension without name": (b"5;\r\n", "chunk_size"),
    "extension without value behind =": (b"5;a=\r\n", "chunk_size"),
    "extension of two words": (b"5;a b\r\n", "chunk_size"),
    "unclosed quote": (b'5;a="b\r\n', "chunk_size"),
    "control character in quotes": (b'5;a="\x00"\r\n', "chunk_size"),
    "carriage return in quotes": (b'5;a="\r"\r\n', "chunk_size"),
    "size ends with LF": (b"5\nhello\r\n", "bare_lf"),
    "LF alone": (b"\n", "bare_lf"),
    "content longer than its size": (b"4\r\nhello\r\n", "chunk_end"),
    "content shorter than its size": (b"6\r\nhello\r\n0\r\n", "bare_lf"),
    "no end of chunk": (b"5\r\nhello0\r\n\r\n", "chunk_end"),
    "end of chunk of LF": (b"5\r\nhello\n0\r\n\r\n", "bare_lf"),
    "two ends of chunk": (b"5\r\nhello\r\n\r\n0\r\n\r\n", "chunk_size"),
    "last chunk ends with LF": (b"0\n\r\n", "bare_lf"),
    "body ends with LF": (b"0\r\n\n", "bare_lf"),
    "trailer without colon": (b"0\r\nx\r\n", "trailer"),
    "trailer without name": (b"0\r\n: y\r\n", "trailer"),
    "blank before colon": (b"0\r\nx : y\r\n", "trailer"),
    "folded trailer": (b"0\r\nx: y\r\n z\r\n", "trailer"),
    "control character in trailer": (b"0\r\nx: \x00\r\n", "trailer"),
    "carriage return in trailer": (b"0\r\nx: a\rb\r\n", "trailer"),
    "trailer ends with LF": (b"0\r\nx: y\n\r\n", "bare_lf"),
}


@pytest.mark.parametrize("name", list(INVALID))
def test_body_that_breaks_the_coding_is_refused(name: str) -> None:
    data, cause = INVALID[name]
    assert cause_of(data) == cause
    assert cause_of(*single_bytes(data)) == cause


@pytest.mark.parametrize("digits", [b"1", b"12345678", b"ffffffff", b"0" * 200 + b"ffffffff"])
def test_size_of_up_to_eight_digits_is_accepted(digits: bytes) -> None:
    assert decoded(digits + b"\r\nx") == (b"x", False, b"")


@pytest.mark.parametrize("digits", [b"100000000", b"1" * 9, b"0" * 200 + b"100000000", b"f" * 16])
def test_size_of_nine_digits_is_refused(digits: bytes) -> None:
    assert cause_of(digits + b"\r\n") == "chunk_size"


@pytest.mark.parametrize("before", [b"5;a=", b"0" * 100 + b"5;a="], ids=["extension", "zeros"])
def test_size_line_of_512_bytes_is_the_longest(before: bytes) -> None:
    longest = before.ljust(SIZE_LINE_LIMIT, b"b")
    for line in (longest[:-1], longest):
        assert decoded(line + b"\r\nhello\r\n0\r\n\r\n") == (b"hello", True, b"")
    assert cause_of(longest + b"b\r\nhello\r\n0\r\n\r\n") == "chunk_size"


def framed(cost: int, content: bytes = b"!") -> bytes:
    """A chunk whose size line and line ends are of so many bytes."""
    return (b"%x;" % len(content)).ljust(cost - 4, b"x") + b"\r\n" + content + b"\r\n"


@pytest.mark.parametrize("trailer", [b"", b"x: y\r\n"])
def test_framing_of_16_kib_is_the_most(trailer: bytes) -> None:
    last = b"0\r\n" + trailer + b"\r\n"
    most = framed(512) * (FRAMING_LIMIT // 512 - 1)
    content = b"!" * (FRAMING_LIMIT // 512)
    assert decoded(most + framed(506) + last) == (content, True, b"")
    assert decoded(most + framed(507) + last) == (content, True, b"")
    assert cause_of(most + framed(508) + last) == "framing_too_large"
    assert cause_of(most, framed(508), last) == "framing_too_large"


def test_chunks_of_a_byte_are_refused_when_they_are_very_many() -> None:
    count = FRAMING_LIMIT // 5 - 1
    assert decoded(b"1\r\n!\r\n" * count + b"0\r\n\r\n") == (b"!" * count, True, b"")
    assert cause_of(b"1\r\n!\r\n" * (count + 2)) == "framing_too_large"


def test_eight_bytes_of_content_pay_for_one_of_framing() -> None:
    most = framed(512) * (FRAMING_LIMIT // 512 - 1)
    paid, unpaid = b"8\r\n12345678\r\n", b"7\r\n1234567\r\n"
    assert decoded(most + framed(503) + paid + b"0\r\n\r\n")[1:] == (True, b"")
    assert cause_of(most + framed(503) + unpaid + b"0\r\n") == "framing_too_large"
    sizes = b"28\r\n" + b"x" * 40 + b"\r\n"
    assert decoded(sizes * 10_000 + b"0\r\n\r\n")[1:] == (True, b"")


@pytest.mark.parametrize("before", [b"", b"0\r\n"], ids=["size", "trailer"])
def test_line_that_does_not_end_is_refused(before: bytes) -> None:
    line = b"x:".ljust(TRAILERS_LIMIT, b"y")
    assert decoded(before + line[:-1]) == (b"", False, line[:-1])
    assert decoded(before + line) == (b"", False, line)
    assert cause_of(before + line + b"y") == "line_too_long"
    assert cause_of(before + line, b"y") == "line_too_long"


def test_trailers_of_8_kib_are_the_most() -> None:
    one = b"x: " + b"y" * 61
    most = [one] * (TRAILERS_LIMIT // len(one))
    for lines in (most[:-1], [*most[:-1], one[:-1]], most):
        assert decoded(b"0\r\n" + b"\r\n".join(lines) + b"\r\n\r\n") == (b"", True, b"")
    for lines in ([*most[:-1], one + b"y"], [*most, b"x:"]):
        assert cause_of(b"0\r\n" + b"\r\n".join(lines) + b"\r\n\r\n") == "trailers_too_large"


def test_trailers_count_together_in_whatever_pieces_they_come() -> None:
    line = b"x: " + b"y" * 1021 + b"\r\n"
    assert decoded(b"0\r\n", *[line] * 8, b"\r\n") == (b"", True, b"")
    assert cause_of(b"0\r\n", *[line] * 9) == "trailers_too_large"
