"""The lifetime that a response states for its token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast


def stated_lifetime(members: Mapping[str, object], wall: float, offset: float | None) -> float:
    """The token lifetime in seconds that a response states; infinite if it states none.

    `expires_in` takes precedence over `expires_at`, because it does not need synchronised clocks.

    Args:
        members: The response; times in seconds.
        wall: When the request began, seconds since the epoch by this machine's clock.
        offset: Seconds that the server's clock is ahead, if known.
    """
    relative, absolute = members.get("expires_in"), members.get("expires_at")
    if _is_seconds(relative):
        return cast("float", relative)
    if _is_seconds(absolute):
        return cast("float", absolute) - (wall + (offset or 0.0))
    return math.inf


def _is_seconds(value: object) -> bool:
    """Whether it is a finite number; a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
