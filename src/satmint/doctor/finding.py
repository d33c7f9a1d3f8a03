"""What an examination has found, check by check."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and an operator should look at it."""
    ERROR = "error"
    """Something does not work, or is not safe."""
    SKIPPED = "skipped"
    """It could not be examined; the summary says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. Contains no secret."""

    check: str
    """A stable name, `group.check`."""
    level: Level
    summary: str
    """What was found, one sentence without a full stop."""
    remedy: str = ""
    """What to do, naming the setting or the command; "" if there is nothing to do."""

    @property
    def group(self) -> str:
        """The subject of the check."""
        return self.check.partition(".")[0]


def ok(check: str, summary: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Level.OK, summary)


def warning(check: str, summary: str, remedy: str) -> Finding:
    """It works, and an operator should look at it."""
    return Finding(check, Level.WARNING, summary, remedy)


def error(check: str, summary: str, remedy: str) -> Finding:
    """Something does not work, or is not safe."""
    return Finding(check, Level.ERROR, summary, remedy)


def skipped(check: str, reason: str, remedy: str = "") -> Finding:
    """It could not be examined."""
    return Finding(check, Level.SKIPPED, reason, remedy)
