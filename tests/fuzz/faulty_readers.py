"""Readers of requests with one mistake each, which the comparison with h11 has to find."""

import re
from http import HTTPStatus
from typing import Final

import msgspec

from satmint.server.chunked import ChunkedDecoder
from satmint.server.requests import InvalidRequest, RequestHead, RequestReader

_END: Final = re.compile(rb"\n\r?\n")


class _Rewrites(RequestReader):
    """Reads another head than the one that came."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        buffer = self._buffer
        match = _END.search(buffer)
        if match is None:
            return None
        raw = bytes(buffer[: match.end()])
        buffer[: match.end()] = self.rewritten(raw)
        self._searched = 0
        head = super().next_head()
        if head is None:
            return None
        return msgspec.structs.replace(head, raw=raw.removeprefix(b"\r\n"))

    def rewritten(self, raw: bytes) -> bytes:
        """What is read in place of this head."""
        raise NotImplementedError


def _without_all_but_last(raw: bytes, name: bytes) -> bytes:
    lines = re.findall(rb"(?i)\r\n%b:[^\r\n]*" % name, raw)
    for line in lines[:-1]:
        raw = raw.replace(line, b"", 1)
    return raw


class TakesBareLf(_Rewrites):
    """RFC 9112, section 2.2, lets it; a proxy in front may not."""

    def rewritten(self, raw: bytes) -> bytes:
        """See `_Rewrites`."""
        return re.sub(rb"\r?\n", b"\r\n", raw)


class TakesLastLength(_Rewrites):
    """Where there are several."""

    def rewritten(self, raw: bytes) -> bytes:
        """See `_Rewrites`."""
        return _without_all_but_last(raw, b"content-length")


class TakesSignedLength(_Rewrites):
    """As `int` does."""

    def rewritten(self, raw: bytes) -> bytes:
        """See `_Rewrites`."""
        return re.sub(rb"(?i)(\r\ncontent-length:[ \t]*)\+", rb"\1", raw)


class TakesLastCoding(_Rewrites):
    """Where there are several fields of transfer codings."""

    def rewritten(self, raw: bytes) -> bytes:
        """See `_Rewrites`."""
        return _without_all_but_last(raw, b"transfer-encoding")


class TakesCodingBesideLength(_Rewrites):
    """The transfer coding overrides the length, as RFC 9112, section 6.3, has it."""

    def rewritten(self, raw: bytes) -> bytes:
        """See `_Rewrites`."""
        if re.search(rb"(?i)\r\ntransfer-encoding:", raw) is None:
            return raw
        return re.sub(rb"(?i)\r\ncontent-length:[^\r\n]*", b"", raw)


class TakesFolds(_Rewrites):
    """As RFC 9112, section 5.2, lets a recipient do."""

    def rewritten(self, raw: bytes) -> bytes:
        """See `_Rewrites`."""
        return re.sub(rb"\r\n[ \t]+", b" ", raw)


class TakesSpaceBeforeColon(_Rewrites):
    """Which a server has to refuse (RFC 9112, section 5.1)."""

    def rewritten(self, raw: bytes) -> bytes:
        """See `_Rewrites`."""
        return re.sub(rb"(\r\n[A-Za-z-]+)[ \t]+:", rb"\1:", raw)


class TakesEmptyLines(RequestReader):
    """Any number of them before a request."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        return super().next_head()


class LosesEndInTwoSegments(RequestReader):
    """Does not find the end of a head of which a part has come before."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        head = super().next_head()
        if head is None:
            self._searched += 3
        return head


class _KeepsHead(RequestReader):
    """Has the head at hand while it reads the body."""

    __slots__ = ("head",)

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        self.head = super().next_head()
        return self.head


class _KeepsTrailers(ChunkedDecoder):
    __slots__ = ("trailers",)

    def __init__(self) -> None:
        super().__init__()
        self.trailers: list[tuple[bytes, bytes]] = []

    def _read_trailer(self, line: bytes) -> bool:
        complete = super()._read_trailer(line)
        if not complete:
            name, _, value = line.partition(b":")
            self.trailers.append((name.lower(), value.strip()))
        return complete


class TakesTrailersAsHeaders(_KeepsHead):
    """Which lets them pass what checks headers (RFC 9110, section 6.5.1)."""

    __slots__ = ("_decoder",)

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        head = super().next_head()
        self._decoder = None if self._chunks is None else _KeepsTrailers()
        self._chunks = self._decoder
        return head

    def read_body(self) -> tuple[bytes, bool]:
        """See `RequestReader`."""
        content, complete = super().read_body()
        if complete and self._decoder is not None and self.head is not None:
            self.head.headers.extend(self._decoder.trailers)
        return content, complete


class GivesUpBodyAfterUpgrade(RequestReader):
    """Takes the body of a request with an upgrade for the next request."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        head = super().next_head()
        if head is not None and b"upgrade" in dict(head.headers):
            self._body_left, self._chunks = 0, None
        return head


class ForgetsClose(RequestReader):
    """Goes on after a request that is the last one."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        head = super().next_head()
        return None if head is None else msgspec.structs.replace(head, keep_alive=True)


class LosesByte(RequestReader):
    """Of a body with a length."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        head = super().next_head()
        self._body_left -= self._body_left > 0
        return head


class RefusesTooMuch(RequestReader):
    """What is not ASCII in a field value."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        head = super().next_head()
        if head is not None and not head.raw.isascii():
            raise InvalidRequest(HTTPStatus.BAD_REQUEST, "head")
        return head


class Breaks(RequestReader):
    """Upon what is not ASCII in a field value."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        head = super().next_head()
        if head is not None:
            head.raw.decode("ascii")
        return head


class LooksAgain(RequestReader):
    """At all that has come of a head, for every segment."""

    __slots__ = ()

    def next_head(self) -> RequestHead | None:
        """See `RequestReader`."""
        self._searched = 0
        return super().next_head()
