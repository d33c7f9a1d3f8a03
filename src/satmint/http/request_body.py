"""Reads request bodies up to a size limit."""

from collections.abc import Mapping
from typing import Final

from starlette.types import Receive

BODY_LIMIT: Final = 64 * 1024
"""The maximum number of bytes in a request's body, unless its operation has another one."""


class ClientDisconnected(Exception):
    """The client disconnected, so a response is not possible."""


class BodyTooLarge(Exception):
    """The body exceeds the limit."""


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, limit: int = BODY_LIMIT
) -> bytes:
    """Return the whole body.

    Args:
        headers: The headers of the request.
        receive: The ASGI channel.
        limit: The maximum number of bytes.

    Raises:
        BodyTooLarge: the body or its declared length exceeds the limit.
        ClientDisconnected: the client disconnected.
    """
    declared = headers.get(b"content-length", b"0")
    if len(declared) > 9 or not declared.isdigit() or int(declared) > limit:
        # Before `receive`, which would send `100 Continue` to a waiting client (RFC 9110, 10.1.1).
        raise BodyTooLarge
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    if len(body) > limit:
        raise BodyTooLarge
    return body
