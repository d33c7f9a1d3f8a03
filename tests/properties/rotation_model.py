"""The rules of refresh once more, from the written contract alone and in the plainest form.

Nothing here is imported from the service: the machine in `test_rotation_machine` holds the service
to this. A presented token comes to one of six ends.
"""

from dataclasses import dataclass, field
from enum import Enum, auto


class End(Enum):
    """What becomes of a refresh token that is presented."""

    ROTATED = auto()
    REPLAYED = auto()
    REUSE = auto()
    """Refused as invalid; the session is dead from now on."""
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
class Family:
    """All generations of one session."""

    deadline: float
    made: list[Generation] = field(default_factory=list)
    seen: bool = False
    revoked: bool = False
    gone: bool = False

    def present(self, number: int, now: int, cap: int | None) -> End:
        """Present the refresh token of generation `number`."""
        head, age = len(self.made) - 1, now - self.made[-1].since
        if now >= self.made[number].refresh_token_dies:
            return End.EXPIRED
        if self.gone:
            return End.GONE
        if self.revoked:
            return End.INVALID
        if now >= self.made[-1].refresh_token_dies:
            return End.EXPIRED
        if number == head:
            if now >= self.deadline - 300:
                return End.EXPIRED
            self.made.append(Generation(now, int(min(now + 7200, self.deadline - 300))))
            self.seen = False
            return End.ROTATED
        lately = cap is None or (cap > 0 and age <= cap)
        if number == head - 1 and lately and (not self.seen or age <= 10):
            return End.REPLAYED
        self.revoked = True
        return End.REUSE

    def use(self, number: int, now: int) -> bool:
        """Show the SAT of generation `number`; returns whether it is good."""
        good = not self.gone and not self.revoked and now < self.made[number].sat_dies
        if good and number == len(self.made) - 1:
            self.seen = True
        return good
