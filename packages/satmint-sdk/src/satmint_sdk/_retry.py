"""The SDK's retry policy: which failures are transient, and how long to wait. Pure.

REST calls (`satmint_sdk.rest._resend`), credential refreshes and gateway connections
(`satmint_sdk.credentials.refresh`, `.live`) all wait by it. Which statuses a REST call repeats is
an option, `retry_on_status`; everything else goes by `is_transient`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

MIN_BACKOFF: Final = 0.5
MAX_BACKOFF: Final = 30.0
"""Seconds; the upper bound of every back-off."""
MAX_RETRY_AFTER: Final = 120.0
"""Seconds; a longer `Retry-After` is not waited for by a REST call, whose caller gets the error."""

_TRANSIENT: Final = frozenset({408, 425, 429})
_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def is_transient(status: int) -> bool:
    """Whether the same request may succeed later after this status."""
    return status in _TRANSIENT or status >= 500


def backoff(failures: int, draw: float, *, first: float = MIN_BACKOFF) -> float:
    """Seconds to wait after consecutive failures: exponential back-off with full jitter.

    The upper bound doubles with every failure; the draw spreads callers over the whole range below
    it, so that callers that failed together do not retry together.

    Args:
        failures: Consecutive failures, from 1.
        draw: From 0 up to 1.
        first: The minimum wait in seconds.
    """
    least = min(first, MAX_BACKOFF)
    ceiling = min(first * 2.0 ** min(failures, 30), MAX_BACKOFF)
    return least + (ceiling - least) * draw


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Read `Retry-After` (RFC 9110, section 10.2.3) as seconds from now.

    A date is compared with the response's `Date` if present, so that a wrong local clock does not
    matter.

    Args:
        headers: The response's headers; case-insensitive, or with names in lower case.
        wall: When the response arrived, in seconds since the epoch.

    Returns:
        Zero or more seconds, or `None` if the header is absent or invalid.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    at = http_date(value)
    if at is None:
        return None
    now = http_date(headers.get("date", ""))
    return max(0.0, at - (wall if now is None else now))


def http_date(text: str) -> float | None:
    """Parse an HTTP date to seconds since the epoch; `None` if it is not one."""
    from email.utils import parsedate_tz  # imported late: it is larger than this whole module

    try:
        parsed = parsedate_tz(text)
        if parsed is None:
            return None
        from calendar import timegm

        seconds = float(timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return seconds if math.isfinite(seconds) else None
