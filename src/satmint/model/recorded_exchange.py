"""What a development server keeps of a request, for the console's page of requests.

It contains no token and no other secret: those were replaced before anything was kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class ExchangeKind(StrEnum):
    """What was recorded."""

    REQUEST = "request"
    """An HTTP request with its response, or a request for a WebSocket connection."""
    RECEIVED = "received"
    """A text that a client sent over a WebSocket connection."""
    SENT = "sent"
    """A text that the server sent over a WebSocket connection."""


@dataclass(frozen=True, slots=True)
class SeenToken:
    """A token of this deployment that was in a request or a response."""

    label: str
    claims: Mapping[str, str]
    """Its claims, as texts."""


Headers = Sequence[tuple[str, str]]
"""Names and values, in order."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request with its response, or a text on a connection. It grows until it has ended."""

    number: int
    """Counts up."""
    kind: ExchangeKind
    at: int
    """Unix seconds, of a clock that nobody moves."""
    method: str
    """`GET`; of a connection `SOCKET`."""
    target: str
    """The path, with the query."""
    request_headers: Headers = ()
    request_body: str = ""
    """JSON, indented; or a remark in brackets on what is not shown."""
    response_headers: Headers = ()
    response_body: str = ""
    """As `request_body`."""
    status: int | None = None
    """None: no response was sent, yet or at all; or it is a text on a connection."""
    milliseconds: float | None = None
    """Until the response's end; None: it has not ended."""
    request_id: str = ""
    cause: str = ""
    """Why it was refused, as the log says; "" if it was not."""
    refusals: Sequence[tuple[str, str]] = ()
    """The codes and messages of the response's errors."""
    tokens: list[SeenToken] = field(default_factory=list)
    connection: int | None = None
    """For a text on a connection: the number of the request for it."""
