"""When a failed request is worth another attempt, and how long to wait before it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk._retry import backoff, http_date, is_transient, retry_after
from satmint_sdk.rest import RequestOptions
from satmint_sdk.rest._options import resolve
from satmint_sdk.rest._resend import may_retry, retry_delay

NOW = 1_800_000_000.0
DEFAULTS = resolve(None, None)
DRAWS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_idempotent_methods_repeat_on_every_retryable_failure(method: str, status: int) -> None:
    assert may_retry(method, status, DEFAULTS, repeatable=False)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, True), (503, True), (500, False), (502, False), (504, False)],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_post_repeats_only_where_nothing_was_done(method: str, status: int, expected: bool) -> None:
    assert may_retry(method, status, DEFAULTS, repeatable=False) is expected


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_refresh_repeats_on_every_retryable_failure(status: int) -> None:
    assert may_retry("POST", status, DEFAULTS, repeatable=True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 501])
def test_a_verdict_is_never_repeated(status: int) -> None:
    assert not may_retry("GET", status, DEFAULTS, repeatable=True)


def test_statuses_of_the_caller_replace_the_defaults() -> None:
    options = resolve(RequestOptions(retry_on_status={418}), None)
    assert may_retry("GET", 418, options, repeatable=False)
    assert not may_retry("GET", 503, options, repeatable=False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Friday, 15-Jan-27 08:00:30 GMT", 30.0),
        ("Fri Jan 15 08:00:30 2027", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
        ("Fri, 99 Xyz 2027 08:00:30 GMT", None),
    ],
)
def test_retry_after_in_both_forms_and_in_none(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_a_date_is_compared_with_the_clock_that_wrote_it() -> None:
    headers = {
        "retry-after": "Fri, 15 Jan 2027 08:00:30 GMT",
        "date": "Fri, 15 Jan 2027 08:00:10 GMT",
    }
    assert retry_after(headers, NOW - 5000) == 20.0


def test_no_header_no_wait() -> None:
    assert retry_after({}, NOW) is None


@given(st.text(max_size=60))
def test_any_header_gives_a_finite_wait_or_none(value: str) -> None:
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@given(st.text(max_size=60))
def test_any_date_gives_a_finite_time_or_none(value: str) -> None:
    seconds = http_date(value)
    assert seconds is None or math.isfinite(seconds)


@given(st.integers(1, 10_000), DRAWS)
def test_a_back_off_is_between_half_a_second_and_thirty(failures: int, draw: float) -> None:
    assert 0.5 <= backoff(failures, draw) <= 30.0


def test_back_offs_grow_and_spread() -> None:
    assert [backoff(n, 1.0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert {backoff(n, 0.0) for n in range(1, 9)} == {0.5}


def test_a_back_off_begins_where_it_is_told_to() -> None:
    assert [backoff(n, 1.0, first=3.0) for n in range(1, 5)] == [6, 12, 24, 30]
    assert backoff(5, 0.5, first=0.0) == 0.0
    assert backoff(1, 0.7, first=90.0) == 30.0


@given(st.integers(1, 20), DRAWS)
def test_rest_calls_and_refreshes_wait_alike(attempt: int, draw: float) -> None:
    assert retry_delay(attempt, None, draw, DEFAULTS) == backoff(attempt, draw)


def test_an_enormous_attempt_does_not_overflow() -> None:
    assert retry_delay(100_000, None, 1.0, DEFAULTS) == 30.0


def test_the_servers_wish_goes_before_the_own_delay() -> None:
    assert retry_delay(1, 90.0, 0.5, DEFAULTS) == 90.0
    assert retry_delay(1, 0.0, 0.5, DEFAULTS) == 0.0


def test_a_server_cannot_hold_a_caller_up_for_a_day() -> None:
    assert retry_delay(1, 86_400.0, 0.5, DEFAULTS) is None


def test_what_may_pass_is_a_time_out_too_early_too_many_or_a_server_s_own_error() -> None:
    assert [status for status in range(200, 600) if is_transient(status)] == [
        *(408, 425, 429),
        *range(500, 600),
    ]


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_a_date_without_an_offset_is_in_utc(zone: str) -> None:
    assert http_date(f"Fri, 15 Jan 2027 08:00:00 {zone}") == NOW


@pytest.mark.parametrize(("text", "zone"), [("09:30", "+0130"), ("03:00", "-0500")])
def test_an_offset_counts(text: str, zone: str) -> None:
    assert http_date(f"Fri, 15 Jan 2027 {text}:00 {zone}") == NOW
