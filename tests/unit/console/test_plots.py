"""Plots: where bars and lines go, and what they say to those who do not see them."""

import pytest

from satmint.console.plots import Axis, Series, nice_ceiling, plot

AXIS = Axis([0, 60, 120], ("then", "now"), lambda at: f"at {at}")


def show(value: float) -> str:
    return f"{value:g}"


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 1), (1, 1), (3, 4), (5, 6), (9, 10), (21, 30), (41, 50), (99, 100), (0.003, 0.004)],
)
def test_axis_ends_at_a_value_whose_half_is_easy_to_read(value: float, top: float) -> None:
    assert nice_ceiling(value) == pytest.approx(top)


def test_bars_stand_on_each_other() -> None:
    series = [Series("a", "mint", [1, 0, None], "1"), Series("b", "red", [3, 2, None], "5")]
    drawn = plot("Things", AXIS, series, show, stacked=True)
    assert (drawn.top, drawn.middle) == ("4", "2")
    first, second = drawn.shapes
    assert first.path == "M18.0 75.0h164.0v25.0h-164.0z"
    assert second.path == "M18.0 0.0h164.0v75.0h-164.0zM218.0 50.0h164.0v50.0h-164.0z"
    assert [step.text for step in drawn.steps] == [
        "at 0: a 1, b 3",
        "at 60: b 2",
        "at 120: no data",
    ]
    assert drawn.summary == "Things: a 1, b 5; highest 4"
    assert not drawn.is_empty


def test_lines_are_steps_and_have_gaps_where_nothing_is_known() -> None:
    drawn = plot("Things", AXIS, [Series("a", "mint", [2, None, 1])], show, stacked=False)
    (shape,) = drawn.shapes
    assert shape.path == "M0.0 0.0h200.0M400.0 50.0h200.0"
    assert drawn.summary == "Things: no data; highest 2"


def test_nothing_is_said_to_be_nothing() -> None:
    drawn = plot("Things", AXIS, [Series("a", "mint", [0, 0, None])], show, stacked=True, least=2)
    assert drawn.is_empty
    assert (drawn.top, drawn.shapes[0].path) == ("2", "")
