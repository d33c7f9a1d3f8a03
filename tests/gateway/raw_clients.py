"""WebSockets byte by byte: clients that weigh nothing, for crowds, and that have no manners."""

import asyncio
import json
from base64 import b64encode
from typing import Final, Self

from tests.kit.service import Json

_KEY: Final = b64encode(b"sixteen of bytes").decode()
_MASK: Final = b"\x00\x00\x00\x00"
"""Which leaves the content as it is. Masks are no secret of anybody's."""

TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0


def frame(opcode: int, content: bytes = b"", *, final: bool = True) -> bytes:
    """A frame as a client sends it (RFC 6455, section 5.2)."""
    size = len(content)
    if size < 126:
        head = bytes([0x80 | size])
    elif size < 1 << 16:
        head = bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return bytes([opcode | (0x80 if final else 0)]) + head + _MASK + content


class RawSocket:
    """One WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """One whose upgrade was accepted."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: " + _KEY.encode() + b"\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return cls(reader, writer)

    def call(self, method: str, params: Json) -> None:
        """Send a request."""
        body = {"jsonrpc": "2.0", "id": "1", "method": method, "params": params}
        self.writer.write(frame(TEXT, json.dumps(body).encode()))

    async def read(self) -> tuple[int, bytes]:
        """Opcode and content of the next frame."""
        head = await self.reader.readexactly(2)
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        return head[0] & 0x0F, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """The code that the server closes with; 1006 where it hangs up without a word."""
        try:
            while True:
                opcode, content = await self.read()
                if opcode == CLOSE:
                    return int.from_bytes(content[:2], "big")
        except (EOFError, ConnectionError):
            return 1006

    def hang_up(self) -> None:
        """Vanish."""
        self.writer.transport.abort()
