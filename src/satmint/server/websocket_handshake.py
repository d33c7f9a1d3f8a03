"""The opening handshake of a WebSocket (RFC 6455, section 4.2). No I/O.

Extensions and subprotocols are not negotiated: what the client offers is ignored.
"""

from base64 import b64encode
from binascii import Error, a2b_base64
from hashlib import sha1
from http import HTTPStatus
from typing import Final

from satmint.server.requests import Headers

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Appended to the client's key (section 1.3)."""
_KEY_BYTES: Final = 16
_MAX_FIELDS: Final = 128
_MAX_FIELD_BYTES: Final = 8 * 1024
"""Name and value of one field: browsers send far less."""


class InvalidHandshake(Exception):
    """The request does not open a WebSocket."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status
        """Of the response."""


def accept_handshake(headers: Headers) -> bytes:
    """The response to a valid handshake, without the empty line at its end.

    Args:
        headers: The fields of a GET request of HTTP/1.1 that requests an upgrade of its connection,
            to `websocket` among others.

    Raises:
        InvalidHandshake: the handshake is of another version of the protocol, or malformed.
    """
    if _values(headers, b"sec-websocket-version") != [b"13"]:
        raise InvalidHandshake(HTTPStatus.UPGRADE_REQUIRED)
    if len(headers) > _MAX_FIELDS or any(
        len(name) + len(value) > _MAX_FIELD_BYTES for name, value in headers
    ):
        raise InvalidHandshake(HTTPStatus.BAD_REQUEST)
    protocols = b",".join(_values(headers, b"upgrade")).lower().split(b",")
    keys = _values(headers, b"sec-websocket-key")
    if (
        [name for name in (part.strip() for part in protocols) if name] != [b"websocket"]
        or len(keys) != 1
        or not _is_key(keys[0])
        or len(_values(headers, b"origin")) > 1
    ):
        raise InvalidHandshake(HTTPStatus.BAD_REQUEST)
    # The protocol's own use of SHA-1, which is not for security.
    accept = b64encode(sha1(keys[0] + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: %b\r\n" % accept
    )


def _values(headers: Headers, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _is_key(value: bytes) -> bool:
    """Whether `value` is a nonce of 16 bytes in base64 (section 4.1)."""
    try:
        return len(a2b_base64(value, strict_mode=True)) == _KEY_BYTES
    except Error:
        return False
