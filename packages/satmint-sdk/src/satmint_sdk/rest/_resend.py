"""Whether and when a failed REST call is retried. Pure.

The waits are those of `satmint_sdk._retry`.
"""

from __future__ import annotations

from typing import Final

from satmint_sdk._retry import MAX_RETRY_AFTER, backoff
from satmint_sdk.rest._options import Resolved

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, 9.2.2
_NOT_PROCESSED: Final = frozenset({429, 503})


def may_retry(method: str, status: int, options: Resolved, *, repeatable: bool) -> bool:
    """Whether a request that had this response may be repeated.

    Args:
        method: HTTP method.
        status: The response's status.
        options: The options of the call.
        repeatable: Whether the server makes this request safe to repeat.
    """
    if status not in options.retry_on_status:
        return False
    return is_safe(method, repeatable=repeatable) or status in _NOT_PROCESSED


def is_safe(method: str, *, repeatable: bool) -> bool:
    """Whether a request does the same if it is done twice."""
    return repeatable or method in _IDEMPOTENT


def was_not_processed(status: int) -> bool:
    """Whether a server with this response has certainly not done what it was asked."""
    return status < 500 or status in _NOT_PROCESSED


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
