"""A satmint in this process for verifiers: it answers what a test says, when the test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from satmint_sdk._ambient import SYSTEM_CLOCK

PROJECT = "11111111-1111-4111-8111-111111111111"
SUBSCRIBER = "22222222-2222-4222-8222-222222222222"
_PATIENCE = 60.0
_STEP = 0.01


def wait_until(is_so: Callable[[], object], what: str = "that") -> None:
    """Wait for a condition; a minute without it is a failure."""
    ends = SYSTEM_CLOCK.now().mono + _PATIENCE
    while not is_so():
        assert SYSTEM_CLOCK.now().mono < ends, f"waited in vain for {what}"
        threading.Event().wait(_STEP)


def token_of(number: int, length: int = 0) -> str:
    """A text of the form of a SAT."""
    return (
        f"eyJhbGciOiJkaXIifQ..AAAAAAAAAAAAAAAA.{number:012d}{'A' * length}.AAAAAAAAAAAAAAAAAAAAAA"
    )


def active(session: str = "s-1", **changes: Any) -> dict[str, Any]:
    """Introspection of an active SAT."""
    subscriber = changes.get("sub", SUBSCRIBER)
    found = {
        "active": True,
        "scope": "sat:refresh",
        "token_type": "SAT",
        "sub": subscriber,
        "exp": 1_800_000_000 + 3600,
        "session_id": session,
        "kind": "subscriber",
        "project_id": PROJECT,
        "epoch": 0,
        "project_epoch": 0,
        "depends_on": [session, subscriber, PROJECT, "key:1"],
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


INACTIVE = {"active": False}


class FakeSatmint:
    """Stands for the part of a `RestClient` that asks, or with `is_async` of an `AsyncRestClient`.

    Attributes:
        answers: What introspection says, by token; others are inactive.
        asked: The tokens of each request.
        answering: Given each answer, it returns what is said instead, or raises.
        clock_offset: How far the server's clock is ahead.
    """

    def __init__(self, *, is_async: bool = False) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[list[str]] = []
        self.answering: Callable[[Any], Any] = lambda found: found
        self.clock_offset: float | None = None
        ask = self._ask_async if is_async else self._ask
        self.satmint = SimpleNamespace(tokens=SimpleNamespace(introspect_many=ask))

    def _ask(self, *, tokens: Sequence[str]) -> Any:
        self.asked.append(list(tokens))
        return self.answering({"tokens": [self.answers.get(one, INACTIVE) for one in tokens]})

    async def _ask_async(self, *, tokens: Sequence[str]) -> Any:
        found = self._ask(tokens=tokens)
        return await found if hasattr(found, "__await__") else found
