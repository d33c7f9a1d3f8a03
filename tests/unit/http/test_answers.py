"""Answers as values: times as people write them, and no secret that prints itself."""

from uuid import UUID

import pytest

from satmint.http.answers import ApiTokenAnswer, NewC2cTokenAnswer, TokenAnswer
from satmint.model.lifetimes import LATEST_EXPIRY, REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.times import iso, iso_or_none
from tests.kit.clock import NOW

ID = UUID(int=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (NOW, "2023-11-14T22:13:20Z"),
        (LATEST_EXPIRY + REFRESH_TOKEN_GRACE_SECONDS, "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_iso_8601_in_utc(seconds: int, text: str) -> None:
    assert iso(seconds) == iso_or_none(seconds) == text


def test_time_that_has_not_come_is_none() -> None:
    assert iso_or_none(None) is None


@pytest.mark.parametrize(
    "answer",
    [
        TokenAnswer("secret"),
        ApiTokenAnswer(ID, "name", [], "secret"),
        NewC2cTokenAnswer(ID, ID, "name", (), iso(NOW), None, "secret"),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_no_answer_prints_its_token(answer: object) -> None:
    assert "secret" not in repr(answer) + str(answer)
