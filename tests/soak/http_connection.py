"""HTTP/1.1 over one connection, as a caller among hundreds uses it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from tests.kit.wire import Lost

_PATIENCE_SECONDS = 30.0


class NotReached(Exception):
    """Nobody took the connection: nothing was sent."""


class Line:
    """A connection that is made anew whenever it is gone."""

    def __init__(self) -> None:
        self._url = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams = None

    async def connect(self, urls: Sequence[str], url: str) -> None:
        """Have a connection to one of several servers.

        Args:
            urls: Where they are: a connection that there is already is kept.
            url: Where to connect otherwise.

        Raises:
            NotReached: nobody listens.
        """
        if self._streams is not None and self._url in urls and not self._streams[0].at_eof():
            return
        self.close()
        host, _, port = url.removeprefix("http://").partition(":")
        try:
            self._streams = await asyncio.open_connection(host, int(port))
        except OSError as error:
            raise NotReached from error
        self._url = url

    def send(self, method: str, path: str, body: object, authorization: str) -> None:
        """Send a request on a connection that there is."""
        assert self._streams is not None
        content = b"" if body is None else msgspec.json.encode(body)
        self._streams[1].write(
            f"{method} {path} HTTP/1.1\r\nhost: here\r\nauthorization: {authorization}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode()
            + content
        )

    async def answer(self) -> tuple[int, Any]:
        """Status and JSON of the answer.

        Raises:
            Lost: it did not come, not whole, or not in time.
        """
        assert self._streams is not None
        reader = self._streams[0]
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                status_line, *lines = head.strip().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines)
                content = await reader.readexactly(int(headers.get("content-length", "0")))
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Lost from error
        return int(status_line.split(" ")[1]), msgspec.json.decode(content or b"null")
