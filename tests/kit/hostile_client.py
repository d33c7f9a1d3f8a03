"""A client that sends smuggling attempts, one connection each, and counts what answers them."""

import asyncio
import random
import re
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.kit.smuggling import Attempt

ADDRESS: Final = "127.0.0.3"
"""Hostile clients connect from here."""

_ANSWER: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_LISTEN_SECONDS: Final = 0.1
"""How long it waits for answers after the last piece."""
_CONNECT_SECONDS: Final = 5


@dataclass(slots=True)
class Sent:
    """What hostile clients sent, and what came back."""

    attempts: int = 0
    names: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """By status and by who answered: the proxy, or the server, which names its request."""
    tokens: int = 0
    """Answers with tokens in them. Hostile clients have no credentials."""


async def send_attempts(
    port: int,
    trust: ssl.SSLContext,
    chosen: Sequence[Attempt],
    sent: Sent,
    enough: Callable[[], bool],
    seed: int,
) -> None:
    """Send attempts in random order until there are enough."""
    order = random.Random(seed)
    while not enough():
        for attempt in order.sample(chosen, len(chosen)):
            if enough():
                return
            sent.attempts += 1
            sent.names[attempt.name] += 1
            with suppress(OSError, TimeoutError):
                _count(await _answers(port, trust, attempt), sent)


async def _answers(port: int, trust: ssl.SSLContext, attempt: Attempt) -> bytes:
    """What comes back within a moment."""
    async with asyncio.timeout(_CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=trust,
            server_hostname="fabric.example.com",
            local_addr=(ADDRESS, 0),
        )
    received = b""
    try:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LISTEN_SECONDS):
                for piece in attempt.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                while data := await reader.read(65_536):
                    received += data
    finally:
        writer.transport.abort()
    return received


def _count(received: bytes, sent: Sent) -> None:
    found = _ANSWER.findall(received)
    if not found:
        sent.answers["none"] += 1
    sent.tokens += received.count(b'"refresh_token":"')
    for status, headers in found:
        by = "server" if b"x-request-id:" in headers.lower() else "proxy"
        sent.answers[f"{status.decode()} {by}"] += 1
