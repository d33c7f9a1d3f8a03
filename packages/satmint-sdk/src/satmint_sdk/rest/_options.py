"""Request options of a client, which each call can override."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from typing import Final, Protocol

from satmint_sdk._retry import MAX_BACKOFF, MAX_RETRY_AFTER

DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_RETRIES: Final = 0
DEFAULT_RETRY_ON_STATUS: Final = frozenset({429, 500, 502, 503, 504})
"""Fewer than `is_transient` has: after 408 and 425, and other 5xx, the caller decides."""
DEFAULT_RETRY_BACKOFF: Final = 0.5
DEFAULT_MAX_RESPONSE_BYTES: Final = 16 * 1024 * 1024


_KEY: Final = re.compile(r"[!#-\[\]-~]{1,255}")  # what needs no escape in RFC 9651, section 3.3.3


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
        timeout: Seconds for each attempt, from resolving the host name to the last byte of the
            response. 30.
        retries: How often a failed request is retried. 0, and 2 for `refresh_subscriber_token`,
            which the server makes safe to repeat.
        retry_on_status: Statuses that are retried. 429, 500, 502, 503, 504. POST and PATCH are
            retried only after 429 and 503, and where the request was not sent; a POST with an
            `Idempotency-Key` also after a lost response, and `refresh_subscriber_token` after all
            of them.
        retry_backoff: Minimum seconds before a retry. The maximum is twice that after the first
            failure and doubles with each further one, up to 30; the wait is drawn in between. The
            server's `Retry-After` takes precedence; if it is longer than two minutes, or than what
            is left of `total_timeout`, the error is raised at once. 0.5.
        abort_signal: Checked before every attempt, and once a second during a pause.
        total_timeout: Seconds for the call, with all of its attempts and pauses. If it is not
            given: `timeout`, where only that is given; otherwise as much as the attempts and the
            longest back-offs between them take.
        connect_timeout: Seconds for connecting, within `timeout`. As `timeout`.
        read_timeout: Seconds for each wait for a part of the response, within `timeout`. As
            `timeout`.
        max_response_bytes: The largest body, decompressed, that is read. 16 MiB.
        idempotency_key: The `Idempotency-Key` of this call, at most 255 visible ASCII
            characters but quotes and backslashes.
            One is generated for every POST that may be retried; give your own to continue a call
            of an earlier process. Not for options of a client.

    Raises:
        ValueError: A member is out of range.
    """

    timeout: float | None = None
    retries: int | None = None
    retry_on_status: Collection[int] | None = None
    retry_backoff: float | None = None
    abort_signal: AbortSignal | None = None
    total_timeout: float | None = None
    connect_timeout: float | None = None
    read_timeout: float | None = None
    max_response_bytes: int | None = None
    idempotency_key: str | None = field(default=None, repr=False)

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
        for name in ("timeout", "total_timeout", "connect_timeout", "read_timeout"):
            seconds = getattr(self, name)
            if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{name} must be a number of seconds above zero")
        if self.retries is not None and (isinstance(self.retries, bool) or self.retries < 0):
            raise ValueError("retries must be zero or more")
        if self.retry_backoff is not None and not (
            math.isfinite(self.retry_backoff) and self.retry_backoff >= 0
        ):
            raise ValueError("retry_backoff must be a number of seconds, zero or more")
        if self.max_response_bytes is not None and self.max_response_bytes < 0:
            raise ValueError("max_response_bytes must be zero or more")
        if self.idempotency_key is not None and not _KEY.fullmatch(self.idempotency_key):
            raise ValueError('idempotency_key must be 1 to 255 visible ASCII characters but "\\')


@dataclass(frozen=True, slots=True)
class Resolved:
    """Options with all members set."""

    timeout: float
    retries: int
    retry_on_status: frozenset[int]
    retry_backoff: float
    abort_signal: AbortSignal | None
    total_timeout: float
    connect_timeout: float
    read_timeout: float
    max_response_bytes: int
    idempotency_key: str | None = field(repr=False)


_NOTHING_SET: Final = RequestOptions()


def resolve(
    client: RequestOptions | None,
    call: RequestOptions | None,
    *,
    default_retries: int = DEFAULT_RETRIES,
) -> Resolved:
    """Combine the options of the call, of the client and the defaults, in this precedence.

    Args:
        client: What the client was made with.
        call: What this one call was given.
        default_retries: How often this call is retried if neither says so.
    """
    given = (client or _NOTHING_SET).merge(call)
    timeout = DEFAULT_TIMEOUT if given.timeout is None else given.timeout
    retries = default_retries if given.retries is None else given.retries
    backoff = DEFAULT_RETRY_BACKOFF if given.retry_backoff is None else given.retry_backoff
    statuses, most = given.retry_on_status, given.max_response_bytes
    return Resolved(
        timeout=timeout,
        retries=retries,
        retry_on_status=DEFAULT_RETRY_ON_STATUS if statuses is None else frozenset(statuses),
        retry_backoff=backoff,
        abort_signal=given.abort_signal,
        total_timeout=given.total_timeout or _total(given, timeout, retries, backoff),
        connect_timeout=min(given.connect_timeout or timeout, timeout),
        read_timeout=min(given.read_timeout or timeout, timeout),
        max_response_bytes=DEFAULT_MAX_RESPONSE_BYTES if most is None else most,
        idempotency_key=given.idempotency_key,
    )


def _total(given: RequestOptions, timeout: float, retries: int, backoff: float) -> float:
    """Seconds for a call whose caller has not said how long it may take.

    Who gives a `timeout` alone expects to have an answer or an error after that. Who gives
    `retries` too gets all of them, with back-offs as long as they can be. Who gives no time at all
    waits as long as the server wishes, up to two minutes before each retry.
    """
    if given.timeout is not None and given.retries is None:
        return timeout
    if given.timeout is None:
        return timeout * (1 + retries) + MAX_RETRY_AFTER * retries
    growing = min(retries, 30)
    pauses = sum(min(backoff * 2.0**count, MAX_BACKOFF) for count in range(1, growing + 1))
    return timeout * (1 + retries) + pauses + MAX_BACKOFF * (retries - growing)
