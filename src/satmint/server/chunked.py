"""Decodes the chunked transfer coding (RFC 9112, section 7.1). Pure."""

import re
from typing import Final

_SIZE_LIMIT: Final = 512
"""Maximum bytes of a chunk's size line with its extensions."""
_FRAMING_LIMIT: Final = 16 * 1024
"""Maximum bytes of framing (size lines with extensions, and ends of chunks) of a message beyond an
eighth of its content: one-byte chunks are cheap to send and expensive to decode."""
_TRAILERS_LIMIT: Final = 8 * 1024
"""Maximum bytes of all trailer fields of a message."""
_LINE_END_BYTES: Final = 4
"""Bytes of the line ends after a chunk's size line and after its content."""
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE: Final = re.compile(
    rb"0*([0-9A-Fa-f]{1,8})(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*"
    % (_TOKEN, _TOKEN, _QUOTED)
)
_TRAILER: Final = re.compile(rb"%b:[\t -~\x80-\xff]*" % _TOKEN)


class ChunkError(ValueError):
    """The bytes violate the chunked coding; `args[0]` is the cause, a short stable word."""


class ChunkedDecoder:
    """Decodes the body of one message.

    Extensions are validated and ignored. Trailer fields are validated and dropped: merging them
    into the header section would bypass the checks of header fields (RFC 9110, section 6.5.1).
    """

    __slots__ = ("_framing_left", "_left", "_line", "_trailer_bytes")

    def __init__(self) -> None:
        self._left = 0
        """Bytes left of the current chunk."""
        self._line = self._read_size
        self._framing_left = _FRAMING_LIMIT
        self._trailer_bytes = 0

    def decode(self, buffer: bytearray) -> tuple[bytes, bool]:
        """Decode and remove as much as possible from the front of `buffer`.

        Returns:
            The content, and whether the message is complete. Bytes after its end stay in `buffer`.

        Raises:
            ChunkError: the bytes violate the coding.
        """
        content = []
        while True:
            if self._left:
                piece = bytes(buffer[: self._left])
                del buffer[: len(piece)]
                self._left -= len(piece)
                content.append(piece)
                if self._left:
                    break
            line = _take_line(buffer)
            if line is None:
                break
            if self._line(line):
                return b"".join(content), True
        return b"".join(content), False

    def _read_size(self, line: bytes) -> bool:
        match = None if len(line) > _SIZE_LIMIT else _SIZE.fullmatch(line)
        if match is None:
            raise ChunkError("chunk_size")
        self._left = int(match[1], 16)
        self._framing_left += self._left // 8 - len(line) - _LINE_END_BYTES
        if self._framing_left < 0:
            raise ChunkError("framing_too_large")
        self._line = self._read_end_of_chunk if self._left else self._read_trailer
        return False

    def _read_end_of_chunk(self, line: bytes) -> bool:
        if line:
            raise ChunkError("chunk_end")
        self._line = self._read_size
        return False

    def _read_trailer(self, line: bytes) -> bool:
        if not line:
            return True
        self._trailer_bytes += len(line)
        if self._trailer_bytes > _TRAILERS_LIMIT:
            raise ChunkError("trailers_too_large")
        if _TRAILER.fullmatch(line) is None:
            raise ChunkError("trailer")
        return False


def _take_line(buffer: bytearray) -> bytes | None:
    """The next line without its line end; None if it is incomplete.

    Raises:
        ChunkError: the line ends in a bare LF (RFC 9112, section 2.2), or is too long.
    """
    end = buffer.find(b"\n")
    if end < 0:
        if len(buffer) - buffer.endswith(b"\r") > _TRAILERS_LIMIT:
            raise ChunkError("line_too_long")
        return None
    if buffer[end - 1 : end] != b"\r" or end == 0:
        raise ChunkError("bare_lf")
    line = bytes(buffer[: end - 1])
    del buffer[: end + 1]
    return line
