"""Was every thief found whose discipline gives him away? The plays are judged by the database.

What was granted and refused to whom, and when, is for the history checker. This one wants more than
that nothing contradicts: an alarm for each theft, in the audit trail.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from satmint.model.events import EventKind
from tests.soak.history import Answer, Ledger
from tests.soak.history_checker import Violation


class Discipline(StrEnum):
    """How a thief goes about it."""

    FIRST = "always goes first"
    FIRST_FOLLOWED = "goes first, and the holder follows within the window, but for the last time"
    SECOND = "goes second, after the new pair was used"
    SECOND_LATE = "goes second, two generations late"
    PATIENT = "waits until the window is over"
    WITHIN = "keeps within the window"


DETECTED: Final = frozenset(Discipline) - {Discipline.WITHIN}


@dataclass(frozen=True, slots=True)
class Theft:
    """A play that was played to its end."""

    session: UUID
    discipline: Discipline
    last: Answer
    """What the token was answered with that had to give the thief away; else the last answer."""


class TheftViolation(StrEnum):
    """What can be wrong with a theft."""

    NOT_REFUSED = "the token that gives a thief away was accepted"
    NO_ALARM = "a thief was not found"
    STILL_ACTIVE = "a thief was found, and the session goes on"


def check_thefts(thefts: Iterable[Theft], ledgers: Mapping[UUID, Ledger]) -> list[Violation]:
    """Every theft that had to be found and was not.

    Args:
        thefts: Those that were played to the end.
        ledgers: What the database says of their sessions.
    """
    return [
        Violation(wrong, theft.session, f"«{theft.discipline}», the last answer: {theft.last}")
        for theft in thefts
        if theft.discipline in DETECTED
        for wrong in _faults(theft, ledgers.get(theft.session))
    ]


def _faults(theft: Theft, ledger: Ledger | None) -> Iterator[TheftViolation]:
    if theft.last is not Answer.REFUSED:
        yield TheftViolation.NOT_REFUSED
    alarms = 0 if ledger is None else ledger.trail.get((EventKind.REUSE_DETECTED, None), 0)
    if not alarms:
        yield TheftViolation.NO_ALARM
    elif ledger is not None and not ledger.revoked:
        yield TheftViolation.STILL_ACTIVE
