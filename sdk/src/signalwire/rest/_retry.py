"""When a failed request is worth another attempt, and how long to wait before it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from signalwire.rest._options import Resolved

LONGEST_BACKOFF: Final = 30.0
LONGEST_WAIT: Final = 120.0
"""A `Retry-After` beyond this is not waited for: the error tells the caller instead."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, 9.2.2
_NOT_PROCESSED: Final = frozenset({429, 503})
_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def repeats(method: str, status: int | None, options: Resolved, *, repeatable: bool) -> bool:
    """Whether this outcome may be tried again at all.

    Args:
        method: HTTP method.
        status: Status of the answer; `None` where none came.
        options: What the caller wants.
        repeatable: The server makes this very request safe to repeat.
    """
    if status is None:
        return True
    if status not in options.retry_on_status:
        return False
    return method in _IDEMPOTENT or repeatable or status in _NOT_PROCESSED


def pause(attempt: int, retry_after: float | None, options: Resolved) -> float | None:
    """Seconds to wait after attempt number `attempt` (from 1); `None` means not to wait at all."""
    if retry_after is not None:
        return retry_after if retry_after <= LONGEST_WAIT else None
    doubled = options.retry_backoff * 2.0 ** min(attempt - 1, 60)
    return min(doubled, LONGEST_BACKOFF)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Read `Retry-After` (RFC 9110, section 10.2.3) as seconds from now.

    A date is compared with the answer's own `Date` where there is one, so that a wrong clock on
    this side does no harm.

    Args:
        headers: Of the answer; names are found in any case, or in lower case.
        wall: When the answer came, in seconds since the epoch.

    Returns:
        Zero or more seconds, or `None` where the header is absent or neither form.
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
    """Read an HTTP date as seconds since the epoch; `None` where it is none."""
    from email.utils import parsedate_tz  # loaded late: it weighs more than this whole module

    try:
        parsed = parsedate_tz(text)
        if parsed is None:
            return None
        from calendar import timegm

        seconds = float(timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return seconds if math.isfinite(seconds) else None
