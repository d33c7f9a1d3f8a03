"""WebSocket frames as a client sends and reads them (RFC 6455, section 5.2), by hand: it is cheap.

No fragments and no extensions: satmint sends neither.
"""

from typing import Final

TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
SWITCHED: Final = b"HTTP/1.1 101 "

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_MASK: Final = bytes(4)
"""It leaves the content as it is: masks protect proxies, and there are none here."""
_KEY: Final = b"c2l4dGVlbiBvZiBieXRlcw=="


def upgrade(port: int) -> bytes:
    """The opening handshake of a browser (RFC 6455, section 4.1)."""
    return (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nPragma: no-cache\r\n"
        b"Cache-Control: no-cache\r\nUser-Agent: satmint-benchmarks\r\nUpgrade: websocket\r\n"
        b"Origin: https://app.example.com\r\nSec-WebSocket-Version: 13\r\n"
        b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"
        b"Sec-WebSocket-Key: %b\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
        % (port, _KEY)
    )


def frame(opcode: int, content: bytes) -> bytes:
    """A frame to send."""
    size = len(content)
    if size < 126:
        head = bytes([_FINAL | opcode, _MASKED | size])
    elif size < 1 << 16:
        head = bytes([_FINAL | opcode, _MASKED | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([_FINAL | opcode, _MASKED | 127]) + size.to_bytes(8, "big")
    return head + _MASK + content


def take_frame(received: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Opcode and content of the frame at `at`, and where it ends; None while it is not all there.

    Args:
        received: What the server sent.
        at: Where the frame begins.
    """
    start = at + 2
    if len(received) < start:
        return None
    size = received[at + 1]
    if size >= 126:
        width = 2 if size == 126 else 8
        size = int.from_bytes(received[start : start + width], "big")
        start += width
        if len(received) < start:
            return None
    end = start + size
    if len(received) < end:
        return None
    return received[at] & 0x0F, received[start:end], end
