"""Clients of one session each, who measure how long a failover keeps them waiting.

The crowd of the soak test proves that nothing contradicts itself. These prove that nobody is locked
out, and that a client who only asks again, as a 503 says, goes on by itself.
"""

import asyncio
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from tests.kit.wire import ISSUE, REFRESH, Lost, Wire
from tests.soak.callers import Yard
from tests.soak.ledgers import unix_seconds
from tests.soak.waiting import let_pass

_PATIENCE_SECONDS: Final = 30
"""After that, a client hangs up and asks another server."""
_PAUSE_SECONDS: Final = 0.05
"""Between two refreshes."""
_LONGEST_RETRY_SECONDS: Final = 1.0
"""Clients wait as long as `Retry-After` says, but no longer than that, so that they measure."""


@dataclass(slots=True)
class Log:
    """What all clients saw, in seconds of a clock that only goes forward."""

    granted: list[float] = field(default_factory=list)
    """When each answer with tokens had come."""
    waits: list[tuple[float, float]] = field(default_factory=list)
    """From the first time that a refresh was asked for to its answer with tokens."""
    refused: list[tuple[float, str]] = field(default_factory=list)
    """When there was another answer or none, and what it was."""
    stopping: bool = False
    """Whether clients are to end once they have an answer."""

    def longest_gap(self, begin: float, end: float) -> float:
        """The longest time without any answer with tokens, within a time."""
        inside = [moment for moment in sorted(self.granted) if begin <= moment <= end]
        moments = [begin, *inside, end]
        return max(after - before for before, after in pairwise(moments))

    def longest_wait(self, begin: float, end: float) -> float:
        """What the client waited who waited longest, of the refreshes that ended in a time."""
        return max((done - asked for asked, done in self.waits if begin <= done <= end), default=0)

    def answers(self, begin: float, end: float) -> Counter[str]:
        """What clients got in place of tokens."""
        return Counter(what for moment, what in self.refused if begin <= moment <= end)


class Client:
    """A session that is refreshed all the time."""

    def __init__(self, yard: Yard, log: Log, number: int) -> None:
        """Prepare it: it alternates between servers, beginning with another one than the next."""
        self._yard = yard
        self._log = log
        self._number = number
        self._wire: Wire | None = None
        self.session: UUID | None = None
        self.told: list[int] = []
        """The generations of which it was told, in order."""

    async def run(self) -> None:
        """Sign in, and refresh until it is time to stop."""
        try:
            pair = await self._ask(ISSUE, {"reference": f"client-{self._number}"}, 200)
            while not self._log.stopping:
                began = time.monotonic()
                pair = await self._ask(REFRESH, {"refresh_token": pair["refresh_token"]}, 201)
                now = time.monotonic()
                self._log.granted.append(now)
                self._log.waits.append((began, now))
                claims = self._yard.loupe.refresh_token(pair["refresh_token"])
                self.session = claims.sid
                self.told.append(claims.gen)
                # So that nothing of it is purged: see `Trial`.
                self._yard.under_way[claims.sid] = unix_seconds()
                await let_pass(_PAUSE_SECONDS)
        finally:
            if self.session is not None:
                self._yard.under_way.pop(self.session, None)
            if self._wire is not None:
                self._wire.close()

    async def _ask(self, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
        """Ask until there are tokens."""
        while True:
            if self._wire is None:
                urls: Sequence[str] = self._yard.deployment.urls
                self._number += 1
                self._wire = Wire(urls[self._number % len(urls)], _account(self._yard))
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    answer, headers, members = await self._wire.post(path, body)
            except (Lost, OSError) as error:
                late = isinstance(error, TimeoutError)
                self._note("no answer in time" if late else "connection lost")
                self._wire.close()
                self._wire = None
                await let_pass(_PAUSE_SECONDS)
                continue
            if answer == status:
                tokens: dict[str, Any] = members
                return tokens
            self._note(str(answer))
            # Another status is found by `check_clients`; it is asked again all the same.
            pause = float(headers.get("retry-after", "1"))
            self._wire.close()
            self._wire = None
            await let_pass(min(pause, _LONGEST_RETRY_SECONDS))

    def _note(self, what: str) -> None:
        self._log.refused.append((time.monotonic(), what))


def check_clients(clients: Sequence[Client], log: Log, heads: dict[UUID, int]) -> list[str]:
    """What is wrong with what clients were told.

    Args:
        clients: All of them, who have ended.
        log: Theirs.
        heads: The generation of each session that the database has.
    """
    found = [
        f"client {number} was told of {client.told[:3]} … {client.told[-3:]}"
        for number, client in enumerate(clients)
        if client.told != list(range(1, len(client.told) + 1)) or not client.told
    ]
    found += [
        f"client {number} was told of {client.told[-1]}, the database has {head}"
        for number, client in enumerate(clients)
        if client.session and client.told and (head := heads.get(client.session)) != client.told[-1]
    ]
    expected = {"503", "connection lost", "no answer in time"}
    odd = Counter(what for _, what in log.refused if what not in expected)
    return found + [f"{count} clients got {what}" for what, count in odd.items()]


def _account(yard: Yard) -> tuple[str, str]:
    text = b64decode(yard.deployment.authorization.removeprefix("Basic ")).decode()
    user, _, password = text.partition(":")
    return user, password
