"""What comes late is noticed, unless something was done to the server."""

from uuid import UUID

import pytest

from tests.soak.history import FOREVER
from tests.soak.promptness import (
    BOUNDS,
    Awaited,
    Bound,
    PromptnessViolation,
    Reaction,
    check_reactions,
    summary,
)
from tests.soak.rules import SECOND, Rules
from tests.soak.spans import Span, Stalls

SESSION = UUID(int=1)
BOUND = {awaited: Bound(2, 10) for awaited in Awaited}
LATE, NEVER = PromptnessViolation.LATE, PromptnessViolation.NEVER


def seconds(earliest: float, latest: float) -> Span:
    return Span(int(earliest * SECOND), int(latest * SECOND))


def reaction(began: float, ended: float | None) -> Reaction:
    end = FOREVER if ended is None else int(ended * SECOND)
    return Reaction(Awaited.ALERT, SESSION, int(began * SECOND), end)


CASES = {
    "prompt": ([], reaction(100, 101.9), []),
    "late": ([], reaction(100, 102.1), [LATE]),
    "never": ([], reaction(100, None), [NEVER]),
    "not yet": ([], reaction(299, None), []),
    "killed meanwhile": ([seconds(101, 103)], reaction(100, 112.9), []),
    "late even so": ([seconds(101, 103)], reaction(100, 113.1), [LATE]),
    "never, even so": ([seconds(101, 103)], reaction(100, None), [NEVER]),
    "killed shortly before": ([seconds(90, 95)], reaction(100, 104.9), []),
    "killed long before": ([seconds(80, 85)], reaction(100, 104.9), [LATE]),
    "killed when it was late already": ([seconds(103, 104)], reaction(100, 105), [LATE]),
    "killed again while it recovered": (
        [seconds(101, 102), seconds(110, 111), seconds(120, 121)],
        reaction(100, 130.9),
        [],
    ),
    "killed again after it had to be there": (
        [seconds(101, 102), seconds(113, 114)],
        reaction(100, 115),
        [LATE],
    ),
    "still killed": ([Span(101 * SECOND, FOREVER)], reaction(100, None), []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_waited_for_is_judged(case: str) -> None:
    disturbances, waited, expected = CASES[case]
    rules = Rules(disturbances=disturbances)
    found = check_reactions([waited], rules, 300 * SECOND, BOUND)
    assert [violation.wrong for violation in found] == expected


def test_time_in_which_the_machine_was_too_busy_does_not_count() -> None:
    def wrongs(stall: Span) -> list[str]:
        rules = Rules(stalls=Stalls([stall]))
        found = check_reactions([reaction(100, 103)], rules, 300 * SECOND, BOUND)
        return [str(violation.wrong) for violation in found]

    assert wrongs(seconds(101, 102.1)) == []
    assert wrongs(seconds(99, 101.1)) == []
    assert wrongs(seconds(101, 101.9)) == [LATE]
    assert wrongs(seconds(99, 100.9)) == [LATE]
    assert wrongs(seconds(104, 108)) == [LATE]


def test_a_kill_after_the_machine_was_too_busy_still_counts() -> None:
    rules = Rules(stalls=Stalls([seconds(100, 103)]), disturbances=[seconds(104, 105)])
    assert check_reactions([reaction(100, 114.9)], rules, 300 * SECOND, BOUND) == []
    (found,) = check_reactions([reaction(100, 115.1)], rules, 300 * SECOND, BOUND)
    assert found.wrong is LATE


@pytest.mark.parametrize("awaited", list(Awaited))
def test_a_lock_of_others_is_no_excuse(awaited: Awaited) -> None:
    rules = Rules(held=[seconds(90, 200)])
    ended = int((100.1 + BOUNDS[awaited].calm) * SECOND)
    late = Reaction(awaited, SESSION, 100 * SECOND, ended, "GET /")
    (found,) = check_reactions([late], rules, 300 * SECOND)
    assert (
        str(found)
        == f"{SESSION}: it came late: {awaited}, GET /, {BOUNDS[awaited].calm + 0.1:.1f} s"
    )


def test_summary_tells_calm_times_from_others() -> None:
    rules = Rules(disturbances=[seconds(50, 51)], held=[seconds(70, 72)])
    waited = [(1, 1.5), (2, 3), (49, 52), (60, None), (69, 71)]
    lines = summary([reaction(*times) for times in waited], rules)
    assert lines == [
        f"{Awaited.ALERT}, beside held rows: 1, median 2.000 s, worst 2.000 s",
        f"{Awaited.ALERT}, disturbed: 1, median 3.000 s, worst 3.000 s",
        f"{Awaited.ALERT}, in calm: 2, median 0.750 s, worst 1.000 s",
    ]
