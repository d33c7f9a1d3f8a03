"""The rules of refresh token rotation (spec: one active head per session).

A session is one row. Its head is its newest generation; a rotation creates the next one. The store
decides a rotation with one conditional write; where that does not apply, `decide_rotation` decides
about the presented token from the row as read in the same transaction.
"""

from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace

from satmint.model.events import Event, EventKind
from satmint.model.lifetimes import (
    CLOCK_STEP_SECONDS,
    CONCURRENT_REPLAY_SECONDS,
    FOREVER,
    REFRESH_TOKEN_GRACE_SECONDS,
    expired,
)

FREE_REPLAYS: Final = 5
"""How often a generation is replayed without counting against the caller's rate limit."""


REPLAY_WINDOW_OVER: Final = "replay_window_over"
"""The cause of a reuse that a lost response would explain if it had come in time."""


class Head(msgspec.Struct, frozen=True):
    """A session's newest generation: enough to issue its pair of tokens again."""

    generation: int
    since: int
    """Unix seconds at which it became head: the `iat` of its tokens."""
    expires_at: int
    """Unix seconds: the `exp` of its SAT. Its refresh token expires five minutes later."""
    jkt: str | None = None
    """Thumbprint of the session's key (RFC 9449, section 6); None if unbound."""

    @property
    def refresh_expires_at(self) -> int:
        """Unix seconds: the `exp` of its refresh token."""
        return self.expires_at + REFRESH_TOKEN_GRACE_SECONDS

    def could_have_issued(self, generation: int, jkt: str | None) -> bool:
        """Whether a token of that generation and key can have been issued by this session.

        If not, it was issued before an older backup was restored: a session that continued from
        there could fork, or be bound to another key.
        """
        return generation <= self.generation and jkt in (None, self.jkt)


class RefreshTokenRef(msgspec.Struct, frozen=True):
    """A decrypted refresh token, checked to be of the caller's project. It may have expired."""

    project: UUID
    session: UUID
    generation: int
    epoch: int
    """The subscriber's revocation epoch that the token carries."""
    jkt: str | None = None
    """The key that the token is bound to. The session may have been bound after its issue."""
    expires_at: int = FOREVER
    """Unix seconds: the token's `exp`."""


class SessionState(msgspec.Struct, frozen=True):
    """The state of a session and its subscriber, as read in one transaction."""

    head: Head
    seen: bool
    """Whether the head is in use: one of its SATs was accepted somewhere."""
    revoked: bool
    subscriber_epoch: int | None
    """None if the subscriber was deleted."""
    deadline: int
    """Unix seconds: no token of this session expires later."""
    seen_late: bool = False
    """Whether the head was in use when it was no longer `is_concurrent`."""
    skew: int = 0
    """Seconds by which the clock that measures windows was ahead of the head's `since`, at the
    rotation. It is another clock if several nodes share a store."""
    replays: int = 0
    """How often the head's parent was replayed."""

    @property
    def measured_since(self) -> int:
        """Unix seconds at which it became head, by the clock that measures windows."""
        return self.head.since + self.skew

    def age(self, measured_at: int) -> int:
        """Seconds since the rotation that created the head; negative after a clock went back.

        Args:
            measured_at: Unix seconds, by the clock that measures windows.
        """
        return measured_at - self.measured_since

    def refusal_of_epoch(self, epoch: int) -> "Cause | None":
        """Why every token of this session that carries `epoch` is refused; None: not for that.

        The one rule that all checks of a session share: endpoints, gateway, refresh, possession.
        """
        if self.subscriber_epoch is None:
            return Cause.SUBSCRIBER_DELETED
        if self.revoked:
            return Cause.REVOKED
        if epoch != self.subscriber_epoch:
            return Cause.STALE_EPOCH
        return None

    def refusal_of(self, epoch: int, generation: int, jkt: str | None) -> "Cause | None":
        """Why a token of this session is refused, whatever its type; None: only time can tell.

        Args:
            epoch: The subscriber's revocation epoch that the token carries.
            generation: The generation that it is of.
            jkt: Thumbprint of the key that it names.
        """
        cause = self.refusal_of_epoch(epoch)
        if cause is None and not self.head.could_have_issued(generation, jkt):
            return Cause.AHEAD_OF_HEAD
        return cause


