"""A thief who is not found is noticed; one who cannot be is not asked for."""

from uuid import UUID

import pytest

from tests.soak.history import Answer, Ledger
from tests.soak.thefts import DETECTED, Discipline, Theft, TheftViolation, check_thefts

SESSION = UUID(int=1)
FOUND = Ledger(2, True, {("reuse_detected", None): 1})
QUIET = Ledger(2, False, {("refreshed", 1): 1})


def wrongs(discipline: Discipline, last: Answer, ledger: Ledger | None) -> list[str]:
    theft = Theft(SESSION, discipline, last)
    ledgers = {} if ledger is None else {SESSION: ledger}
    return [found.wrong for found in check_thefts([theft], ledgers)]


def test_all_but_one_discipline_have_to_be_found() -> None:
    assert set(Discipline) - DETECTED == {Discipline.WITHIN}


@pytest.mark.parametrize("discipline", sorted(DETECTED))
def test_each_of_them_is_missed_where_it_was_not(discipline: Discipline) -> None:
    assert wrongs(discipline, Answer.REFUSED, FOUND) == []
    both = [TheftViolation.NOT_REFUSED, TheftViolation.NO_ALARM]
    assert wrongs(discipline, Answer.GRANTED, QUIET) == both
    assert wrongs(discipline, Answer.ODD, FOUND) == [TheftViolation.NOT_REFUSED]
    assert wrongs(discipline, Answer.REFUSED, QUIET) == [TheftViolation.NO_ALARM]
    assert wrongs(discipline, Answer.REFUSED, None) == [TheftViolation.NO_ALARM]
    revoked = Ledger(2, True, {("session_revoked", None): 1})
    assert wrongs(discipline, Answer.REFUSED, revoked) == [TheftViolation.NO_ALARM]
    going_on = Ledger(2, False, {("reuse_detected", None): 1})
    assert wrongs(discipline, Answer.REFUSED, going_on) == [TheftViolation.STILL_ACTIVE]


@pytest.mark.parametrize("last", [Answer.GRANTED, Answer.REFUSED])
def test_the_one_within_the_window_need_not_be(last: Answer) -> None:
    assert wrongs(Discipline.WITHIN, last, QUIET) == []
