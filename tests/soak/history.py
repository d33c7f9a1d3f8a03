"""What callers asked of a server, what they were told, and when, by one clock for all of them."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

FOREVER: Final = 1 << 62
"""A moment that never comes: what was not answered may still happen."""


class Deed(StrEnum):
    """What was asked for."""

    SIGN_IN = "sign in"
    REFRESH = "refresh"
    USE = "use"
    """A SAT was shown, to be told about its holder."""
    REVOKE = "revoke"
    VERIFY = "verify"
    """A SAT was shown to a verifier, which listens to the feed of a server. The remark names it."""


class Answer(StrEnum):
    """What came of it, as far as the caller knows."""

    GRANTED = "granted"
    REFUSED = "refused"
    """For good: the credential is dead."""
    UNKNOWN = "unknown"
    """No answer, or a 503. It may have happened, it may not, or it may happen yet."""
    ODD = "odd"
    """An answer that has no place in the contract."""


class Told(NamedTuple):
    """The pair of tokens that an answer held."""

    generation: int
    likeness: tuple[object, ...]
    """Everything else that they say: the same for every answer of one generation."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One request and its answer."""

    deed: Deed
    session: UUID
    began: int
    """Nanoseconds, before the first byte was sent."""
    ended: int
    """Nanoseconds, after the last byte had come; `FOREVER` where none came."""
    answer: Answer
    asked: int | None = None
    """The generation of the token that was shown."""
    told: Told | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the database says of a session."""

    head: int
    revoked: bool
    trail: Mapping[tuple[str, int | None], int]
    """How often the audit trail tells of each kind of event, by generation."""
    replays: int = 0
    """How often the head's parent was replayed, as the session's row counts it."""


@dataclass(slots=True)
class Recorder:
    """Writes down what callers do. One event loop, one clock."""

    operations: dict[UUID, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[tuple[Deed, Answer], int] = field(default_factory=lambda: defaultdict(int))

    def now(self) -> int:
        """The moment, by a clock that only goes forward."""
        return time.monotonic_ns()

    def write(self, operation: Operation) -> None:
        """Keep one operation, once it is over or given up."""
        self.operations[operation.session].append(operation)
        self.counts[operation.deed, operation.answer] += 1

    def take(self, sessions: Iterable[UUID]) -> dict[UUID, list[Operation]]:
        """All that is known of these sessions, of which nothing more will come."""
        return {session: self.operations.pop(session, []) for session in sessions}
