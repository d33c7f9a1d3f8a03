"""A caller on one kept-alive connection that checks of every answer whether it is its own."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec

from tests.kit.tokens import Loupe
from tests.kit.wire import ISSUE, REFRESH

INFO: Final = "/api/fabric/subscriber/info"
HOST: Final = "fabric.example.com"
ADDRESS: Final = "127.0.0.2"
"""Callers connect from here, so that the proxy's address is another one."""

_REFRESHES_PER_SESSION: Final = 10
_SECONDS: Final = 20
"""How long an answer may take."""
_SHOWN: Final = 20


class Lost(Exception):
    """The connection ended before a whole answer had come."""


@dataclass(slots=True)
class Tally:
    """What callers found."""

    answers: int = 0
    wrong: int = 0
    lost: int = 0
    """Connections that ended without an answer."""
    statuses: Counter[int] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    """The first wrong answers."""
    request_ids: set[str] = field(default_factory=set)

    def count_wrong(self, why: str) -> None:
        """Count a wrong answer."""
        self.wrong += 1
        if len(self.examples) < _SHOWN:
            self.examples.append(why)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a caller signs in."""

    reference: str
    subscriber: UUID


class CheckedCaller:
    """One subscriber's backend and browser in one."""

    def __init__(
        self,
        port: int,
        trust: ssl.SSLContext,
        basic: str,
        loupe: Loupe,
        identity: Identity,
        tally: Tally,
    ) -> None:
        self._place = (port, trust)
        self._basic = basic
        self._loupe = loupe
        self._identity = identity
        self._tally = tally
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._counted: Answer | None = None
        """The wrong answer that was counted last; each is counted once."""

    async def run(self, enough: Callable[[], bool]) -> None:
        """Sign in, ask who it is and refresh, over and over."""
        try:
            while not enough():
                try:
                    await self._session(enough)
                except Lost:
                    self._tally.lost += 1
                    self._close()
        finally:
            self._close()

    async def _session(self, enough: Callable[[], bool]) -> None:
        """One session; it ends early at a wrong answer."""
        answer = await self._ask(
            "POST", ISSUE, self._basic, {"reference": self._identity.reference}
        )
        pair = self._checked_pair(answer, 200)
        for _ in range(_REFRESHES_PER_SESSION):
            if pair is None or enough():
                return
            answer = await self._ask("GET", INFO, f"Bearer {pair['token']}")
            self._check_info(answer)
            before = self._loupe.refresh_token(pair["refresh_token"])
            body = {"refresh_token": pair["refresh_token"]}
            answer = await self._ask("POST", REFRESH, self._basic, body)
            pair = self._checked_pair(answer, 201)
            if pair is not None:
                after = self._loupe.refresh_token(pair["refresh_token"])
                if (after.sid, after.gen) != (before.sid, before.gen + 1):
                    self._wrong(answer, "the tokens of another session")
                    return

    def _checked_pair(self, answer: Answer, status: int) -> dict[str, Any] | None:
        """The tokens of an answer, if it is the right one."""
        pair = self._members(answer, status)
        if pair is None or "refresh_token" not in pair:
            self._wrong(answer, f"not {status} with tokens")
            return None
        claims = (
            self._loupe.sat(pair["token"]),
            self._loupe.refresh_token(pair["refresh_token"]),
        )
        if {claim.sub for claim in claims} != {self._identity.subscriber}:
            self._wrong(answer, "the tokens of another subscriber")
            return None
        return pair

    def _check_info(self, answer: Answer) -> None:
        info = self._members(answer, 200)
        mine = (str(self._identity.subscriber), self._identity.reference)
        if info is None or (info.get("id"), info.get("email")) != mine:
            self._wrong(answer, "not who the caller is")

    def _members(self, answer: Answer, status: int) -> dict[str, Any] | None:
        self._tally.answers += 1
        self._tally.statuses[answer.status] += 1
        request_id = answer.headers.get("x-request-id", "")
        if request_id in self._tally.request_ids:
            self._wrong(answer, "an answer that somebody else got as well")
        self._tally.request_ids.add(request_id)
        if answer.status != status:
            return None
        try:
            members: Any = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            return None
        return members if isinstance(members, dict) else None

    def _wrong(self, answer: Answer, why: str) -> None:
        if answer is not self._counted:
            self._counted = answer
            self._tally.count_wrong(_shown(answer, why))

    async def _ask(
        self, method: str, path: str, authorization: str, body: dict[str, Any] | None = None
    ) -> Answer:
        """Send one request and read its answer.

        Raises:
            Lost: no whole answer came.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        length = f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: {authorization}\r\n"
            f"{length if content else ''}\r\n"
        )
        try:
            async with asyncio.timeout(_SECONDS):
                reader, writer = await self._connection()
                writer.write(head.encode() + content)
                answer, rest = await _read_answer(reader)
        except (OSError, EOFError, TimeoutError) as error:
            raise Lost from error
        if rest:
            self._wrong(answer, f"more than was asked for, {rest[:100]!r}")
        if rest or answer.headers.get("connection", "").lower() == "close":
            self._close()
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            port, trust = self._place
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=trust, server_hostname=HOST, local_addr=(ADDRESS, 0)
            )
        return self._reader, self._writer

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


def _shown(answer: Answer, why: str) -> str:
    return f"{why}: {answer.status} {answer.headers} {answer.body[:100]!r}"


async def _read_answer(reader: asyncio.StreamReader) -> tuple[Answer, bytes]:
    """An answer with a Content-Length, and what came in the same moment after it."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += await _some(reader)
    status_line, *lines = data[:end].decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    end += 4 + int(headers.get("content-length", "0"))
    while len(data) < end:
        data += await _some(reader)
    body = data[data.find(b"\r\n\r\n") + 4 : end]
    return Answer(int(status_line.split(" ")[1]), headers, body), data[end:]


async def _some(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(65_536)
    if not data:
        raise EOFError
    return data
