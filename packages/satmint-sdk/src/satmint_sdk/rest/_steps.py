"""What the core asks of a driver, and what it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Send:
    """Send this request; the driver returns a `Response`, `TooLarge` or `NoResponse`.

    Attributes:
        method: HTTP method.
        url: The complete URL.
        headers: The headers, hidden in the repr.
        content: The body, hidden in the repr.
        timeout: Seconds for all of it.
        connect_timeout: Seconds for connecting.
        read_timeout: Seconds for each wait for a part of the response.
        max_bytes: The largest body, decompressed.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    timeout: float
    connect_timeout: float
    read_timeout: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for `seconds`; the driver returns `Waited`.

    Attributes:
        seconds: How long.
        reason: Why, for the log; empty for a pause that continues one.
    """

    seconds: float
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Response:
    """A response.

    Attributes:
        status: HTTP status.
        headers: Case-insensitive, or with names in lower case.
        content: The complete body.
        wall: When it arrived, in seconds since the epoch by this machine's clock.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    wall: float


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A response whose body is larger than `max_bytes`; its rest was not read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoResponse:
    """There was no response.

    Attributes:
        cause: The error.
        sent: Whether the request may have arrived; false if there was no connection.
        permanent: Whether the cause is on this machine, such as an unknown certificate authority,
            so that the same happens again.
    """

    cause: BaseException
    sent: bool = True
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Waited:
    """The pause is over."""


Step = Send | Pause
Outcome = Response | TooLarge | NoResponse | Waited


@dataclass(frozen=True, slots=True)
class Outside:
    """What the core does not have of its own.

    Attributes:
        draw: Draws a number in [0, 1) for jitter.
        now: Reads the monotonic clock, in seconds.
        new_key: Generates an idempotency key.
    """

    draw: Callable[[], float]
    now: Callable[[], float]
    new_key: Callable[[], str]
