"""Parses HTTP/1.1 requests from a stream of bytes (RFC 9110, RFC 9112). No I/O.

llhttp, the parser of Node.js, parses the head of each request and nothing else: bodies are
delimited here, by the framing that the head declares. So no byte of a body can be parsed as a
request, whatever upgrade the head requests, and no trailer field as a header field.

Where RFC 9112 permits a recipient to be lenient, this parser is strict, because a proxy may parse
the same bytes differently: it rejects bare CR and LF, folded lines, several lengths, and a length
beside a transfer coding. The one exception is a single empty line before a request (section 2.2).
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Final

import httptools
import msgspec

from satmint.model.secrets import HidesFields
from satmint.server.chunked import ChunkedDecoder, ChunkError

HEAD_LIMIT: Final = 32 * 1024
"""Maximum bytes of a request line and its header fields."""

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, and values, in the order received."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])\r\n")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_HOST: Final = re.compile(
    rb"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{0,5})?"
)
_BARE_CR_OR_LF: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_METHOD_PREFIX: Final = re.compile(rb"\r?\Z|[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:\Z| )")
_METHOD_PREFIX_BYTES: Final = 64
"""Bytes of an incomplete request line that are checked for a method."""
_LENGTH_DIGITS: Final = 19
_BLANK: Final = b" \t"
_KEEP_ALIVE: Final = b"keep-alive"
_HTTP_1_0: Final = b"0"


class InvalidRequest(Exception):
    """The bytes are not an acceptable request. The connection cannot carry another one."""

    def __init__(self, status: HTTPStatus, cause: str) -> None:
        super().__init__(f"{status.value} {cause}")
        self.status = status
        self.cause = cause
        """A short stable word for logs and counters; never input."""


class RequestHead(HidesFields, msgspec.Struct, frozen=True):
    """A valid request line with its header fields. Several requests may share it.

    Credentials are among the fields.
    """

    method: str
    target: bytes
    """In origin form, or `*`."""
    http_version: str
    """`1.0` or `1.1`."""
    headers: Headers
    keep_alive: bool
    """Whether the connection may carry another request after this one (RFC 9112, section 9.3)."""
    expects_continue: bool
    """Whether the client waits for a 100 before it sends the body (RFC 9110, section 10.1.1)."""
    opens_websocket: bool
    """Whether it is a client's WebSocket opening handshake (RFC 6455, section 4.1)."""
    raw: bytes
    """The head as received."""


