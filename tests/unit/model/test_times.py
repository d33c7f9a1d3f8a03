"""Times as text."""

from satmint.model.times import iso, iso_or_none


def test_time_is_iso_8601_in_utc() -> None:
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(1_700_000_000) == iso_or_none(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_no_time_is_none_and_zero_is_a_time() -> None:
    assert iso_or_none(None) is None
    assert iso_or_none(0) == "1970-01-01T00:00:00Z"
