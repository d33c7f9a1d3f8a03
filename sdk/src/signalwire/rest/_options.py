"""How a request is sent: options of the client, overridden call by call."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Final, Protocol

DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_RETRIES: Final = 0
DEFAULT_RETRY_ON_STATUS: Final = frozenset({429, 500, 502, 503, 504})
DEFAULT_RETRY_BACKOFF: Final = 0.5


class AbortSignal(Protocol):
    """A flag that ends a request: a `threading.Event` and an `asyncio.Event` both are one."""

    def is_set(self) -> bool:
        """Whether the request shall end."""
        ...


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """How to send, wait and try again. A member left at `None` is inherited.

    Options given to one call override those of the client, member by member; what neither sets
    has the value named below.

    Attributes:
        timeout: Seconds that connecting, sending and each wait for an answer may take. 30.
        retries: How often a failed request is sent again. 0, and 2 for
            `refresh_subscriber_token`, which the server makes safe to repeat.
        retry_on_status: Statuses after which it is sent again. 429, 500, 502, 503, 504.
            POST and PATCH are sent again only after 429 and 503, and when no answer came;
            `refresh_subscriber_token` after every one of these.
        retry_backoff: Seconds before the first repetition, doubled each time, at most 30.
            A `Retry-After` of the server goes before it; where that asks for more than two minutes,
            the error is raised at once. 0.5.
        abort_signal: Looked at before every attempt, and once a second during a pause.

    Raises:
        ValueError: A member is out of its range.
    """

    timeout: float | None = None
    retries: int | None = None
    retry_on_status: Collection[int] | None = None
    retry_backoff: float | None = None
    abort_signal: AbortSignal | None = None

    def merge(self, override: RequestOptions | None) -> RequestOptions:
        """Lay those members of `override` that are set over these options."""
        if override is None:
            return self
        given = {
            member.name: value
            for member in fields(override)
            if (value := getattr(override, member.name)) is not None
        }
        return replace(self, **given)

    def __post_init__(self) -> None:
        if self.timeout is not None and not (math.isfinite(self.timeout) and self.timeout > 0):
            raise ValueError("timeout must be a number of seconds above zero")
        if self.retries is not None and (isinstance(self.retries, bool) or self.retries < 0):
            raise ValueError("retries must be zero or more")
        if self.retry_backoff is not None and not (
            math.isfinite(self.retry_backoff) and self.retry_backoff >= 0
        ):
            raise ValueError("retry_backoff must be a number of seconds, zero or more")


@dataclass(frozen=True, slots=True)
class Resolved:
    """Options with every member set."""

    timeout: float
    retries: int
    retry_on_status: frozenset[int]
    retry_backoff: float
    abort_signal: AbortSignal | None


_NOTHING_SET: Final = RequestOptions()


def resolve(
    client: RequestOptions | None, call: RequestOptions | None, *, at_least: int = 0
) -> Resolved:
    """Put the call's options over the client's, and those over the defaults.

    Args:
        client: What the client was made with.
        call: What this one call was given.
        at_least: Repetitions that this call is worth unless it says otherwise itself.
    """
    given = (client or _NOTHING_SET).merge(call)
    retries = given.retries or DEFAULT_RETRIES
    if call is None or call.retries is None:
        retries = max(retries, at_least)
    backoff, statuses = given.retry_backoff, given.retry_on_status
    return Resolved(
        timeout=DEFAULT_TIMEOUT if given.timeout is None else given.timeout,
        retries=retries,
        retry_on_status=DEFAULT_RETRY_ON_STATUS if statuses is None else frozenset(statuses),
        retry_backoff=DEFAULT_RETRY_BACKOFF if backoff is None else backoff,
        abort_signal=given.abort_signal,
    )
