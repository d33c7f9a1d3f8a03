"""When a window may be over, and when it is for certain, also where the clock was set."""

import pytest

from tests.soak.rules import SECOND, ClockStep, Rules
from tests.soak.spans import Span

AT = Span(100 * SECOND, 101 * SECOND)


def shown(earliest: float, latest: float) -> Span:
    """So many seconds after the latest moment of the rotation."""
    return Span(AT.latest + int(earliest * SECOND), AT.latest + int(latest * SECOND))


def rules(*offsets: int) -> Rules:
    """The clock was set to each of these, a second after the rotation and later."""
    steps = [
        ClockStep(Span(AT.latest + number * SECOND, AT.latest + number * SECOND), offset)
        for number, offset in enumerate(offsets, 1)
    ]
    return Rules(15, steps=steps)


MAY_BE_OVER = {
    "within the window": (rules(), shown(2, 3), None),
    "in its last second": (rules(), shown(12, 13.5), None),
    "once the rotation may be so old": (rules(), shown(12, 14.5), 100 * SECOND + 15 * SECOND),
    "long after": (rules(), shown(30, 31), AT.latest + 30 * SECOND),
    "the clock went on": (rules(3600), shown(2, 3), AT.latest + 2 * SECOND),
    "the clock went on a little": (rules(5), shown(2, 3), None),
    "the clock went back": (rules(-3600), shown(2, 3), AT.latest + 2 * SECOND),
    "the clock went back a little": (rules(-8), shown(2, 3), None),
    "the clock went back, and time went by": (rules(-20), shown(15, 16), None),
    "the clock went on and back": (rules(3600, 0), shown(5, 6), AT.latest + 5 * SECOND),
    "the clock went on a little and back": (rules(8, 0), shown(5, 6), None),
    "the clock went on and back before": (
        Rules(15, steps=[ClockStep(Span(1, 2), 3600), ClockStep(Span(3, 4), 0)]),
        shown(5, 6),
        None,
    ),
    "before the clock went on": (rules(3600), shown(0.2, 0.5), None),
    "while the clock went on": (rules(3600), shown(0.2, 1.5), AT.latest + SECOND // 5),
}


@pytest.mark.parametrize("case", MAY_BE_OVER)
def test_when_a_window_may_be_over(case: str) -> None:
    held_to, when, expected = MAY_BE_OVER[case]
    assert held_to.may_be_over(15, AT, when) == expected


IS_OVER = {
    "within the window": (rules(), shown(2, 3), False),
    "in its last second": (rules(), shown(15.5, 16), False),
    "long after": (rules(), shown(17, 18), True),
    "the clock went on": (rules(3600), shown(2, 3), True),
    "the clock went on a little": (rules(5), shown(2, 3), False),
    "the clock went back": (rules(-3600), shown(2, 3), True),
    "the clock went back a little": (rules(-8), shown(2, 3), False),
    "the clock went back, and time went by": (rules(-20), shown(17, 18), False),
    "the clock went on and back": (rules(3600, 0), shown(5, 6), False),
    "while the clock went on": (rules(3600), shown(0.2, 1.5), False),
}


@pytest.mark.parametrize("case", IS_OVER)
def test_when_a_window_is_over_for_certain(case: str) -> None:
    held_to, when, expected = IS_OVER[case]
    assert held_to.is_over(15, AT, when) is expected


def test_a_head_in_use_has_the_shorter_window() -> None:
    assert [Rules(600).window(seen=seen) for seen in (False, True)] == [600, 10]
    assert [Rules(5).window(seen=seen) for seen in (False, True)] == [5, 5]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(0, 9), False),
        (Span(0, 10), True),
        (Span(15, 16), True),
        (Span(20, 30), True),
        (Span(21, 30), False),
        (Span(0, 99), True),
        (Span(50, 50), True),
    ],
)
def test_disturbances_and_locks_are_known(span: Span, *, expected: bool) -> None:
    held_to = Rules(disturbances=[Span(10, 20)], held=[Span(40, 60)])
    assert held_to.disturbed(span) is expected
    by_all = expected and span.earliest <= 20
    assert held_to.disturbed(span, most=True) is by_all
