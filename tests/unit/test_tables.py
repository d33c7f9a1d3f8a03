"""Which columns of a table fit, what is cut, and what is never broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.cli.tables import TableFormat, table_lines
from satmint.model.times import relative_time

ID = "123e4567-e89b-42d3-a456-426614174000"
NOW = 1_800_000_000
ROW = {
    "id": ID,
    "name": "a name of thirty-three letters ok",
    "created_at": "2027-01-15T07:57:00Z",
    "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "locked": False,
}
COLUMNS = tuple(ROW)


def lines(width: int | None, *gives_way: str, now: int | None = NOW) -> list[str]:
    return [line.plain for line in table_lines(COLUMNS, [ROW], TableFormat(width, now), gives_way)]


def test_table_without_a_width_is_whole() -> None:
    head, row = lines(None, now=None)
    assert head.split() == ["id", "name", "created", "at", "agent", "locked"]
    assert row == "  ".join((ID, *(str(ROW[name]) for name in COLUMNS[1:4]), "no"))


def test_columns_that_give_way_are_left_out_before_text_is_cut() -> None:
    head, row, note = lines(80, "agent", "locked")
    assert head.split() == ["id", "name", "created"]
    assert row == f"{ID}  a name of thirty-three letters…  3 min ago"
    assert note == "Not shown: agent, locked. Show everything: --wide"


def test_other_columns_are_left_out_from_the_last_when_text_is_as_short_as_it_may_be() -> None:
    _, row, note = lines(80)
    assert row.startswith(ID)
    assert "3 min ago" in row
    assert note == "Not shown: locked. Show everything: --wide"


def test_text_is_cut_before_other_columns_are_left_out() -> None:
    head, row, note = lines(100)
    assert head.split() == ["id", "name", "created", "agent", "locked"]
    assert row.count("…") == 2
    assert note == "Text was shortened. Show everything: --wide"


def test_kinds_and_states_are_not_cut() -> None:
    row = {
        "at": "2027-01-15T07:57:00Z",
        "kind": "subscriber_revoked",
        "session_id": ID,
        "cause": "x y",
    }
    head, shown, note = table_lines(tuple(row), [row], TableFormat(70, NOW))
    assert shown.plain == f"3 min ago  subscriber_revoked  {ID}"
    assert head.plain.split() == ["at", "kind", "session", "id"]
    assert note.plain == "Not shown: cause. Show everything: --wide"


def test_wide_characters_count_as_two() -> None:
    row = {"id": ID, "name": "日本語" * 20}
    _, shown, _ = table_lines(("id", "name"), [row], TableFormat(80, NOW))
    assert shown.cell_len <= 80


@given(width=st.integers(1, 200), gives_way=st.permutations(COLUMNS[1:]))
def test_table_fits_and_breaks_no_id_and_no_time(width: int, gives_way: list[str]) -> None:
    shown = table_lines(COLUMNS, [ROW], TableFormat(width, NOW), gives_way)
    head, row = (line.plain for line in shown[:2])
    assert ID in row
    assert ("created" in head) == ("3 min ago" in row)
    assert max(shown[0].cell_len, shown[1].cell_len) <= max(width, len(ID))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (86_399, "23 h ago"),
        (99 * 86_400, "99 d ago"),
        (100 * 86_400, "2026-10-07"),
        (-1, "in 1 s"),
        (-7200, "in 2 h"),
        (-100 * 86_400, "2027-04-25"),
    ],
)
def test_relative_time(seconds: int, shown: str) -> None:
    assert relative_time(NOW - seconds, NOW) == shown
