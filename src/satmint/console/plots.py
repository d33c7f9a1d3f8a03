"""Plots as values: where bars and lines go. Templates draw them as SVG; see `plots.html`.

A plot is 600 by 100 units, stretched to its place; numbers and times stand beside it as text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 100
_GAP: Final = 0.18
"""The part of a bar's width that is left free."""


@dataclass(frozen=True, slots=True)
class Series:
    """What is drawn in one colour."""

    name: str
    tone: str
    """`mint`, `blue`, `amber`, `red` or `grey`."""
    values: Sequence[float | None]
    """One for each step, in order; None: there is no value."""
    total: str = ""
    """What the legend says: the sum, or the last value."""


@dataclass(frozen=True, slots=True)
class PlottedSeries:
    """One series, drawn."""

    series: Series
    path: str
    is_line: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of time: where it is, and what happened in it."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, ready to be drawn."""

    title: str
    summary: str
    """For those who do not see it."""
    shapes: Sequence[PlottedSeries]
    top: str
    """The label of the upper end of the axis."""
    middle: str
    times: Sequence[str]
    """Labels of the time axis, from the left end to the right end."""
    steps: Sequence[Step]
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """The time axis of plots."""

    starts: Sequence[int]
    """Unix seconds of the start of each step."""
    labels: Sequence[str]
    clock: Callable[[int], str]
    """Writes the start of a step."""


def plot(
    title: str,
    axis: Axis,
    series: Sequence[Series],
    show: Callable[[float], str],
    *,
    stacked: bool,
    least: float = 0,
) -> Plot:
    """Draw series as bars on each other, or as lines.

    Args:
        title: What is measured, with the unit.
        axis: The time axis.
        series: The first one is at the bottom.
        show: Writes a value.
        stacked: Whether they are counts that add up; else they are lines.
        least: The upper end of the axis is not below this.
    """
    highest = _highest(series, stacked=stacked)
    top = max(nice_ceiling(highest), least)
    shapes = _bars(series, top) if stacked else _lines(series, top)
    width = WIDTH / max(len(axis.starts), 1)
    steps = [
        Step(round(number * width, 2), round(width, 2), _describe(axis, series, number, show))
        for number in range(len(axis.starts))
    ]
    return Plot(
        title=title,
        summary=_summary(title, series, show, highest),
        shapes=shapes,
        top=show(top),
        middle=show(top / 2),
        times=axis.labels,
        steps=steps,
        is_empty=all(value is None or value == 0 for each in series for value in each.values),
    )


def nice_ceiling(value: float) -> float:
    """The least value with one digit that is not below `value` and whose half is easy to read."""
    if value <= 0:
        return 1.0
    power = 10 ** floor(log10(value))
    steps = (1, 2, 4, 6, 8, 10) if power <= 1 else (1, 2, 3, 4, 5, 6, 8, 10)
    step = next(step for step in steps if value <= step * power * (1 + 1e-9))
    return float(step * power)


def _highest(series: Sequence[Series], *, stacked: bool) -> float:
    columns = zip(*(each.values for each in series), strict=True)
    join: Callable[[list[float]], float] = sum if stacked else max
    return max((join([value or 0 for value in column]) for column in columns), default=0.0)


def _bars(series: Sequence[Series], top: float) -> list[PlottedSeries]:
    count = max((len(each.values) for each in series), default=0)
    width, below, shapes = WIDTH / max(count, 1), [0.0] * count, []
    for each in series:
        parts = []
        for number, value in enumerate(each.values):
            if not value:
                continue
            height = max(value / top * HEIGHT, 0.8)
            below[number] += height
            x, y = (number + _GAP / 2) * width, HEIGHT - below[number]
            inner = width * (1 - _GAP)
            parts.append(f"M{x:.1f} {y:.1f}h{inner:.1f}v{height:.1f}h{-inner:.1f}z")
        shapes.append(PlottedSeries(each, "".join(parts), is_line=False))
    return shapes


def _lines(series: Sequence[Series], top: float) -> list[PlottedSeries]:
    count = max((len(each.values) for each in series), default=0)
    width, shapes = WIDTH / max(count, 1), []
    for each in series:
        parts, open_ = [], False
        for number, value in enumerate(each.values):
            if value is None:
                open_ = False
                continue
            x, y = number * width, HEIGHT - value / top * HEIGHT
            # Steps, as the values hold for the whole step.
            parts.append(f"{'L' if open_ else 'M'}{x:.1f} {y:.1f}h{width:.1f}")
            open_ = True
        shapes.append(PlottedSeries(each, "".join(parts), is_line=True))
    return shapes


def _describe(
    axis: Axis, series: Sequence[Series], number: int, show: Callable[[float], str]
) -> str:
    found = [
        f"{each.name} {show(value)}"
        for each in series
        if (value := each.values[number]) is not None and (value or len(series) == 1)
    ]
    when = axis.clock(axis.starts[number])
    if all(each.values[number] is None for each in series):
        return f"{when}: no data"
    return f"{when}: {', '.join(found) if found else 'nothing'}"


def _summary(
    title: str, series: Sequence[Series], show: Callable[[float], str], highest: float
) -> str:
    parts = [f"{each.name} {each.total}" for each in series if each.total]
    return f"{title}: {', '.join(parts) if parts else 'no data'}; highest {show(ceil(highest))}"
