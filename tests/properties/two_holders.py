"""Two holders of one session, by the rules of the model alone: who has which token, and when.

A `Holders` is a moment: it is never changed, and a move leads to the next one. The clock of the
server may be put forward and back; beside it real time passes, in which both holders live.
"""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import msgspec

from satmint.model.lifetimes import FOREVER, REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.observed_time import ObservedTime
from satmint.model.rotation import (
    Head,
    RefreshTokenRef,
    Refused,
    RotationDecision,
    SessionState,
    apply_rotation,
    decide_rotation,
)

WINDOW: Final = 600
"""`replay_seconds` by default."""
LIFETIME: Final = 7200
START: Final = 1_700_000_000
FIRST: Final = SessionState(
    head=Head(0, START, START + LIFETIME),
    seen=False,
    revoked=False,
    subscriber_epoch=0,
    deadline=FOREVER,
)
"""A session that was just opened."""
_AT_FIRST: Final = ObservedTime(START)
_PROJECT, _SESSION = UUID(int=1), UUID(int=2)


@dataclass(frozen=True)
class Present:
    """A holder presents the newest refresh token that it has."""

    holder: int
    lost: bool = False
    """Whether the answer is lost: the holder keeps the token that it has."""


@dataclass(frozen=True)
class Use:
    """A holder shows the newest SAT that it has."""

    holder: int


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: int


@dataclass(frozen=True)
class Step:
    """The clock is put forward, or back; no time passes."""

    seconds: int


@dataclass(frozen=True)
class Revoke:
    """An operator revokes the session."""


Move = Present | Use | Wait | Step | Revoke
Outcome = RotationDecision | Refused | bool | None
"""Of presenting; of using, whether the SAT was accepted; None for the other moves."""


@dataclass(frozen=True)
class Holders:
    """A session and its two holders at one moment."""

    state: SessionState = FIRST
    now: int = START
    """Unix seconds by the server's clock."""
    has: tuple[int, int] = (0, 0)
    """The generation of the newest pair of each."""
    dies: tuple[int, ...] = (START + LIFETIME + REFRESH_TOKEN_GRACE_SECONDS,)
    """By generation: `exp` of the refresh token."""
    real_age: int = 0
    """Real seconds since the head's parent was presented first."""
    stepped: bool = False
    """Whether the clock was put forward or back since then."""
    used_late: bool = False
    """Whether the head's SAT was accepted more than ten seconds after the rotation, by any clock
    that the server has ever had."""
    window: int = WINDOW
    time: ObservedTime = _AT_FIRST
    """What the server has seen of its clock."""

    @property
    def age(self) -> int:
        """Seconds since the rotation by the server's clock."""
        return self.now - self.state.head.since

    def behind(self, holder: int) -> int:
        """By how many generations a holder's newest token is older than the head."""
        return self.state.head.generation - self.has[holder]

    def ref(self, holder: int) -> RefreshTokenRef:
        """What a holder's newest refresh token says."""
        generation = self.has[holder]
        return RefreshTokenRef(_PROJECT, _SESSION, generation, 0, None, self.dies[generation])

    def play(self, move: Move) -> "tuple[Holders, Outcome]":
        """The next moment, and what came of the move."""
        match move:
            case Present(holder, lost):
                return self._present(holder, lost=lost)
            case Use(holder):
                return self._use(holder)
            case Wait(seconds):
                passed = replace(self, now=self.now + seconds, real_age=self.real_age + seconds)
                return passed, None
            case Step(seconds):
                return replace(self, now=self.now + seconds, stepped=True), None
            case Revoke():
                return replace(self, state=msgspec.structs.replace(self.state, revoked=True)), None

    def _present(self, holder: int, *, lost: bool) -> "tuple[Holders, Outcome]":
        seen = self.observed()
        measured_at = seen.time.latest_since(self.state.measured_since, self.now)
        ref = self.ref(holder)
        decision = decide_rotation(self.state, ref, self.now, self.window, measured_at)
        if isinstance(decision, Refused):
            return seen, decision
        state = apply_rotation(decision, self.state, self.now + LIFETIME, self.now)
        after = replace(seen, state=msgspec.structs.replace(state, replays=0))
        if decision is RotationDecision.ROTATE:
            after = replace(
                after,
                dies=(*self.dies, state.head.refresh_expires_at),
                real_age=0,
                stepped=False,
                used_late=False,
            )
        if decision.revokes or lost:
            return after, decision
        has = (self.has[0], state.head.generation)
        return replace(after, has=has if holder else (state.head.generation, self.has[1])), decision

    def _use(self, holder: int) -> "tuple[Holders, Outcome]":
        generation = self.has[holder]
        sat_dies = self.dies[generation] - REFRESH_TOKEN_GRACE_SECONDS
        if self.state.revoked or self.now >= sat_dies:
            return self, False
        if self.behind(holder):
            return self.observed(), True
        late = not -10 <= self.age <= 10
        seen_late = self.state.seen_late or late
        state = msgspec.structs.replace(self.state, seen=True, seen_late=seen_late)
        used_late = self.used_late or late
        return replace(self.observed(), state=state, used_late=used_late), True

    def observed(self) -> "Holders":
        """After the server has looked at its clock."""
        time = self.time.after(self.now)
        return self if time is self.time else replace(self, time=time)

    @property
    def likeness(self) -> tuple[object, ...]:
        """The same for moments that nothing distinguishes from now on, but who is who."""
        behind = tuple(sorted((min(self.behind(0), 2), min(self.behind(1), 2))))
        parent_dies = self.dies[-2] - self.now if len(self.dies) > 1 else 0
        state = self.state
        if state.revoked:
            return (True,)
        return (
            *(behind, self.age, min(self.real_age, self.window + 1), self.stepped),
            *(state.seen, state.seen_late, self.used_late),
            self.time.latest - self.now,
            self.time.latest_since(state.head.since, self.now) - self.now,
            *(min(parent_dies, LIFETIME) if 1 in behind else 0, len(self.dies) > 1),
        )
