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


def test_a_call_worth_repeating_is_repeated_unless_it_says_otherwise() -> None:
    assert resolve(None, None, at_least=2).retries == 2
    assert resolve(RequestOptions(retries=1), None, at_least=2).retries == 2
    assert resolve(RequestOptions(retries=5), None, at_least=2).retries == 5
    assert resolve(None, RequestOptions(retries=0), at_least=2).retries == 0


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"timeout": 0}, "timeout must be a number of seconds above zero"),
        ({"timeout": float("nan")}, "timeout must be a number of seconds above zero"),
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