class RequestReader:
    """Parses the requests of one connection, one after the other.

        reader.feed(data)
        head = reader.next_head()        # None if incomplete
        content, complete = reader.read_body()

    A head is parsed only after the previous body is complete.
    """

    __slots__ = (
        "_blank_line_read",
        "_body_left",
        "_buffer",
        "_checked_host",
        "_chunks",
        "_known",
        "_searched",
    )

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        """Bytes at the front of the buffer that contain no end of a head."""
        self._blank_line_read = False
        self._checked_host: bytes | None = None
        """The last valid `Host`: most connections repeat it."""
        self._known: tuple[RequestHead, int] | None = None
        """The last head without a transfer coding, and the bytes of its body. Most clients send
        the same one again and again, with other bodies."""
        self._body_left = 0
        self._chunks: ChunkedDecoder | None = None

    @property
    def buffered(self) -> int:
        """Received bytes that are not parsed yet."""
        return len(self._buffer)

    @property
    def body_complete(self) -> bool:
        """Whether the current request's body is complete."""
        return not self._body_left and self._chunks is None

    def heads_buffered(self) -> int:
        """Upper bound for the number of buffered heads."""
        return self._buffer.count(_END_OF_HEAD)

    def feed(self, data: bytes) -> None:
        """Add bytes from the connection."""
        self._buffer += data

    def take_buffered(self) -> bytes:
        """Remove and return all buffered bytes: what follows is not HTTP."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def next_head(self) -> RequestHead | None:
        """The head of the next request; None if it is incomplete.

        Raises:
            InvalidRequest: the bytes are not an acceptable request.
        """
        buffer = self._buffer
        if not self._blank_line_read and buffer.startswith(b"\r\n"):
            del buffer[:2]
            self._blank_line_read = True
            self._searched = 0
        if not buffer:
            return None
        end = buffer.find(_END_OF_HEAD, max(self._searched - 3, 0)) + 4
        if end < 4 or end > HEAD_LIMIT:
            if len(buffer) > HEAD_LIMIT:
                raise InvalidRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large")
            self._check_unfinished_head()
            return None
        self._searched = 0
        self._blank_line_read = False
        raw = bytes(buffer[:end])
        del buffer[:end]
        if self._known is not None and raw == self._known[0].raw:
            head, self._body_left = self._known
            return head
        head = self._read_head(raw)
        self._known = None if self._chunks is not None else (head, self._body_left)
        return head

    def read_body(self) -> tuple[bytes, bool]:
        """The part of the body received since the last call, and whether it completes the body.

        Raises:
            InvalidRequest: the body violates the declared transfer coding.
        """
        if self._chunks is not None:
            try:
                content, complete = self._chunks.decode(self._buffer)
            except ChunkError as error:
                raise InvalidRequest(HTTPStatus.BAD_REQUEST, error.args[0]) from error
            if complete:
                self._chunks = None
            return content, complete
        if not self._body_left:
            return b"", True
        content = bytes(self._buffer[: self._body_left])
        del self._buffer[: len(content)]
        self._body_left -= len(content)
        return content, not self._body_left

    def _check_unfinished_head(self) -> None:
        """Reject at once what cannot become a valid head, instead of waiting for its end."""
        buffer, searched = self._buffer, self._searched
        if _BARE_CR_OR_LF.search(buffer, max(searched - 1, 0)) is not None:
            raise InvalidRequest(HTTPStatus.BAD_REQUEST, "bare_cr_or_lf")
        end_of_line = buffer.find(b"\n") + 1
        if searched < end_of_line:
            _parse_request_line(bytes(buffer[:end_of_line]))
        elif not end_of_line and _METHOD_PREFIX.match(buffer[:_METHOD_PREFIX_BYTES]) is None:
            raise InvalidRequest(HTTPStatus.BAD_REQUEST, "request_line")
        self._searched = len(buffer)

    def _read_head(self, raw: bytes) -> RequestHead:
        method, target, minor = _parse_request_line(raw)
        headers = _parse_fields(raw)
        fields = dict(headers)
        if len(fields) != len(headers):
            _join_repeated(headers, fields)
        host = fields.get(b"host")
        if host is None:
            if minor != _HTTP_1_0:
                raise InvalidRequest(HTTPStatus.BAD_REQUEST, "no_host")
        elif host != self._checked_host:
            if not _is_host(host):
                raise InvalidRequest(HTTPStatus.BAD_REQUEST, "invalid_host")
            self._checked_host = host
        if not target.startswith(b"/"):
            target = _origin_form(method, target, headers)
        if b"content-length" in fields or b"transfer-encoding" in fields:
            self._read_framing(fields, minor)
        connection = fields.get(b"connection", _KEEP_ALIVE)
        options = () if connection == _KEEP_ALIVE else _list_items(connection)
        # HTTP/1.0 has neither upgrades nor a 100, and proxies that do not know its keep-alive
        # forward it.
        keep_alive = expects_continue = upgrade = minor != _HTTP_1_0
        if upgrade:
            keep_alive = b"close" not in options
            expects_continue = b"100-continue" in _list_items(fields.get(b"expect", b""))
            upgrade = b"upgrade" in options and b"websocket" in _list_items(
                fields.get(b"upgrade", b"")
            )
        if upgrade and (method != b"GET" or not self.body_complete):
            # Not an opening handshake, and its meaning is ambiguous.
            raise InvalidRequest(HTTPStatus.BAD_REQUEST, "no_handshake")
        return RequestHead(
            method=method.decode("ascii"),
            target=target,
            http_version="1.0" if minor == _HTTP_1_0 else "1.1",
            headers=headers,
            keep_alive=keep_alive,
            expects_continue=expects_continue and not self.body_complete,
            opens_websocket=upgrade,
            raw=raw,
        )

    def _read_framing(self, fields: Mapping[bytes, bytes], minor: bytes) -> None:
        """Read the declared framing; llhttp rejects a head that declares two."""
        coding = fields.get(b"transfer-encoding")
        if coding is not None:
            if minor == _HTTP_1_0:
                raise InvalidRequest(HTTPStatus.BAD_REQUEST, "transfer_coding_in_1_0")
            if coding.lower() != b"chunked":
                raise InvalidRequest(HTTPStatus.NOT_IMPLEMENTED, "transfer_coding")
            self._chunks = ChunkedDecoder()
            return
        length = fields.get(b"content-length")
        if length is not None:
            if len(length) > _LENGTH_DIGITS:
                raise InvalidRequest(HTTPStatus.BAD_REQUEST, "content_length")
            self._body_left = int(length)


class _HeaderFields:
    """Callbacks for llhttp."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: Headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))


