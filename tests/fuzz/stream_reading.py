"""What the server's reader sees in a stream, driven as `HttpConnection` drives it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from time import thread_time
from typing import Final

from satmint.server.requests import HEAD_LIMIT, InvalidRequest, RequestHead, RequestReader
from tests.fuzz.targets import Found

Headers = list[tuple[bytes, bytes]]
MakeReader = Callable[[], RequestReader]

BASE_SECONDS: Final = 0.1
SECONDS_PER_BYTE: Final = 2e-5
"""Of processor time. A byte in a segment of its own takes some two millionths of a second; what
looks at each byte again for every segment is beyond this within the limit of a head."""


class End(Enum):
    """How a connection ends, or does not."""

    OPEN = "waits for more bytes"
    CLOSED = "closes after an answer"
    SWITCHED = "goes on as a WebSocket"
    REFUSED = "refuses"


@dataclass(slots=True)
class Head:
    """What a request line and its header fields say."""

    method: bytes
    target: bytes
    """In origin form, or `*`."""
    version: bytes
    headers: Headers
    keep_alive: bool
    raw: bytes


@dataclass(slots=True)
class Request:
    """A request of which at least the head was accepted."""

    head: Head
    expects_continue: bool
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False


@dataclass(slots=True)
class Reading:
    """All that was seen in a stream."""

    requests: list[Request] = field(default_factory=list)
    """All of them are complete, but perhaps the last."""
    end: End = End.OPEN
    status: int = 0
    cause: str = ""
    """Of the refusal, with its status."""
    rest: bytes = b""
    """What is left for the protocol that was switched to."""

    def complete(self) -> list[Request]:
        """The requests that came to their end."""
        if self.requests and not self.requests[-1].complete:
            return self.requests[:-1]
        return self.requests


def read(segments: Sequence[bytes], make_reader: MakeReader = RequestReader) -> Reading:
    """Read a stream that comes in these segments, each of which is answered when it is complete.

    Raises:
        Found: the reader keeps more than it was given or than its limits allow, contradicts itself
            on whether a body is complete, or takes too long.
    """
    reader, reading = make_reader(), Reading()
    began = thread_time()
    try:
        _read(reader, segments, reading)
    except InvalidRequest as invalid:
        reading.end = End.REFUSED
        reading.status, reading.cause = invalid.status.value, invalid.cause
    seconds, size = thread_time() - began, sum(map(len, segments))
    if seconds > BASE_SECONDS + SECONDS_PER_BYTE * size:
        raise Found(f"{seconds:.3f} s for {size} bytes in {len(segments)} segments")
    return reading


def _read(reader: RequestReader, segments: Sequence[bytes], reading: Reading) -> None:
    head: RequestHead | None = None
    fed = 0
    for segment in segments:
        if reading.end is End.SWITCHED:
            reading.rest += segment
            continue
        reader.feed(segment)
        fed += len(segment)
        while True:
            if head is None:
                head = reader.next_head()
                if head is None:
                    break
                reading.requests.append(_request(head))
                if head.opens_websocket:
                    reading.end, reading.rest = End.SWITCHED, reader.take_buffered()
                    reading.requests[-1].complete = True
                    break
            if not _read_body(reader, reading.requests[-1]):
                break
            # As the application gets them: nothing may have been added to them meanwhile.
            reading.requests[-1].head.headers = list(head.headers)
            if not head.keep_alive:
                reading.end = End.CLOSED
                return
            head = None
        if reader.buffered > min(fed, HEAD_LIMIT):
            raise Found(f"{reader.buffered} bytes are buffered, of {fed}")


def _read_body(reader: RequestReader, request: Request) -> bool:
    """Whether it is complete."""
    content, complete = reader.read_body()
    request.body += content
    if complete is not reader.body_complete:
        raise Found("a body that is complete and is not")
    request.complete = complete
    return complete


def _request(head: RequestHead) -> Request:
    return Request(
        Head(
            head.method.encode("ascii"),
            head.target,
            head.http_version.encode("ascii"),
            list(head.headers),
            head.keep_alive,
            head.raw,
        ),
        head.expects_continue,
    )
