"""HTTP/1.1 over one kept-alive connection, as little of it as a crowd of callers needs."""

import asyncio
from base64 import b64encode
from typing import Any, Self

import msgspec

REFRESH = "/api/fabric/subscribers/tokens/refresh"
ISSUE = "/api/fabric/subscribers/tokens"


class Lost(Exception):
    """The connection ended before a whole answer had come."""


class Wire:
    """One connection to a server, for one request at a time."""

    def __init__(self, url: str, auth: tuple[str, str]) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._place = (host, int(port))
        self._authorization = b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Send one request; returns status, headers and the JSON of the body.

        Raises:
            Lost: no whole answer came. Whether the server acted on it is unknown.
        """
        try:
            reader = await self._send(path, body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            answer = await reader.readexactly(int(headers.get("content-length", "0")))
        except (OSError, EOFError) as error:
            self.close()
            raise Lost from error
        return int(status_line.split(" ")[1]), headers, msgspec.json.decode(answer or b"null")

    async def abandon(self, path: str, body: dict[str, Any]) -> None:
        """Send one request and hang up without waiting for the answer."""
        await self._send(path, body)
        self.close()

    async def issue(self, reference: str) -> str:
        """Sign a subscriber in; returns the refresh token."""
        status, _, answer = await self.post(ISSUE, {"reference": reference})
        assert status == 200, answer
        token: str = answer["refresh_token"]
        return token

    async def _send(self, path: str, body: dict[str, Any]) -> asyncio.StreamReader:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._place)
        content = msgspec.json.encode(body)
        self._writer.write(
            f"POST {path} HTTP/1.1\r\nhost: {self._place[0]}\r\n"
            f"authorization: Basic {self._authorization}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n".encode()
            + content
        )
        return self._reader
