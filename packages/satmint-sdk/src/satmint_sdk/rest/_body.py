"""The body of a response, decoded while it arrives and never larger than a limit."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zlib import _Decompress

ACCEPTED: Final = "gzip, deflate"
"""The content codings that a request accepts (RFC 9110, section 8.4.1)."""

_EITHER_HEADER: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, whichever it begins with
_NO_HEADER: Final = -zlib.MAX_WBITS


class BodyTooLarge(Exception):
    """The body, decoded, is larger than the limit."""


class BodyUnreadable(OSError):
    """The body is not in the coding that its header names, or in one that was not accepted."""


class Body:
    """A body that grows by parts.

    Args:
        headers: The response's headers.
        limit: The most bytes that it may have, decoded.

    Raises:
        BodyTooLarge: Its length, as announced, is more than that.
        BodyUnreadable: Its coding is none of `ACCEPTED`.
    """

    def __init__(self, headers: Mapping[str, str], limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._decoder: _Decompress | None = None
        coding = headers.get("content-encoding", "").strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._decoder = zlib.decompressobj(_EITHER_HEADER)
        elif coding not in ("", "identity"):
            raise BodyUnreadable(f"the response has a coding that was not accepted: {coding!r}")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise BodyTooLarge

    def add(self, part: bytes) -> None:
        """Decode the next part.

        Raises:
            BodyTooLarge: The body is too large.
            BodyUnreadable: The part cannot be decoded.
        """
        if self._decoder is not None:
            part = self._decode(part, self._limit - self._size + 1)
        self._size += len(part)
        if self._size > self._limit:
            raise BodyTooLarge
        self._parts.append(part)

    def content(self) -> bytes:
        """The complete body.

        Raises:
            BodyUnreadable: Its end is missing.
        """
        decoder = self._decoder
        if decoder is not None and self._size and not decoder.eof:
            raise BodyUnreadable("the end of the compressed response is missing")
        return b"".join(self._parts)

    def _decode(self, part: bytes, room: int) -> bytes:
        decoder = self._decoder
        assert decoder is not None  # noqa: S101 - the caller has looked
        try:
            return decoder.decompress(part, room)
        except zlib.error as failed:
            if self._size or self._parts:
                raise BodyUnreadable(f"the response cannot be decompressed: {failed}") from None
        # Some servers mean raw deflate by `deflate` (RFC 9110, section 8.4.1.2).
        self._decoder = zlib.decompressobj(_NO_HEADER)
        try:
            return self._decoder.decompress(part, room)
        except zlib.error as failed:
            raise BodyUnreadable(f"the response cannot be decompressed: {failed}") from None
