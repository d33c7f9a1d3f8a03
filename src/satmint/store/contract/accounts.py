"""What a store promises of projects, subscribers and addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

from satmint.model.events import Event
from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import (
    Address,
    ApiToken,
    C2cToken,
    Project,
    Subscriber,
)

OWN_SHOWN: Final = 100
"""Addresses of one subscriber that its own view of itself holds, at the most."""
CHANGEABLE: Final = frozenset(Address.__slots__) - {"id", "project", "subscriber", "created_at"}
"""The fields of an address that can be set on one that is there."""


@dataclass(frozen=True, slots=True)
class SubscriberChange:
    """Fields to set on a subscriber; what is not in `fields` stays as it is."""

    fields: dict[str, str | None] = field(default_factory=dict)
    """Names out of `Profile`, `email` and `reference`."""
    password_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NewSubscriber:
    """A subscriber to be created where `reference` names none yet."""

    id: UUID
    address_id: UUID
    """For the address `/private/<name>` that every subscriber gets."""
    reference: str
    email: str | None


class ProjectStore(Protocol):
    """Projects, their API tokens and their Click-to-Call tokens."""

    async def create(self, project: Project) -> None:
        """Keep a new project."""
        ...

    async def list(self) -> Sequence[Project]:
        """All projects, oldest first."""
        ...

    async def get(self, project: UUID) -> Project | None:
        """One project."""
        ...

    async def add_api_token(self, token: ApiToken, event: Event) -> None:
        """Keep a new API token."""
        ...

    async def api_token_by_digest(self, project: UUID, digest: bytes) -> ApiToken | None:
        """The API token of `project` whose text has this SHA-256."""
        ...

    async def api_token(self, project: UUID, token: UUID) -> ApiToken | None:
        """One API token."""
        ...

    async def update_api_token(
        self,
        project: UUID,
        token: UUID,
        name: str | None,
        permissions: frozenset[Permission] | None,
        event: Event,
    ) -> ApiToken | None:
        """Set what is not None. Returns the token as it is now, None where there is none."""
        ...

    async def delete_api_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """Forget an API token. Returns whether there was one."""
        ...

    async def add_c2c_token(self, token: C2cToken, event: Event) -> None:
        """Keep a new Click-to-Call token."""
        ...

    async def c2c_token_by_digest(self, digest: bytes) -> C2cToken | None:
        """The Click-to-Call token, of whichever project, whose text has this SHA-256."""
        ...

    async def list_c2c_tokens(self, project: UUID, window: Window) -> Page[C2cToken]:
        """A project's Click-to-Call tokens."""
        ...

    async def disable_c2c_token(
        self, project: UUID, token: UUID, now: int, event: Event
    ) -> C2cToken | None:
        """Disable one for good; once disabled, again changes nothing and records nothing."""
        ...

    async def delete_c2c_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """Forget one. Returns whether there was one."""
        ...


class SubscriberStore(Protocol):
    """Subscribers."""

    async def create(
        self, new: NewSubscriber, project: UUID, change: SubscriberChange, now: int
    ) -> Subscriber:
        """Create a subscriber and its address `/private/<slug>`.

        Raises:
            NotUnique: `reference` or `email` is taken in this project.
        """
        ...

    async def list(self, project: UUID, window: Window) -> Page[Subscriber]:
        """Subscribers proper; the temporary ones of guests and visitors are left out."""
        ...

    async def get(self, project: UUID, subscriber: UUID) -> Subscriber | None:
        """One subscriber, temporary or not."""
        ...

    async def update(
        self, project: UUID, subscriber: UUID, change: SubscriberChange, now: int
    ) -> Subscriber | None:
        """Set the given fields of a subscriber proper; None where there is none.

        Where its `reference` was its e-mail address and the e-mail changes, both change.

        Raises:
            NotUnique: the new e-mail address is taken in this project.
        """
        ...

    async def delete(self, project: UUID, subscriber: UUID, now: int, event: Event) -> bool:
        """Remove a subscriber proper and its addresses, and revoke all of its sessions."""
        ...


class AddressStore(Protocol):
    """Addresses."""

    async def create(self, address: Address) -> None:
        """Keep a new address.

        Raises:
            NotUnique: `name` is taken in this project and context.
        """
        ...

    async def list(self, project: UUID, wanted: AddressFilter, window: Window) -> Page[Address]:
        """A project's addresses."""
        ...

    async def get(self, project: UUID, address: UUID) -> Address | None:
        """One address."""
        ...

    async def these(self, project: UUID, addresses: Sequence[UUID]) -> Sequence[Address]:
        """Those of `addresses` that are of this project, oldest first. Never waits for lists."""
        ...

    async def of_subscriber(self, project: UUID, subscriber: UUID) -> Sequence[Address]:
        """A subscriber's own: the oldest `OWN_SHOWN` of them. Never waits for lists."""
        ...

    async def update(
        self, project: UUID, address: UUID, fields: Mapping[str, Any]
    ) -> Address | None:
        """Set the given fields, of `CHANGEABLE`; None where there is no such address.

        In one step, so that of two who set different fields at once neither undoes the other's.

        Raises:
            NotUnique: the new `name` is taken in this project and context.
        """
        ...

    async def delete(self, project: UUID, address: UUID) -> bool:
        """Forget an address. Returns whether there was one."""
        ...
