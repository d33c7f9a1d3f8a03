"""Times as text."""

import pytest

from satmint.model.times import duration, iso, iso_or_none, read_time, relative_time

DAY = 86_400
NOW = 1_700_000_000


def test_time_is_iso_8601_in_utc() -> None:
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(1_700_000_000) == iso_or_none(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_no_time_is_none_and_zero_is_a_time() -> None:
    assert iso_or_none(None) is None
    assert iso_or_none(0) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (1, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (119, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (DAY - 1, "23 h"),
        (DAY, "1 d"),
        (99 * DAY, "99 d"),
    ],
)
def test_distance_is_told_in_its_greatest_unit_rounded_down(distance: int, text: str) -> None:
    assert duration(distance) == text
    assert relative_time(NOW - distance, NOW) == f"{text} ago"
    assert relative_time(NOW + distance, NOW) == f"in {text}"


def test_now_is_no_distance_and_more_than_99_days_are_a_date() -> None:
    assert duration(0) == "0 s"
    assert relative_time(NOW, NOW) == "now"
    assert relative_time(NOW + 99 * DAY + 1, NOW) == iso(NOW + 99 * DAY + 1)[:10] == "2024-02-21"
    assert relative_time(NOW - 99 * DAY - 1, NOW) == iso(NOW - 99 * DAY - 1)[:10] == "2023-08-07"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("999999999999", 999_999_999_999),
        ("1000000000000", None),
        ("-1", None),
        ("", None),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14t22:13:20z", NOW),
        ("2023-11-14 23:13:20+01:00", NOW),
        ("2023-11-14T21:43:20-00:30", NOW),
        ("2023-11-14T22:13:20.9Z", NOW),
        ("2023-11-14T22:13:20.123456789Z", NOW),
        ("2023-11-14T22:13:20.1234567891Z", None),
        ("2023-11-14T22:13:20.Z", None),
        ("2023-11-14T22:13:20", None),
        ("2023-11-14", None),
        ("2023-13-14T22:13:20Z", None),
        ("2023-11-14T22:13:60Z", None),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140),
        ("yesterday", None),
        ("١٢", None),
    ],
)
def test_time_is_read_in_rfc_3339_and_in_seconds(text: str, seconds: int | None) -> None:
    assert read_time(text) == seconds
