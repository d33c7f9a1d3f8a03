"""Reasons to refuse a request for the framing of its body."""

import re
from typing import Final

from tests.fuzz.stream_reference import CHUNK_LINE, ReferenceRequest
from tests.fuzz.stream_strictness import BARE_CR_OR_LF, CONTROL, FOLD, Reason

CHUNK_LINE_BYTES: Final = 512
FRAMING_BYTES: Final = 16 * 1024
TRAILER_BYTES: Final = 8 * 1024
CHUNK_SIZE_DIGITS: Final = 8


def _space_after_size(request: ReferenceRequest) -> bool:
    return any(re.fullmatch(rb"[0-9A-Fa-f]+[ \t]+", line) for line in request.chunk_lines)


def _extension(request: ReferenceRequest) -> bool:
    return any(b";" in line and not CHUNK_LINE.fullmatch(line) for line in request.chunk_lines)


def _large_chunk(request: ReferenceRequest) -> bool:
    sizes = [re.split(rb"[; \t]", line, maxsplit=1)[0] for line in request.chunk_lines]
    return any(len(size.lstrip(b"0")) > CHUNK_SIZE_DIGITS for size in sizes)


def _long_chunk_line(request: ReferenceRequest) -> bool:
    return any(len(line) > CHUNK_LINE_BYTES for line in request.chunk_lines)


def _much_framing(request: ReferenceRequest) -> bool:
    """Whether size lines and line ends exceed their limit and an eighth of the content so far."""
    left = FRAMING_BYTES
    for line in request.chunk_lines:
        size = int(re.split(rb"[; \t]", line, maxsplit=1)[0], 16)
        left += size // 8 - len(line) - 4
        if left < 0:
            return True
    return False


def _long_trailers(request: ReferenceRequest) -> bool:
    return sum(map(len, request.trailers.split(b"\r\n"))) > TRAILER_BYTES


BODY_REASONS: Final = (
    # No grammar has it; h11 takes it because some senders pad the size.
    Reason(
        "space after a chunk size",
        "RFC 9112, 7.1",
        frozenset({"chunk_size"}),
        _space_after_size,
    ),
    # h11 takes all bytes but LF up to the CRLF. A recipient that ends the line at a bare CR, or
    # inside of a quoted string, reads other chunks.
    Reason(
        "a chunk extension that is not in the grammar",
        "RFC 9112, 7.1.1",
        frozenset({"chunk_size", "bare_lf"}),
        _extension,
    ),
    # A recipient with 32 bits reads another size (RFC 9112, section 7.1, warns of it).
    Reason(
        "a chunk of 4 GiB or more",
        "RFC 9112, 7.1",
        frozenset({"chunk_size"}),
        _large_chunk,
    ),
    Reason(
        "a chunk line of more than 512 bytes",
        "RFC 9112, 7.1.1",
        frozenset({"chunk_size", "line_too_long"}),
        _long_chunk_line,
    ),
    Reason(
        "chunk framing of more than 16 KiB, beyond an eighth of the content",
        "RFC 9112, 7.1.1",
        frozenset({"framing_too_large"}),
        _much_framing,
    ),
    # For trailers as for heads: who splits lines otherwise sees the body end elsewhere.
    Reason(
        "a trailer line that ends in a bare LF",
        "RFC 9112, 2.2",
        frozenset({"bare_lf", "trailer"}),
        lambda request: BARE_CR_OR_LF.search(request.trailers) is not None,
    ),
    Reason(
        "a folded trailer field",
        "RFC 9112, 5.2",
        frozenset({"trailer"}),
        lambda request: FOLD.search(request.trailers) is not None,
    ),
    Reason(
        "a control character in a trailer field",
        "RFC 9110, 5.5",
        frozenset({"trailer"}),
        lambda request: CONTROL.search(request.trailers) is not None,
    ),
    Reason(
        "a trailer section of more than 8 KiB",
        "RFC 6585, 5",
        frozenset({"trailers_too_large", "line_too_long"}),
        _long_trailers,
    ),
)
