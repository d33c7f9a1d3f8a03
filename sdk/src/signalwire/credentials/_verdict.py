"""What an error means for a refresh: try again, or stop. Pure, one table.

error                                           verdict
TransientRefreshError                           again, not before its `retry_after`
SignalWireRestTransportError                    again
SignalWireRestError 408, 425, 429, 5xx          again, not before `Retry-After`
SignalWireRestError 2xx (an unreadable answer)  again: it may have done what was asked
SignalWireRestError, any other status           stop: 401, 403, 404, 422 are definitive
StoreLocked, OSError (TimeoutError included)    again
httpx.TransportError (a provider's own client)  again
everything else                                 stop: the provider says that it cannot [seed 4]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from signalwire._secrets import one_line
from signalwire.credentials.errors import InvalidCredential, StoreLocked, TransientRefreshError
from signalwire.rest import SignalWireRestError, SignalWireRestTransportError
from signalwire.rest._retry import retry_after

_PASSING: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Again:
    """It may pass.

    Attributes:
        cause_code: What it was, in one stable word.
        not_before: Seconds that the server wants to be left alone.
    """

    cause_code: str
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Stop:
    """It will not pass.

    Attributes:
        cause_code: What it was, in one stable word.
    """

    cause_code: str


Verdict = Again | Stop


def judge(error: Exception, wall: float) -> Verdict:
    """Look an error up in the table.

    Args:
        error: What an attempt ended in.
        wall: Seconds since the epoch, for a `Retry-After` that is a date.
    """
    match error:
        case TransientRefreshError():
            return Again("provider", max(0.0, error.retry_after or 0.0))
        case SignalWireRestTransportError():
            return Again("no_answer")
        case SignalWireRestError(status_code=int() as status):
            return _judge_status(status, error, wall)
        case StoreLocked():
            return Again("store_locked")
        case TimeoutError():
            return Again("timeout")
        case ConnectionError():
            return Again("no_answer")
        case OSError():
            return Again("os_error")
        case InvalidCredential():
            return Stop("invalid_credential")
        case _:
            return Again("no_answer") if _is_httpx_transport(error) else Stop("provider")


def _judge_status(status: int, error: SignalWireRestError, wall: float) -> Verdict:
    if 200 <= status < 300:
        return Again("unreadable_answer")
    if status in _PASSING or status >= 500:
        return Again(f"http_{status}", retry_after(error.headers or {}, wall) or 0.0)
    return Stop(error.code or f"http_{status}")


def _is_httpx_transport(error: Exception) -> bool:
    """Recognise the error without loading httpx for programs that do not use it."""
    httpx = sys.modules.get("httpx")
    return httpx is not None and isinstance(error, httpx.TransportError)


def describe(error: Exception) -> str:
    """Say what happened in one line that is fit for a log."""
    return one_line(f"{type(error).__name__}: {error}")
