"""Plots as SVG text, readable on a light and on a dark page: they bring their own background.

A file shown by `<img>` cannot ask its page which of the two it is. It goes by what the reader's
system prefers, and with a background of its own it is right in any case.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 820
_MARGIN: Final = 24
_STYLE: Final = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .back { fill: #ffffff; stroke: #d1d9e0 }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 11.5px; fill: #59636e }
  .strong { font-weight: 600 }
  .bad { fill: #b3261e }
  .grid { stroke: #e4e8ec }
  .ours { fill: #0b62c9 } .other { fill: #8b949e } .floor { fill: #c9d1d9 }
  .line { fill: none; stroke-width: 2.5 }
  .first { stroke: #0b62c9 } .second { stroke: #b35900 }
  .dot.first { fill: #0b62c9 } .dot.second { fill: #b35900 }
  text.first { fill: #0b62c9; stroke: none } text.second { fill: #b35900; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .back { fill: #0d1117; stroke: #3d444d }
    .small { fill: #9198a1 }
    .bad { fill: #ff8a80 }
    .grid { stroke: #262c34 }
    .ours { fill: #4c9aff } .other { fill: #6e7681 } .floor { fill: #3d444d }
    .first { stroke: #4c9aff } .second { stroke: #f0a050 }
    .dot.first { fill: #4c9aff } .dot.second { fill: #f0a050 }
    text.first { fill: #4c9aff } text.second { fill: #f0a050 }
  }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart."""

    name: str
    note: str
    """In small letters below the name."""
    value: float
    text: str
    """Beside the bar."""
    kind: str
    """`ours`, `other` or `floor`."""
    remark: str = ""
    """In small letters beside the value."""
    bad: bool = False
    """Whether the remark is bad news."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a line chart."""

    name: str
    points: Sequence[tuple[float, float]]
    """By x, which is shown on a logarithmic scale."""


def bar_chart(title: str, rows: Sequence[Bar]) -> str:
    """Bars that lie one below the other, longest value full width."""
    left, row_height, top = 300, 44, 62
    full = _WIDTH - left - 250
    most = max(row.value for row in rows) or 1.0
    parts = [_text(_MARGIN, 36, title, "title")]
    for number, row in enumerate(rows):
        y = top + number * row_height
        length = max(2.0, row.value / most * full)
        parts += [
            _text(_MARGIN, y + 15, row.name, "strong" if row.kind == "ours" else ""),
            _text(_MARGIN, y + 31, row.note, "small"),
            f'<rect class="{row.kind}" x="{left}" y="{y + 6}" width="{length:.1f}" height="20"/>',
            _text(left + length + 8, y + 21, row.text, "strong"),
            _text(
                left + length + 18 + 8.2 * len(row.text),
                y + 21,
                row.remark,
                "small bad" if row.bad else "small",
            ),
        ]
    return _svg(top + len(rows) * row_height + 14, title, parts)


def line_chart(title: str, x_title: str, lines: Sequence[Line]) -> str:
    """Lines over a logarithmic x, with y from zero."""
    left, top, bottom, right = 74, 62, 300, _WIDTH - 130
    xs = sorted({x for line in lines for x, _ in line.points})
    most = _round_up(max(y for line in lines for _, y in line.points))
    low, high = math.log10(xs[0]), math.log10(xs[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - low) / (high - low) if high > low else 0.5
        return left + 16 + share * (right - left - 32), bottom - y / most * (bottom - top)

    parts = [_text(_MARGIN, 36, title, "title")]
    for step in range(5):
        value = most * step / 4
        y = place(xs[0], value)[1]
        parts += [
            f'<path class="grid" d="M{left} {y:.1f}H{right}"/>',
            _text(left - 8, y + 4, f"{value:,.0f}", "small", "end"),
        ]
    for x in xs:
        parts.append(_text(place(x, 0)[0], bottom + 20, f"{x:,.0f}", "small", "middle"))
    parts.append(_text((left + right) / 2, bottom + 42, x_title, "small", "middle"))
    ends = _apart([place(*line.points[-1])[1] for line in lines])
    for line, colour, end in zip(lines, ("first", "second"), ends, strict=False):
        dots = [place(*point) for point in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in dots)
        parts.append(f'<path class="line {colour}" d="M{path}"/>')
        parts += [
            f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in dots
        ]
        parts.append(_text(dots[-1][0] + 14, end + 4, line.name, f"strong {colour}"))
    return _svg(bottom + 60, title, parts)


def _apart(heights: Sequence[float], least: float = 18.0) -> list[float]:
    """The same heights, moved so that labels there do not cover each other."""
    placed: dict[int, float] = {}
    for number in sorted(range(len(heights)), key=lambda one: heights[one]):
        above = max(placed.values(), default=-math.inf)
        placed[number] = max(heights[number], above + least)
    return [placed[number] for number in range(len(heights))]


def _round_up(value: float) -> float:
    """The next number that divides well by four."""
    step = 10.0 ** math.floor(math.log10(value))
    return next(step * times for times in (1, 2, 4, 6, 8, 10, 12) if step * times >= value)


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    if not text:
        return ""
    kind = f' class="{style}"' if style else ""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{side}>{escape(text)}</text>'


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    inside = "\n".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' height="{height}" role="img" aria-label="{escape(title)}">\n<style>{_STYLE}</style>\n'
        f'<rect class="back" x=".5" y=".5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>\n'
        f"{inside}\n</svg>\n"
    )
