"""Tables and figures in Markdown."""

from collections.abc import Iterator, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """A table.

    Args:
        head: Titles of the columns.
        rows: Their cells.
        sides: A letter for each column: `l` for left, `r` for right, `c` for the centre.
    """
    return "\n".join(_lines(head, rows, sides))


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> Iterator[str]:
    marks = {"l": "---", "r": "---:", "c": ":-:"}
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join(marks[side] for side in sides)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
