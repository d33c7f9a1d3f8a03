"""Why a message has not arrived."""

from dataclasses import dataclass
from typing import Final

TIMEOUT: Final = "timeout"
UNREACHABLE: Final = "unreachable"
INVALID_RESPONSE: Final = "invalid_response"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message has not arrived."""

    error: str
    """The reason for the webhook's owner: a short stable word.

    It is the same for a name that does not resolve, one that resolves to a private address and an
    address that does not answer. Otherwise it would tell which names and addresses the server's
    network has.
    """
    detail: str = ""
    """What the operator's log says in addition: an exception's name; "" for nothing."""

    @property
    def fields(self) -> dict[str, str]:
        """For the log: the `reason` that the owner is told, and the `detail`."""
        return {"reason": self.error} | ({"detail": self.detail} if self.detail else {})