def _parse_fields(raw: bytes) -> Headers:
    """The header fields of a complete head.

    Raises:
        InvalidRequest: llhttp rejects it.
    """
    head = _HeaderFields()
    try:
        httptools.HttpRequestParser(head).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # raised at the end of the head, where parsing ends anyway
    except httptools.HttpParserInvalidMethodError as error:
        raise InvalidRequest(HTTPStatus.NOT_IMPLEMENTED, "unknown_method") from error
    except httptools.HttpParserError as error:
        raise InvalidRequest(HTTPStatus.BAD_REQUEST, "head") from error
    # llhttp leaves the blanks after a value on it (RFC 9112, section 5.1, has them removed).
    if b" \r\n" in raw or b"\t\r\n" in raw:
        return [(name, value.rstrip(_BLANK)) for name, value in head.fields]
    return head.fields


def _parse_request_line(head: bytes) -> tuple[bytes, bytes, bytes]:
    """Method, target and minor version of the request line of `head`.

    Raises:
        InvalidRequest: it is not a request line of HTTP/1.
    """
    match = _LINE.match(head)
    if match is None:
        raise InvalidRequest(HTTPStatus.BAD_REQUEST, "request_line")
    method, target, major, minor = match.groups()
    if major != b"1" or minor not in (b"0", b"1"):
        # HTTP/1.2 would be compatible, and does not exist.
        known = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        raise InvalidRequest(known if major >= b"1" else HTTPStatus.BAD_REQUEST, "http_version")
    if b"#" in target or method == b"CONNECT":
        raise InvalidRequest(HTTPStatus.BAD_REQUEST, "target")
    return method, target, minor


def _join_repeated(headers: Headers, fields: dict[bytes, bytes]) -> None:
    """Join the lines of repeated list fields (RFC 9110, section 5.3).

    Raises:
        InvalidRequest: `Host` or `Authorization` is repeated: recipients would differ on which one
            counts.
    """
    names = [name for name, _ in headers]
    if names.count(b"host") > 1:
        raise InvalidRequest(HTTPStatus.BAD_REQUEST, "two_hosts")
    if names.count(b"authorization") > 1:
        raise InvalidRequest(HTTPStatus.BAD_REQUEST, "two_authorizations")
    for joined in (b"connection", b"upgrade", b"expect", b"transfer-encoding"):
        if joined in fields:
            fields[joined] = b",".join([value for name, value in headers if name == joined])


def _origin_form(method: bytes, target: bytes, headers: Headers) -> bytes:
    """Convert another form of target to origin form (RFC 9112, section 3.2).

    The authority of an absolute form replaces the `Host` field (section 3.2.2).

    Raises:
        InvalidRequest: the target is neither in absolute form nor `*` of OPTIONS.
    """
    if target == b"*" and method == b"OPTIONS":
        return target
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not _is_host(match[1]):
        raise InvalidRequest(HTTPStatus.BAD_REQUEST, "target")
    headers[:] = [(name, value) for name, value in headers if name != b"host"]
    headers.append((b"host", match[1]))
    path = match[2]
    return path if path.startswith(b"/") else b"/" + path


def _is_host(value: bytes) -> bool:
    """Whether `value` is a host, with or without a port (RFC 9110, section 7.2)."""
    match = _HOST.fullmatch(value)
    if match is None or match[1] is None:
        return match is not None
    try:
        IPv6Address(match[1].decode("ascii"))
    except ValueError:
        return False
    return True


def _list_items(value: bytes) -> list[bytes]:
    """The items of a comma-separated field, in lower case."""
    return [word.strip(_BLANK) for word in value.lower().split(b",")]
