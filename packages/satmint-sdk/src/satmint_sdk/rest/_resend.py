"""Whether and when a failed REST call is retried. Pure.

The waits are those of `satmint_sdk._retry`.
"""

from __future__ import annotations

from typing import Final

from satmint_sdk._retry import backoff
from satmint_sdk.rest._options import Resolved

MAX_RETRY_AFTER: Final = 120.0
"""A longer `Retry-After` is not waited for: the caller gets the error instead."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, 9.2.2
_NOT_PROCESSED: Final = frozenset({429, 503})


def may_retry(method: str, status: int | None, options: Resolved, *, repeatable: bool) -> bool:
    """Whether this outcome may be retried.

    Args:
        method: HTTP method.
        status: The response's status; `None` without a response.
        options: The options of the call.
        repeatable: Whether the server makes this request safe to repeat.
    """
    if status is None:
        return True
    if status not in options.retry_on_status:
        return False
    return method in _IDEMPOTENT or repeatable or status in _NOT_PROCESSED


def retry_delay(
    attempt: int, retry_after: float | None, draw: float, options: Resolved
) -> float | None:
    """Seconds to wait after attempt number `attempt` (from 1); `None` for no retry.

    Args:
        attempt: Number of the attempt that failed.
        retry_after: The server's `Retry-After` in seconds, if any.
        draw: In [0, 1), for jitter.
        options: The options of the call.
    """
    if retry_after is not None:
        return retry_after if retry_after <= MAX_RETRY_AFTER else None
    return backoff(attempt, draw, first=options.retry_backoff)