class Cause(StrEnum):
    """Why a token of a session was refused. For logs, metrics and events, not for callers."""

    UNKNOWN_SESSION = "unknown_session"
    SUBSCRIBER_DELETED = "subscriber_deleted"
    STALE_EPOCH = "stale_epoch"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DEADLINE = "deadline"
    AHEAD_OF_HEAD = "ahead_of_head"


class Rotated(msgspec.Struct, frozen=True):
    """The token was the head's: a new generation was created and is durable."""

    head: Head


class Replayed(msgspec.Struct, frozen=True):
    """The token was rotated already: its successor's pair is issued again, nothing changes."""

    head: Head
    is_free: bool = True
    """Whether this is one of the first `FREE_REPLAYS` of the generation. Later ones count against
    the caller's rate limit."""


class Reused(msgspec.Struct, frozen=True):
    """A spent token was reused: the session is revoked, durably."""

    head: Head


class Refused(msgspec.Struct, frozen=True):
    """Refused; nothing was changed."""

    cause: Cause


RotationResult = Rotated | Replayed | Reused | Refused


class RotationDecision(StrEnum):
    """What the store has to do with a presented token."""

    ROTATE = "rotate"
    REPLAY = "replay"
    REVOKE = "revoke"
    REVOKE_WINDOW_OVER = "revoke_window_over"
    """As `REVOKE`. A lost response would explain the token, but the time for a replay is over."""

    @property
    def revokes(self) -> bool:
        """Whether the session is revoked."""
        return self in (RotationDecision.REVOKE, RotationDecision.REVOKE_WINDOW_OVER)


def decide_rotation(
    state: SessionState | None,
    ref: RefreshTokenRef,
    now: int,
    replay_seconds: int,
    measured_at: int | None = None,
) -> RotationDecision | Refused:
    """Apply the rotation rules to a session's state.

    | generation of the token | state of the session | decision |
    |---|---|---|
    | any | revoked, or subscriber deleted | refused |
    | head | active | rotate |
    | head - 1 | head not seen in use, at most `replay_seconds` after the rotation | replay |
    | head - 1 | head not seen in use, later | revoke, window over |
    | head - 1 | head seen in use, at most ten seconds after the rotation | replay |
    | head - 1 | head seen in use, later | revoke |
    | head - 2 and older | active | revoke |
    | older than the head, and expired | active | revoke: a spent token is evidence of a theft |

    Args:
        state: The session as read inside the deciding transaction; None if unknown.
        ref: The decrypted token; its project is checked already.
        now: Unix seconds.
        replay_seconds: Seconds after a rotation during which it is replayed; 0 is strict one-time
            use.
        measured_at: Unix seconds: the latest time since the rotation of the clock that measures
            windows, see `ObservedTime`; None: `now`.

    Returns:
        The action to take, or the cause of refusal. An expired token is never rotated or replayed.
    """
    if state is None:
        return Refused(Cause.UNKNOWN_SESSION)
    cause = state.refusal_of(ref.epoch, ref.generation, ref.jkt)
    if cause is not None:
        return Refused(cause)
    head = state.head
    behind = head.generation - ref.generation
    head_expired = expired(head.refresh_expires_at, now)
    if behind == 0:
        if head_expired or expired(ref.expires_at, now):
            return Refused(Cause.EXPIRED)
        if deadline_prevents_rotation(state.deadline, now):
            return Refused(Cause.DEADLINE)
        return RotationDecision.ROTATE
    if behind > 1:
        return RotationDecision.REVOKE
    age = state.age(now if measured_at is None else measured_at)
    if not is_replayable(state, age, replay_seconds):
        return RotationDecision.REVOKE if state.seen else RotationDecision.REVOKE_WINDOW_OVER
    if expired(ref.expires_at, now):
        return RotationDecision.REVOKE
    # The pair of a head can be shorter than the window. An expired one is useless to a thief.
    return Refused(Cause.EXPIRED) if head_expired else RotationDecision.REPLAY


