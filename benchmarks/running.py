"""What is measured, as the load sees it: a server that answers, and the requests it understands."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

import msgspec

PROJECT: Final = "00000000-0000-4000-8000-000000000001"
API_TOKEN: Final = "PT" + "0123456789abcdef" * 3
ISSUE_PATH: Final = "/api/fabric/subscribers/tokens"
REFRESH_PATH: Final = "/api/fabric/subscribers/tokens/refresh"
GUEST_PATH: Final = "/api/fabric/guests/tokens"
DEVICE_PATH: Final = "/api/fabric/subscriber/devices/refresh"
INFO_PATH: Final = "/api/fabric/subscriber/info"


class WrongAnswer(Exception):
    """A subject did not do what it is measured at: the figures would be worth nothing."""


class Listening(msgspec.Struct, frozen=True):
    """The line that a server logs once it answers."""

    event: Literal["listening"]
    url: str


class Supply(StrEnum):
    """Where the part of a request comes from that differs from the one before."""

    CHAIN = "chain"
    """What the last answer to it held: a refresh token begets the next."""
    AGAIN = "again"
    """What there was at the beginning, round and round."""
    ONCE = "once"
    """The same, but each is good for one request: when they are used up, the load is over."""


class Route(msgspec.Struct, frozen=True):
    """One kind of request: what is sent around the varying part, and what must come back."""

    path: str
    status: int
    before: str = ""
    """The body up to the varying part: a reference, a refresh token, a proof."""
    after: str = ""
    markers: tuple[str, ...] = ()
    """What stands before each token in the answer; the last one is that of the refresh token."""
    holds: str = ""
    """What the answer must hold besides."""
    content_type: str = "application/json"
    method: str = "POST"
    supply: Supply = Supply.AGAIN


_TOKENS: Final = ('"token":"', '"refresh_token":"')
ISSUE: Final = Route(ISSUE_PATH, 200, '{"reference":"', '"}', _TOKENS)
FIRST_SIGN_IN: Final = Route(ISSUE_PATH, 200, '{"reference":"', '"}', _TOKENS, supply=Supply.ONCE)
REFRESH: Final = Route(REFRESH_PATH, 201, '{"refresh_token":"', '"}', _TOKENS, supply=Supply.CHAIN)


class ConnectionPlan(msgspec.Struct, frozen=True):
    """What one connection sends."""

    varying: list[str]
    authorization: str | None = None
    """In place of the subject's own."""


class BatchesMetric(msgspec.Struct, frozen=True):
    """A histogram at `/metrics`."""

    port: int
    name: str


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, and how it is reached and watched."""

    name: str
    port: int
    authorization: str
    processes: Mapping[str, int]
    """Roots of process trees by what they are: `server`, and `database` where there is one."""
    durability: str
    """What an answer says about the disk."""
    routes: Mapping[str, Route] = field(
        default_factory=lambda: {"issue": ISSUE, "refresh": REFRESH}
    )
    """By operation; a subject without an operation's route is left out of that operation."""
    start_seconds: float = 0.0
    """From the start of the process to its first answer."""
    batches_metric: BatchesMetric | None = None
    """How many steps each commit carried."""
    workers: int = 1
    """Processes that answer."""
    database: str | None = None
    """satmint's own setting of that name, for those who look behind the API."""
    keyring: Path | None = None
    """satmint's keyring, for the same ones."""
    project: UUID | None = None
    """The project that the load belongs to, where there are projects."""


Start = Callable[[Path], AbstractContextManager[Running]]
"""Starts a server that keeps its files in the given, empty folder; stops it at the end."""


def basic(user: str, password: str) -> str:
    """A value for `Authorization` (RFC 7617)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
