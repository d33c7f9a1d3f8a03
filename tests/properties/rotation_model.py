"""The rules of refresh once more, from the written contract alone and in the plainest form.

Nothing here is imported from the service: the machine in `test_rotation_state_machine` holds the
service to this. A presented token comes to one of seven ends.
"""

from dataclasses import dataclass, field
from enum import Enum, auto


class End(Enum):
    """What becomes of a refresh token that is presented."""

    ROTATED = auto()
    REPLAYED = auto()
    REUSE = auto()
    """Refused as invalid; the session is dead from now on."""
    EXPIRED_REUSE = auto()
    """Answered as expired; the session is dead from now on."""
    INVALID = auto()
    EXPIRED = auto()
    GONE = auto()


@dataclass
class Generation:
    """A pair of tokens, whoever has it."""

    since: int
    sat_dies: int

    @property
    def refresh_token_dies(self) -> int:
        return self.sat_dies + 300


@dataclass
class MetricFamily:
    """All generations of one session."""

    deadline: float
    made: list[Generation] = field(default_factory=list)
    seen: bool = False
    seen_late: bool = False
    """Whether the head was seen when its parent could no longer be a concurrent request."""
    revoked: bool = False
    gone: bool = False

    def present(self, number: int, now: int, window: int) -> End:
        """Present the refresh token of generation `number`.

        Args:
            number: The generation.
            now: Unix seconds.
            window: Seconds after a rotation for which a lost answer is given again.
        """
        head = len(self.made) - 1
        has_expired = now >= self.made[number].refresh_token_dies
        if self.gone or self.revoked:
            if has_expired:
                return End.EXPIRED
            return End.GONE if self.gone else End.INVALID
        if number == head:
            if has_expired or now >= self.deadline - 300:
                return End.EXPIRED
            self.made.append(Generation(now, int(min(now + 7200, self.deadline - 300))))
            self.seen = self.seen_late = False
            return End.ROTATED
        if number == head - 1 and not has_expired and self.may_be_lost(now, window):
            if now >= self.made[-1].refresh_token_dies:
                return End.EXPIRED
            return End.REPLAYED
        self.revoked = True
        return End.EXPIRED_REUSE if has_expired else End.REUSE

    def may_be_lost(self, now: int, window: int) -> bool:
        """Whether the answer with the head may have been lost, or is on its way to another."""
        age = now - self.made[-1].since
        if window == 0 or age < -10 or age > window:
            return False
        return not self.seen or (age <= 10 and not self.seen_late)

    def use(self, number: int, now: int) -> bool:
        """Show the SAT of generation `number`; returns whether it is good."""
        good = not self.gone and not self.revoked and now < self.made[number].sat_dies
        if good and number == len(self.made) - 1:
            self.seen = True
            self.seen_late |= not -10 <= now - self.made[-1].since <= 10
        return good
