"""What an error means: try again, or stop."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.tokens import mint
from signalwire.credentials import (
    CredentialError,
    InvalidCredential,
    StoreError,
    StoreLocked,
    TransientRefreshError,
)
from signalwire.credentials._verdict import Again, Stop, Verdict, describe, judge
from signalwire.rest import SignalWireRestError, SignalWireRestTransportError

NOW = 1_800_000_000.0


def rest(status: int, code: str | None = None, **headers: str) -> SignalWireRestError:
    body = {"errors": [{"code": code}]} if code is not None else {"error": "x"}
    return SignalWireRestError(status, body, "https://example.test/x", "POST", headers)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TransientRefreshError("busy"), Again("provider")),
        (TransientRefreshError("busy", 7), Again("provider", 7.0)),
        (TransientRefreshError("busy", -7), Again("provider")),
        (SignalWireRestTransportError("gone", "u"), Again("no_answer")),
        (rest(408), Again("http_408")),
        (rest(425), Again("http_425")),
        (rest(429), Again("http_429")),
        (rest(429, **{"retry-after": "9"}), Again("http_429", 9.0)),
        (rest(503, **{"Retry-After": "9"}), Again("http_503")),
        (rest(503, **{"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}), Again("http_503", 60.0)),
        (rest(500), Again("http_500")),
        (rest(599), Again("http_599")),
        (rest(200), Again("unreadable_answer")),
        (rest(401), Stop("http_401")),
        (rest(403), Stop("http_403")),
        (rest(404), Stop("http_404")),
        (rest(422, "token_expired"), Stop("token_expired")),
        (rest(422, "token_invalid"), Stop("token_invalid")),
        (rest(400), Stop("http_400")),
        (rest(302), Stop("http_302")),
        (StoreLocked("held"), Again("store_locked")),
        (StoreError("garbage"), Stop("provider")),
        (TimeoutError(), Again("timeout")),
        (ConnectionResetError(), Again("no_answer")),
        (OSError(28, "disk full"), Again("os_error")),
        (httpx.ConnectTimeout("late"), Again("no_answer")),
        (InvalidCredential("empty"), Stop("invalid_credential")),
        (CredentialError("no"), Stop("provider")),
        (RuntimeError("cannot refresh"), Stop("provider")),
        (KeyError("token"), Stop("provider")),
    ],
    ids=repr,
)
def test_the_table(error: Exception, verdict: Verdict) -> None:
    assert judge(error, NOW) == verdict


@given(st.integers(100, 999))
def test_only_passing_statuses_pass(status: int) -> None:
    passing = status in (408, 425, 429) or 200 <= status < 300 or status >= 500
    assert isinstance(judge(rest(status), NOW), Again) is passing


def test_a_description_is_one_line_without_tokens() -> None:
    token = mint("Refresh")
    line = describe(RuntimeError(f"refused\n{token}"))
    assert line == "RuntimeError: refused [hidden]"
