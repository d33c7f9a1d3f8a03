"""The rules of refresh: what presenting a refresh token means (spec: one live head per session).

A session is one row. Its head is the generation that was made last; a rotation makes the next
one. The store decides a rotation with one conditional write; for whoever did not win it,
`judge` says what the row, as read in the same transaction, means for the token presented.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never
from uuid import UUID

import msgspec

from satmint.model.lifetimes import CONCURRENT_REPLAY_SECONDS, REFRESH_OVERHANG_SECONDS, expired


class Head(msgspec.Struct, frozen=True):
    """A session's newest generation: all it takes to make its pair of tokens again."""

    generation: int
    since: int
    """Unix seconds at which it became head: the `iat` of its tokens."""
    expires_at: int
    """Unix seconds: the `exp` of its SAT. Its refresh token lives five minutes longer."""
    jkt: str | None = None
    """Thumbprint of the key that the session is bound to, if it is bound (RFC 9449, section 6)."""

    @property
    def refresh_expires_at(self) -> int:
        """Unix seconds: the `exp` of its refresh token."""
        return self.expires_at + REFRESH_OVERHANG_SECONDS

    def accounts_for(self, generation: int, jkt: str | None) -> bool:
        """Whether a token of that generation, which names that key, can be of this session.

        One that cannot was made before an older backup was restored: a session that goes on from
        there could fork, or be bound to another key.
        """
        return generation <= self.generation and jkt in (None, self.jkt)


class Presented(msgspec.Struct, frozen=True):
    """A refresh token that was opened, found unexpired and of the caller's project."""

    project: UUID
    session: UUID
    generation: int
    epoch: int
    """The subscriber's revocation epoch that the token carries."""
    jkt: str | None = None
    """The key that the token names. A session may have been bound since it was made."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of a session and of its subscriber at one moment."""

    head: Head
    seen: bool
    """Whether the head was seen in use: one of its SATs was accepted somewhere."""
    revoked: bool
    subscriber_epoch: int | None
    """None: the subscriber is gone."""
    deadline: int
    """Unix seconds past which no token of this session may live."""


class Cause(StrEnum):
    """Why a token of a session was refused. For logs, counters and events, not for callers."""

    UNKNOWN_SESSION = "unknown_session"
    SUBSCRIBER_GONE = "subscriber_gone"
    STALE_EPOCH = "stale_epoch"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DEADLINE = "deadline"
    AHEAD_OF_HEAD = "ahead_of_head"


class Rotated(msgspec.Struct, frozen=True):
    """The token was the head's: a new generation exists and is durable."""

    head: Head


class Replayed(msgspec.Struct, frozen=True):
    """The token's successor exists already: the same answer again, nothing new."""

    head: Head


class Reused(msgspec.Struct, frozen=True):
    """A spent token came back: the session is revoked, durably."""

    head: Head


class Refused(msgspec.Struct, frozen=True):
    """Nothing was changed."""

    cause: Cause


Verdict = Rotated | Replayed | Reused | Refused


class Move(StrEnum):
    """What a store has to do next with a token that it has judged."""

    ROTATE = "rotate"
    REPLAY = "replay"
    REVOKE = "revoke"


def judge(
    standing: Standing | None, presented: Presented, now: int, replay_cap: int | None
) -> Move | Refused:
    """Apply the rotation table to a session as it stands.

    Args:
        standing: The row as read inside the deciding transaction; None: there is none.
        presented: The opened token. Its expiry and project were checked before.
        now: Unix seconds.
        replay_cap: Seconds after a rotation past which nothing is replayed; 0 is strict one-time
            use; None leaves the token's own expiry as the only limit.

    Returns:
        The move to make, or why nothing may happen.
    """
    if standing is None:
        return Refused(Cause.UNKNOWN_SESSION)
    if standing.subscriber_epoch is None:
        return Refused(Cause.SUBSCRIBER_GONE)
    if standing.revoked:
        return Refused(Cause.REVOKED)
    if presented.epoch != standing.subscriber_epoch:
        return Refused(Cause.STALE_EPOCH)
    if not standing.head.accounts_for(presented.generation, presented.jkt):
        return Refused(Cause.AHEAD_OF_HEAD)
    behind = standing.head.generation - presented.generation
    if expired(standing.head.refresh_expires_at, now):
        # A parent can outlive its head: the first pair may be asked to live for weeks. What could
        # be replayed is dead by now, and a dead head is nobody's to steal.
        return Refused(Cause.EXPIRED)
    if behind == 0:
        return Refused(Cause.DEADLINE) if out_of_time(standing.deadline, now) else Move.ROTATE
    if behind == 1 and _answer_was_lost(standing, now, replay_cap):
        return Move.REPLAY
    return Move.REVOKE


def out_of_time(deadline: int, now: int) -> bool:
    """Whether a session's deadline leaves no room for another pair of tokens."""
    return expired(deadline - REFRESH_OVERHANG_SECONDS, now)


def _answer_was_lost(standing: Standing, now: int, replay_cap: int | None) -> bool:
    """Whether the direct parent of the head is a lost answer or a race, rather than a theft."""
    age = now - standing.head.since
    if replay_cap is not None and (replay_cap == 0 or age > replay_cap):
        return False
    return not standing.seen or age <= CONCURRENT_REPLAY_SECONDS


def verdict_of(move: Move, head: Head) -> Verdict:
    """The verdict to report once `move` has been carried out and `head` is what it left."""
    match move:
        case Move.ROTATE:
            return Rotated(head)
        case Move.REPLAY:
            return Replayed(head)
        case Move.REVOKE:
            return Reused(head)
        case _:
            assert_never(move)
