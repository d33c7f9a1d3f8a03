"""The requests that the server received."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pytest_satmint.control import OWN_REQUESTS, Control


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an operation of the API, or for a WebSocket connection."""

    operation: str
    """The `operationId`, such as `refresh-subscriber-token`; `gateway` for a WebSocket."""
    status: int | None
    """The status of the response, even if a fault lost it. None: no response yet, or none."""
    fault: str | None
    """The kind of the fault that it met, such as `lose_answer`."""
    at: datetime
    """The time by the server's clock."""
    elapsed: float
    """Seconds since the server's start, by a clock that nobody moves."""
    request_id: str
    """The `X-Request-Id` of the response."""
    caller_request_id: str | None
    """The `X-Request-Id` that the caller sent."""

    def __str__(self) -> str:
        """As in reports: `refresh-subscriber-token 503 (refuse)`."""
        status = "no response" if self.status is None else str(self.status)
        return f"{self.operation} {status}" + (f" ({self.fault})" if self.fault else "")


class SatmintCalls:
    """The requests of this test, without those that the fixtures made; at most the last 200."""

    def __init__(self, control: Control) -> None:
        """Take the calls of the server of `control`."""
        self._control = control

    def __call__(self, operation: str | None = None) -> list[Call]:
        """The calls so far, oldest first.

        Args:
            operation: Only those of this operation.
        """
        return [
            call
            for call in map(_call, self._control.dev("GET")["calls"])
            if not (call.caller_request_id or "").startswith(OWN_REQUESTS)
            and operation in (None, call.operation)
        ]


def _call(found: dict[str, object]) -> Call:
    at = datetime.fromtimestamp(found.pop("at"), UTC)  # type: ignore[arg-type]
    return Call(at=at, **found)  # type: ignore[arg-type]
