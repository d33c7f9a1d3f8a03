"""Request options of a client, which each call can override."""

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
        """Whether to abort the request."""
        ...


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """How to send and retry a request. A member that is `None` is inherited.

    Options of a call override those of the client, member by member; the defaults are given below.

    Attributes:
        timeout: Seconds for connecting, for sending and for each wait for a response. 30.
        retries: How often a failed request is retried. 0, and 2 for `refresh_subscriber_token`,
            which the server makes safe to repeat.
        retry_on_status: Statuses that are retried. 429, 500, 502, 503, 504. POST and PATCH are
            retried only after 429 and 503, and without a response; `refresh_subscriber_token` after
            all of them.
        retry_backoff: Minimum seconds before a retry. The maximum is twice that after the first
            failure and doubles with each further one, up to 30; the wait is drawn in between. The
            server's `Retry-After` takes precedence; if it is longer than two minutes, the error is
            raised at once. 0.5.
        abort_signal: Checked before every attempt, and once a second during a pause.

    Raises:
        ValueError: A member is out of range.
    """

    timeout: float | None = None
    retries: int | None = None
    retry_on_status: Collection[int] | None = None
    retry_backoff: float | None = None
    abort_signal: AbortSignal | None = None

    def merge(self, override: RequestOptions | None) -> RequestOptions:
        """These options, overridden by the members of `override` that are set."""
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
    """Options with all members set."""

    timeout: float
    retries: int
    retry_on_status: frozenset[int]
    retry_backoff: float
    abort_signal: AbortSignal | None


_NOTHING_SET: Final = RequestOptions()


def resolve(
    client: RequestOptions | None, call: RequestOptions | None, *, at_least: int = 0
) -> Resolved:
    """Combine the options of the call, of the client and the defaults, in this precedence.

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
