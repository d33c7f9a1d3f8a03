"""Whether an error of a refresh is transient or permanent. Pure, one table.

error                                           decision
TransientRefreshError                           again, not before its `retry_after`
SignalWireRestTransportError                    again
SignalWireRestError 408, 425, 429, 5xx          again, not before `Retry-After`
SignalWireRestError 2xx (an unreadable answer)  again: it may have done what was asked
SignalWireRestError, any other status           stop: 401, 403, 404, 422 are definitive
StoreLocked, StoreUnavailable                   again
OSError (TimeoutError included)                 again
httpx.TransportError (a provider's own client)  again
everything else                                 stop: the provider says that it cannot [seed 4]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from satmint_sdk._retry import is_transient, retry_after
from satmint_sdk._secrets import one_line
from satmint_sdk.credentials.errors import (
    InvalidCredential,
    StoreLocked,
    StoreUnavailable,
    TransientRefreshError,
)
from satmint_sdk.rest import SignalWireRestError, SignalWireRestTransportError


@dataclass(frozen=True, slots=True)
class Retry:
    """A transient error.

    Attributes:
        cause_code: What it was, in one stable word.
        not_before: Seconds that the server wants to be left alone.
    """

    cause_code: str
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A permanent error.

    Attributes:
        cause_code: What it was, in one stable word.
    """

    cause_code: str


RetryDecision = Retry | GiveUp


def decide_retry(error: Exception, wall: float) -> RetryDecision:
    """Look an error up in the table.

    Args:
        error: What an attempt ended in.
        wall: Seconds since the epoch, for a `Retry-After` that is a date.
    """
    match error:
        case TransientRefreshError():
            return Retry("provider", max(0.0, error.retry_after or 0.0))
        case SignalWireRestTransportError():
            return Retry("no_answer")
        case SignalWireRestError(status_code=int() as status):
            return _decide_status(status, error, wall)
        case StoreLocked():
            return Retry("store_locked")
        case StoreUnavailable():
            return Retry("store_unavailable")
        case TimeoutError():
            return Retry("timeout")
        case ConnectionError():
            return Retry("no_answer")
        case OSError():
            return Retry("os_error")
        case InvalidCredential():
            return GiveUp("invalid_credential")
        case _:
            return Retry("no_answer") if _is_httpx_transport(error) else GiveUp("provider")


def _decide_status(status: int, error: SignalWireRestError, wall: float) -> RetryDecision:
    if 200 <= status < 300:
        return Retry("unreadable_answer")
    if is_transient(status):
        return Retry(f"http_{status}", retry_after(error.headers or {}, wall) or 0.0)
    return GiveUp(error.code or f"http_{status}")


def _is_httpx_transport(error: Exception) -> bool:
    """Recognise the error without loading httpx for programs that do not use it."""
    httpx = sys.modules.get("httpx")
    return httpx is not None and isinstance(error, httpx.TransportError)


def describe(error: Exception) -> str:
    """Describe an error in one line for a log."""
    return one_line(f"{type(error).__name__}: {error}")
