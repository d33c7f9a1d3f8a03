"""A restore that revives or loses something is noticed."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.soak.callers import Held
from tests.soak.history import Answer
from tests.soak.restore import RestoreReport, RestoreViolation, check_restore

HELD = Held(UUID(int=1), UUID(int=2), 3, "token", "refresh")
GOOD = RestoreReport(
    refusal="satmint: it is a backup: restore it with `satmint db restore`",
    shown=[(HELD, "use", Answer.REFUSED), (HELD, "refresh", Answer.REFUSED)],
    signed_in=[("ada", Answer.GRANTED)],
    came_back=frozenset({"backend", "deleted"}),
    listed=frozenset({"backend", "deleted"}),
)


def test_a_restore_as_the_guide_says_is_passed() -> None:
    assert check_restore(GOOD) == []


BAD = {
    "a server that starts": (replace(GOOD, refusal=""), RestoreViolation.STARTED),
    "a server that fails for another reason": (
        replace(GOOD, refusal="exit code 2: no such option"),
        RestoreViolation.STARTED,
    ),
    "a command that fails": (
        replace(GOOD, failure="the database is in use"),
        RestoreViolation.NOT_ADOPTED,
    ),
    "a SAT of before": (
        replace(GOOD, shown=[(HELD, "use", Answer.GRANTED)]),
        RestoreViolation.REVIVED,
    ),
    "a refresh token of before": (
        replace(GOOD, shown=[*GOOD.shown, (HELD, "refresh", Answer.GRANTED)]),
        RestoreViolation.REVIVED,
    ),
    "a failure of the server": (
        replace(GOOD, shown=[(HELD, "refresh", Answer.ODD)]),
        RestoreViolation.REVIVED,
    ),
    "nobody tried": (replace(GOOD, shown=[]), RestoreViolation.NOTHING_SHOWN),
    "nobody signed in": (replace(GOOD, signed_in=[]), RestoreViolation.NOTHING_SHOWN),
    "somebody who is locked out": (
        replace(GOOD, signed_in=[("ada", Answer.GRANTED), ("bob", Answer.REFUSED)]),
        RestoreViolation.LOCKED_OUT,
    ),
    "a token that is not listed": (
        replace(GOOD, listed=frozenset({"backend"})),
        RestoreViolation.UNLISTED,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_restore_that_goes_wrong_is_found(case: str) -> None:
    report, wrong = BAD[case]
    assert [found.wrong for found in check_restore(report)] == [wrong]


def test_each_kind_of_wrong_is_seen_by_some_case() -> None:
    assert {wrong for _, wrong in BAD.values()} == set(RestoreViolation)


def test_report_is_told_in_a_line() -> None:
    assert GOOD.summary == (
        "restore: of before refresh refused 1, use refused 1; 1 signed in again;"
        " «satmint: it is a backup: restore it with `satmint db restore`»"
    )