def deadline_prevents_rotation(deadline: int, now: int) -> bool:
    """Whether the session's deadline leaves no room for another pair of tokens."""
    return expired(deadline - REFRESH_TOKEN_GRACE_SECONDS, now)


def is_replayable(state: SessionState, age: int, replay_seconds: int) -> bool:
    """Whether the head's direct parent indicates a lost response or a race, not a theft.

    Args:
        state: The session.
        age: Seconds since the rotation, see `SessionState.age`.
        replay_seconds: See `decide_rotation`.
    """
    if replay_seconds == 0 or (state.seen and (state.seen_late or not is_concurrent(age))):
        return False
    return -CLOCK_STEP_SECONDS <= age <= replay_seconds


def is_concurrent(age: int) -> bool:
    """Whether the spent token still counts as a concurrent request when the head is in use.

    Args:
        age: Seconds since the rotation, see `SessionState.age`.
    """
    return -CLOCK_STEP_SECONDS <= age <= CONCURRENT_REPLAY_SECONDS


def apply_rotation(
    decision: RotationDecision, state: SessionState, expires_at: int, now: int, skew: int = 0
) -> SessionState:
    """The session's state after `decision` was carried out.

    Args:
        decision: The decision.
        state: The state that it was made on.
        expires_at: Unix seconds: `exp` of the next SAT. Cut to the session's deadline.
        now: Unix seconds.
        skew: See `SessionState.skew`.
    """
    match decision:
        case RotationDecision.ROTATE:
            last = min(expires_at, state.deadline - REFRESH_TOKEN_GRACE_SECONDS)
            head = Head(state.head.generation + 1, now, last, state.head.jkt)
            return replace(state, head=head, seen=False, seen_late=False, skew=skew, replays=0)
        case RotationDecision.REPLAY:
            return replace(state, replays=state.replays + 1)
        case RotationDecision.REVOKE | RotationDecision.REVOKE_WINDOW_OVER:
            return replace(state, revoked=True)
        case _:
            assert_never(decision)


def rotation_event(
    decision: RotationDecision, ref: RefreshTokenRef, state: SessionState, event: Event
) -> Event | None:
    """`event` as the audit trail records it; None if it is not recorded.

    Args:
        decision: What was carried out.
        ref: The presented token.
        state: The resulting state.
        event: The event of the request.
    """
    kind, generation, cause = EventKind.REFRESHED, state.head.generation, ""
    if decision is not RotationDecision.ROTATE:
        generation, cause = ref.generation, f"head={state.head.generation}"
    if decision is RotationDecision.REPLAY:
        if state.replays > 1:
            return None  # the first one is recorded, the others are only counted
        kind = EventKind.REPLAYED
    elif decision.revokes:
        kind = EventKind.REUSE_DETECTED
    if decision is RotationDecision.REVOKE_WINDOW_OVER:
        cause = REPLAY_WINDOW_OVER
    return replace(event, kind=kind, generation=generation, cause=cause)


def rotation_result(decision: RotationDecision, state: SessionState) -> RotationResult:
    """The result to report after `decision` was carried out; `state` is the resulting state."""
    match decision:
        case RotationDecision.ROTATE:
            return Rotated(state.head)
        case RotationDecision.REPLAY:
            return Replayed(state.head, is_free=state.replays <= FREE_REPLAYS)
        case RotationDecision.REVOKE | RotationDecision.REVOKE_WINDOW_OVER:
            return Reused(state.head)
        case _:
            assert_never(decision)
