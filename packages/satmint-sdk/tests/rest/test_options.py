"""Options of the client, of the call, and what neither says."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from satmint_sdk.rest import RequestOptions
from satmint_sdk.rest._options import resolve


def test_defaults() -> None:
    options = resolve(None, None)
    assert (options.timeout, options.retries, options.retry_backoff) == (30.0, 0, 0.5)
    assert options.retry_on_status == {429, 500, 502, 503, 504}
    assert options.abort_signal is None


def test_a_call_overrides_its_client_member_by_member() -> None:
    stop = threading.Event()
    client = RequestOptions(timeout=5, retries=4, retry_backoff=0.0, abort_signal=stop)
    options = resolve(client, RequestOptions(retries=0, retry_on_status=[503]))
    assert (options.timeout, options.retries, options.retry_backoff) == (5, 0, 0.0)
    assert options.retry_on_status == {503}
    assert options.abort_signal is stop


def test_retries_of_a_refresh_are_a_default_that_the_client_and_the_call_override() -> None:
    assert resolve(None, None, default_retries=2).retries == 2
    assert resolve(RequestOptions(retries=0), None, default_retries=2).retries == 0
    assert resolve(RequestOptions(retries=1), None, default_retries=2).retries == 1
    assert resolve(RequestOptions(retries=5), None, default_retries=2).retries == 5
    assert resolve(None, RequestOptions(retries=0), default_retries=2).retries == 0


@pytest.mark.parametrize(
    ("given", "total"),
    [
        (RequestOptions(total_timeout=7, timeout=1, retries=9), 7),
        (RequestOptions(timeout=1), 1),
        (RequestOptions(timeout=1, retries=0), 1),
        (RequestOptions(timeout=1, retries=2), 3 + 1 + 2),
        (RequestOptions(timeout=1, retries=2, retry_backoff=20), 3 + 30 + 30),
        (RequestOptions(retries=1), 60 + 120),
        (RequestOptions(), 90 + 240),
    ],
)
def test_what_a_caller_says_of_time_is_the_time_that_the_call_takes(
    given: RequestOptions, total: float
) -> None:
    """`timeout` alone is all; with `retries`, they and their back-offs have room; else 2 min."""
    assert resolve(given, None, default_retries=2).total_timeout == total


def test_any_number_of_retries_has_a_total() -> None:
    assert resolve(RequestOptions(timeout=1, retries=10**9), None).total_timeout > 10**9


def test_the_limits_of_connecting_and_reading_are_within_that_of_the_attempt() -> None:
    options = resolve(RequestOptions(timeout=5, connect_timeout=1, read_timeout=9), None)
    assert (options.connect_timeout, options.read_timeout) == (1, 5)
    options = resolve(None, None)
    assert (options.connect_timeout, options.read_timeout) == (30, 30)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"timeout": 0}, "timeout must be a number of seconds above zero"),
        ({"timeout": float("nan")}, "timeout must be a number of seconds above zero"),
        ({"connect_timeout": -1}, "connect_timeout must be a number of seconds above zero"),
        ({"read_timeout": 0}, "read_timeout must be a number of seconds above zero"),
        ({"total_timeout": 0}, "total_timeout must be a number of seconds above zero"),
        ({"max_response_bytes": -1}, "max_response_bytes must be zero or more"),
        *(
            (
                {"idempotency_key": key},
                'idempotency_key must be 1 to 255 visible ASCII characters but "\\',
            )
            for key in ("", "x" * 256, "a\n", "é", "a b", 'a"', "a\\")
        ),
        ({"retries": -1}, "retries must be zero or more"),
        ({"retries": True}, "retries must be zero or more"),
        ({"retry_backoff": -0.1}, "retry_backoff must be a number of seconds, zero or more"),
        (
            {"retry_backoff": float("inf")},
            "retry_backoff must be a number of seconds, zero or more",
        ),
    ],
)
def test_nonsense_is_refused_where_it_is_written(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        RequestOptions(**members)
    assert str(refused.value) == sentence
