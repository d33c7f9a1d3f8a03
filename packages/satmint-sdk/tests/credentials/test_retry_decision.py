"""What an error means: try again, or stop."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk.credentials import (
    CredentialError,
    InvalidCredential,
    StoreError,
    StoreLocked,
    TransientRefreshError,
)
from satmint_sdk.credentials.refresh._retry_decision import (
    GiveUp,
    Retry,
    RetryDecision,
    decide_retry,
    describe,
)
from satmint_sdk.rest import SignalWireRestError, SignalWireRestTransportError
from satmint_sdk.testing import make_token

NOW = 1_800_000_000.0


def rest(status: int, code: str | None = None, **headers: str) -> SignalWireRestError:
    body = {"errors": [{"code": code}]} if code is not None else {"error": "x"}
    return SignalWireRestError(status, body, "https://example.test/x", "POST", headers)


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (TransientRefreshError("busy"), Retry("provider")),
        (TransientRefreshError("busy", 7), Retry("provider", 7.0)),
        (TransientRefreshError("busy", -7), Retry("provider")),
        (SignalWireRestTransportError("gone", "u"), Retry("no_answer")),
        (rest(408), Retry("http_408")),
        (rest(425), Retry("http_425")),
        (rest(429), Retry("http_429")),
        (rest(429, **{"retry-after": "9"}), Retry("http_429", 9.0)),
        (rest(503, **{"Retry-After": "9"}), Retry("http_503")),
        (rest(503, **{"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}), Retry("http_503", 60.0)),
        (rest(500), Retry("http_500")),
        (rest(599), Retry("http_599")),
        (rest(200), Retry("unreadable_answer")),
        (rest(299), Retry("unreadable_answer")),
        (rest(300), GiveUp("http_300")),
        (rest(401), GiveUp("http_401")),
        (rest(403), GiveUp("http_403")),
        (rest(404), GiveUp("http_404")),
        (rest(422, "token_expired"), GiveUp("token_expired")),
        (rest(422, "token_invalid"), GiveUp("token_invalid")),
        (rest(400), GiveUp("http_400")),
        (rest(302), GiveUp("http_302")),
        (StoreLocked("held"), Retry("store_locked")),
        (StoreError("garbage"), GiveUp("provider")),
        (TimeoutError(), Retry("timeout")),
        (ConnectionResetError(), Retry("no_answer")),
        (OSError(28, "disk full"), Retry("os_error")),
        (httpx.ConnectTimeout("late"), Retry("no_answer")),
        (InvalidCredential("empty"), GiveUp("invalid_credential")),
        (CredentialError("no"), GiveUp("provider")),
        (RuntimeError("cannot refresh"), GiveUp("provider")),
        (KeyError("token"), GiveUp("provider")),
    ],
    ids=repr,
)
def test_the_table(error: Exception, decision: RetryDecision) -> None:
    assert decide_retry(error, NOW) == decision


@given(st.integers(100, 999))
def test_only_passing_statuses_pass(status: int) -> None:
    passing = status in (408, 425, 429) or 200 <= status < 300 or status >= 500
    assert isinstance(decide_retry(rest(status), NOW), Retry) is passing


def test_a_description_is_one_line_without_tokens() -> None:
    token = make_token("Refresh")
    line = describe(RuntimeError(f"refused\n{token}"))
    assert line == "RuntimeError: refused [hidden]"
