"""Factories of tokens: what a test begins with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_satmint.server import Satmint

_SUBSCRIBERS: Final = "/api/fabric/subscribers/tokens"
_GUESTS: Final = "/api/fabric/guests/tokens"


@dataclass(frozen=True, slots=True)
class Guest:
    """The tokens of a guest."""

    token: str = field(repr=False)
    """The SAT."""
    refresh_token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The `Authorization` header with the SAT."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Subscriber(Guest):
    """A subscriber with tokens of a new session."""

    id: str
    reference: str


class SubscriberFactory:
    """Creates subscribers, and sessions of those that exist."""

    def __init__(self, server: "Satmint") -> None:
        """Create them in the project of `server`."""
        self._server = server
        self._numbers = count(1)

    def __call__(self, reference: str | None = None, **members: object) -> Subscriber:
        """A session of the subscriber with that reference, who is created if there is none.

        Args:
            reference: Such as an email address; by default one that this test has not used.
            members: More members of the request, such as `first_name` or `expire_at`.

        Raises:
            SatmintError: the server refused it.
        """
        chosen = reference or f"subscriber-{next(self._numbers)}@example.com"
        body: Mapping[str, object] = {"reference": chosen, **members}
        made = self._server.control.api("POST", _SUBSCRIBERS, body)
        return Subscriber(made["token"], made["refresh_token"], made["subscriber_id"], chosen)


class GuestFactory:
    """Creates sessions of guests."""

    def __init__(self, server: "Satmint") -> None:
        """Create them in the project of `server`."""
        self._server = server

    def __call__(self, *addresses: str, **members: object) -> Guest:
        """A guest who may reach some addresses.

        Args:
            addresses: Ids, or names of `satmint.addresses`; by default all of those.
            members: More members of the request, such as `expire_at`.

        Raises:
            SatmintError: the server refused it.
        """
        ids = {one.name: one.id for one in self._server.addresses}
        allowed = [ids.get(one, one) for one in addresses or ids]
        body = {"allowed_addresses": allowed, **members}
        made = self._server.control.api("POST", _GUESTS, body)
        return Guest(made["token"], made["refresh_token"])
