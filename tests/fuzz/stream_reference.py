"""What h11 sees in a stream: a second reading of RFC 9112 that shares no code with the server's.

h11 is stricter than RFC 9112 in a few places where the server follows it. There the stream is
rewritten to a form that means the same and that h11 takes, and read again. So what follows such a
place is compared as well: a reader that takes it to mean anything else is still found.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import h11

from tests.fuzz.stream_reading import End, Head

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
CHUNK_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]+)((?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*)" % (_TOKEN, _TOKEN, _QUOTED)
)
"""The grammar of RFC 9112, section 7.1.1, with the BWS that a recipient has to take."""
_H11_SIZE_DIGITS: Final = 20
_FRAMING_TRAILER: Final = re.compile(
    rb"(?:content-length|transfer-encoding):[\t -~\x80-\xff]*\r\n", re.IGNORECASE
)
_ANSWER: Final = h11.Response(status_code=400, headers=[("content-length", "0")])
_NO_LIMIT: Final = 1 << 30

EMPTY_LINE: Final = "an empty line before a request is skipped (RFC 9112, section 2.2)"
SPACE_BEFORE_EXTENSION: Final = "space before a chunk extension (RFC 9112, section 7.1.1)"
LEADING_ZEROS: Final = "leading zeros of a chunk size (RFC 9112, section 7.1)"
DROPPED_TRAILER: Final = "a trailer field that would be framing is dropped (RFC 9110, 6.5.1)"


@dataclass(slots=True)
class ReferenceRequest:
    """A request of which h11 accepted at least the head."""

    head: Head
    target: bytes
    """As it came."""
    expects_continue: bool = False
    body: bytearray = field(default_factory=bytearray)
    chunk_lines: list[bytes] = field(default_factory=list)
    """Each line of the chunked coding with the size of a chunk, without its end."""
    trailers: bytes = b""
    """The trailer section with its last line."""
    complete: bool = False

    @property
    def opens_websocket(self) -> bool:
        """Whether it asks for a WebSocket, rightly or not (RFC 6455, section 4.1)."""
        return (
            self.head.version != b"1.0"
            and b"upgrade" in self.options(b"connection")
            and b"websocket" in self.options(b"upgrade")
        )

    @property
    def declares_body(self) -> bool:
        """Whether content may follow its head (RFC 9112, section 6)."""
        lengths = self.values(b"content-length")
        return bool(self.values(b"transfer-encoding")) or any(int(length) for length in lengths)

    def values(self, name: bytes) -> list[bytes]:
        """The values of the fields of this name."""
        return [value for found, value in self.head.headers if found == name]

    def options(self, name: bytes) -> list[bytes]:
        """The members of a field that is a list, in lower case."""
        return [option.strip() for option in b",".join(self.values(name)).lower().split(b",")]


@dataclass(slots=True)
class ReferenceReading:
    """All that h11 saw in a stream."""

    requests: list[ReferenceRequest] = field(default_factory=list)
    end: End = End.OPEN
    error: str = ""
    rest: bytes = b""
    rewritten: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """A place at which h11 refuses what RFC 9112 has a recipient take."""

    kind: str
    begin: int
    end: int
    text: bytes


@dataclass(slots=True)
class _Rewritten:
    """What was there before the stream was rewritten, by where the framing begins."""

    kinds: Counter[str] = field(default_factory=Counter)
    empty_line: int = -1
    """Where one was skipped last; only one is, before each request."""
    chunk_lines: dict[int, bytes] = field(default_factory=dict)
    trailers: dict[int, bytes] = field(default_factory=dict)

    def note(self, rewriting: _Rewriting, before: bytes) -> None:
        """Keep what is replaced."""
        self.kinds[rewriting.kind] += 1
        line, _, rest = before.removeprefix(b"\r\n").partition(b"\r\n")
        if rewriting.kind is EMPTY_LINE:
            self.empty_line = rewriting.begin
        elif rewriting.kind is DROPPED_TRAILER:
            self.trailers[rewriting.begin] = rest
        else:
            self.chunk_lines.setdefault(rewriting.begin, line)


def read_reference(stream: bytes) -> ReferenceReading:
    """Read a stream with h11; each request is answered when it is complete."""
    rewritten = _Rewritten()
    while True:
        reader = _Reader(stream, rewritten)
        rewriting = reader.read()
        if rewriting is None:
            reader.reading.rewritten = rewritten.kinds
            return reader.reading
        rewritten.note(rewriting, stream[rewriting.begin : rewriting.end])
        stream = stream[: rewriting.begin] + rewriting.text + stream[rewriting.end :]


class _Reader:
    """One attempt at a stream."""

    def __init__(self, stream: bytes, rewritten: _Rewritten) -> None:
        self.reading = ReferenceReading()
        self._rewritten = rewritten
        self._stream = stream
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_NO_LIMIT)
        if stream:
            self._connection.receive_data(stream)
        self._body_begun = False

    def _position(self) -> int:
        return len(self._stream) - len(self._connection._receive_buffer)

    def read(self) -> _Rewriting | None:
        """Read all of it, or as far as the first place to rewrite."""
        while True:
            begin = self._position()
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as error:
                rewriting = self._rewriting(error, begin)
                if rewriting is None:
                    self.reading.end, self.reading.error = End.REFUSED, str(error)
                return rewriting
            if event is h11.NEED_DATA:
                return None
            if self._take(event, begin):
                return None

    def _rewriting(self, error: h11.RemoteProtocolError, begin: int) -> _Rewriting | None:
        """What to read in the place of what was refused; None: it is rightly refused."""
        end = self._position()
        refused = self._stream[begin:end]
        if str(error) == "no request line received":
            if refused == b"\r\n" and begin != self._rewritten.empty_line:
                return _Rewriting(EMPTY_LINE, begin, end, b"")
            return None
        if self._connection._request_method is None:
            return None
        simpler = _simplified(refused)
        return None if simpler is None else _Rewriting(simpler[0], begin, end, simpler[1])

    def _take(self, event: object, begin: int) -> bool:
        """Note an event; whether no other is to be read."""
        consumed = self._stream[begin : self._position()]
        if isinstance(event, h11.Request):
            return self._take_head(event, consumed)
        if isinstance(event, h11.Data):
            self._take_data(event, begin, consumed)
            return False
        if isinstance(event, h11.EndOfMessage):
            return self._take_end(begin, consumed)
        raise TypeError(event)

    def _take_head(self, event: h11.Request, consumed: bytes) -> bool:
        request, reading = _request(event, consumed), self.reading
        reading.requests.append(request)
        self._body_begun = False
        if request.head.method != b"GET" or request.declares_body or not request.opens_websocket:
            return False
        request.complete = True
        reading.end, reading.rest = End.SWITCHED, self._connection.trailing_data[0]
        return True

    def _take_data(self, event: h11.Data, begin: int, consumed: bytes) -> None:
        if event.chunk_start:
            self._take_framing(begin, consumed[: len(consumed) - len(event.data)])
        self.reading.requests[-1].body += event.data

    def _take_framing(self, begin: int, framing: bytes) -> bytes:
        """Note a chunk line, as it came; returns what follows it."""
        if self._body_begun:
            framing = framing[2:]  # the end of the chunk before
        self._body_begun = True
        line, _, rest = framing.partition(b"\r\n")
        line = self._rewritten.chunk_lines.get(begin, line)
        self.reading.requests[-1].chunk_lines.append(line)
        return rest

    def _take_end(self, begin: int, consumed: bytes) -> bool:
        """Answer; whether the connection closes."""
        connection, request = self._connection, self.reading.requests[-1]
        if consumed:
            rest = self._take_framing(begin, consumed)
            request.trailers = self._rewritten.trailers.get(begin, rest)
        request.complete = True
        connection.send(_ANSWER)
        connection.send(h11.EndOfMessage())
        if connection.our_state is h11.MUST_CLOSE:
            request.head.keep_alive = False
            self.reading.end = End.CLOSED
            return True
        connection.start_next_cycle()
        return False


def _request(event: h11.Request, raw: bytes) -> ReferenceRequest:
    headers = list(event.headers)
    target = bytes(event.target)
    if not target.startswith(b"/") and b"://" in target:
        # RFC 9112, section 3.2.2: the authority of an absolute form replaces the Host field.
        _, _, after = target.partition(b"://")
        authority = re.split(rb"[/?]", after, maxsplit=1)[0]
        headers = [(name, value) for name, value in headers if name != b"host"]
        headers.append((b"host", authority))
        rest = after[len(authority) :]
        target = rest if rest.startswith(b"/") else b"/" + rest
    connection = b",".join(value for name, value in headers if name == b"connection").lower()
    keep_alive = event.http_version >= b"1.1" and b"close" not in [
        option.strip() for option in connection.split(b",")
    ]
    head = Head(
        bytes(event.method), target, bytes(event.http_version), headers, keep_alive, bytes(raw)
    )
    request = ReferenceRequest(head, bytes(event.target))
    # RFC 9110, section 10.1.1: in HTTP/1.0 it has no meaning.
    expects = b"100-continue" in request.options(b"expect")
    request.expects_continue = expects and head.version != b"1.0"
    return request


def _simplified(framing: bytes) -> tuple[str, bytes] | None:
    """The framing of a chunk or of the end of a body in a form that h11 takes, if there is one."""
    before = b"\r\n" if framing.startswith(b"\r\n") else b""
    line, end, rest = framing[len(before) :].partition(b"\r\n")
    match = CHUNK_LINE.fullmatch(line)
    if match is None or not end:
        return None
    size, extension = match.groups()
    simple = size.lstrip(b"0") or b"0"
    if len(size) > _H11_SIZE_DIGITS >= len(simple):
        return LEADING_ZEROS, before + simple + extension + end + rest
    if extension[:1] in (b" ", b"\t"):
        return SPACE_BEFORE_EXTENSION, before + size + extension.lstrip(b" \t") + end + rest
    if simple == b"0":
        kept, dropped = _without_framing_trailers(rest)
        if dropped:
            return DROPPED_TRAILER, before + line + end + kept
    return None


def _without_framing_trailers(trailers: bytes) -> tuple[bytes, int]:
    lines = trailers.splitlines(keepends=True)
    kept = [line for line in lines if _FRAMING_TRAILER.fullmatch(line) is None]
    return b"".join(kept), len(lines) - len(kept)
