"""The store's contract for projects, subscribers and addresses."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import (
    Address,
    ApiToken,
    ApiTokenUse,
    C2cToken,
    Project,
    Subscriber,
)
from satmint.model.secrets import HidesFields
from satmint.store.contract.purge import PurgeResult

COUNT_LIMIT: Final = 10_000
"""Up to which number the contents of a project are counted."""
MAX_OWN_ADDRESSES: Final = 100
"""How many addresses a subscriber's own view of itself contains at most."""
UPDATABLE_FIELDS: Final = frozenset(Address.__struct_fields__) - {
    "id",
    "project",
    "subscriber",
    "created_at",
}
"""The fields of an existing address that can be changed."""


class SubscriberChange(HidesFields, msgspec.Struct, frozen=True):
    """Fields to set on a subscriber; fields that are not named stay unchanged."""

    fields: dict[str, str | None] = msgspec.field(default_factory=dict)
    """By name: a field of `Profile`, `email` or `reference`."""
    password_hash: str | None = None


class NewSubscriber(msgspec.Struct, frozen=True):
    """A subscriber to create if `reference` names none yet."""

    id: UUID
    address_id: UUID
    """Of the address `/private/<name>` that every subscriber gets."""
    reference: str
    """Equal to another's if `reference_key` of both is."""
    email: str | None


class Collision(msgspec.Struct, frozen=True):
    """A subscriber whose reference or e-mail address equals another's, from an earlier version."""

    project: UUID
    attribute: str
    """`reference` or `email`."""
    subscriber: UUID
    """Only its exact reference leads to this subscriber."""
    text: str
    """Its reference or e-mail address."""
    other: UUID | None
    """The subscriber to whom all other forms lead. None: there is none."""


class ProjectContents(msgspec.Struct, frozen=True):
    """What a project begins with."""

    addresses: Sequence[Address] = ()
    api_tokens: Sequence[ApiToken] = ()
    c2c_tokens: Sequence[C2cToken] = ()


class ProjectStore(Protocol):
    """Projects, their API tokens and their Click-to-Call tokens."""

    async def create(self, project: Project, *, unique: bool = False) -> None:
        """Store a new project.

        Args:
            project: The project.
            unique: Whether its name must be unique.

        Raises:
            NotUnique: `name` is in use, also by a project that is created at the same time.
        """
        ...

    async def rename(self, project: UUID, name: str, event: Event) -> bool:
        """Change a project's name. Returns whether the project exists.

        Raises:
            NotUnique: another project has the name.
        """
        ...

    async def list(self) -> Sequence[Project]:
        """All projects, oldest first, with the deleted ones whose events are kept."""
        ...

    async def count_contents(self, project: UUID, now: int) -> Mapping[str, int]:
        """How much a project has, by the names of tables, and its `active_sessions`.

        Each count is at most `COUNT_LIMIT`.
        """
        ...

    async def delete(self, project: UUID, now: int, event: Event) -> bool:
        """Delete a project: from now on, none of its tokens is accepted.

        Its API and Click-to-Call tokens are deleted, all of its sessions are revoked, and sessions
        that requests in progress open later are revoked from the start. Its rows stay for
        `delete_rows`, or for `Store.purge`.

        Returns:
            Whether the project exists. A repeated call changes and records nothing.
        """
        ...

    async def replace_contents(
        self, project: UUID, contents: ProjectContents, now: int, event: Event
    ) -> bool:
        """Delete everything in a project, and insert `contents`, in one transaction.

        All of its sessions are revoked; the project and its events stay.

        Args:
            project: The project.
            contents: What it has afterwards.
            now: Unix seconds.
            event: The event of the revocation.

        Returns:
            Whether the project exists. It is unchanged if it was deleted.
        """
        ...

    async def delete_rows(self, project: UUID, limit: int) -> PurgeResult:
        """Delete about `limit` rows of a deleted project, but not its events. `active` is None."""
        ...

    async def epoch(self, project: UUID) -> int | None:
        """A project's revocation epoch; None if there is no such project."""
        ...

    async def get(self, project: UUID) -> Project | None:
        """One project."""
        ...

    async def add_api_token(
        self, token: ApiToken, event: Event, keyed: KeyedRequest | None = None
    ) -> None:
        """Store a new API token."""
        ...

    async def mark_api_token_used(self, project: UUID, token: UUID) -> None:
        """Record that a request with this token was accepted: it is no longer `unused`.

        A row that another transaction has locked is left to `record_api_token_use`.
        """
        ...

    async def list_api_tokens(self, project: UUID, window: Window) -> Page[ApiToken]:
        """A project's API tokens."""
        ...

    def record_api_token_use(self, use: ApiTokenUse) -> None:
        """Record the hour of a use, and the mask if it is unknown. Returns at once, never fails.

        It also ends `unused`, in case `mark_api_token_used` failed.
        It is written in the background, once for each token and hour, and tried again until it
        succeeds or the store is closed. A recorded use is never replaced by an earlier one.
        """
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
        """Set the values that are not None. Returns the updated token, None if there is none."""
        ...

    async def delete_api_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """Delete an API token. Returns whether it existed."""
        ...

    async def add_c2c_token(
        self, token: C2cToken, event: Event, keyed: KeyedRequest | None = None
    ) -> None:
        """Store a new Click-to-Call token."""
        ...

    async def c2c_token_by_digest(self, digest: bytes) -> C2cToken | None:
        """The Click-to-Call token of any project whose text has this SHA-256."""
        ...

    async def c2c_token(self, project: UUID, token: UUID) -> C2cToken | None:
        """One Click-to-Call token."""
        ...

    async def list_c2c_tokens(self, project: UUID, window: Window) -> Page[C2cToken]:
        """A project's Click-to-Call tokens."""
        ...

    async def disable_c2c_token(
        self, project: UUID, token: UUID, now: int, event: Event
    ) -> C2cToken | None:
        """Disable a token permanently. A repeated call changes and records nothing."""
        ...

    async def delete_c2c_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """Delete a Click-to-Call token. Returns whether it existed."""
        ...


class SubscriberStore(Protocol):
    """Subscribers."""

    async def create(
        self,
        new: NewSubscriber,
        project: UUID,
        change: SubscriberChange,
        now: int,
        keyed: KeyedRequest | None = None,
    ) -> Subscriber:
        """Create a subscriber and its address `/private/<slug>`.

        The address's display name is the subscriber's public name (`public_name`), else the slug of
        its reference (`reference_slug`).

        Raises:
            NotUnique: an equal `reference` or `email` is in use in this project.
        """
        ...

    async def list(self, project: UUID, window: Window) -> Page[Subscriber]:
        """A project's permanent subscribers, without the temporary ones of guests and visitors."""
        ...

    async def get(self, project: UUID, subscriber: UUID) -> Subscriber | None:
        """One subscriber, permanent or temporary."""
        ...

    async def find(self, project: UUID, name: str) -> Subscriber | None:
        """The subscriber proper whose reference or e-mail address is `name`; None: there is none.

        Where it is the reference of one and the e-mail address of another, the one whose reference
        it is, who signs in with it.
        """
        ...

    async def collisions(self) -> Sequence[Collision]:
        """The subscribers of all projects whose reference or e-mail address equals another's."""
        ...

    async def count_collisions(self) -> int:
        """The number of `collisions`."""
        ...

    async def update(
        self, project: UUID, subscriber: UUID, change: SubscriberChange, now: int
    ) -> Subscriber | None:
        """Set the given fields of a permanent subscriber; None if it does not exist.

        If its `reference` equals its e-mail address and the e-mail changes, both change. An address
        whose display name was derived from the subscriber's follows.

        Raises:
            NotUnique: an address equal to the new e-mail address is in use in this project.
        """
        ...

    async def delete(self, project: UUID, subscriber: UUID, now: int, event: Event) -> bool:
        """Delete a permanent subscriber and its addresses, and revoke its sessions.

        Returns whether it existed.
        """
        ...


class AddressStore(Protocol):
    """Addresses."""

    async def create(self, address: Address, keyed: KeyedRequest | None = None) -> None:
        """Store a new address.

        Raises:
            NotUnique: `name` is in use in this project and context.
        """
        ...

    async def list(
        self, project: UUID, address_filter: AddressFilter, window: Window
    ) -> Page[Address]:
        """A project's addresses."""
        ...

    async def get(self, project: UUID, address: UUID) -> Address | None:
        """One address."""
        ...

    async def get_many(self, project: UUID, addresses: Sequence[UUID]) -> Sequence[Address]:
        """The given addresses that belong to this project, oldest first. Never waits for lists."""
        ...

    async def recheck(self, project: UUID, addresses: Sequence[UUID]) -> bool:
        """Whether one of these exists. For the revocation watch: does not wait for requests."""
        ...

    async def of_subscriber(self, project: UUID, subscriber: UUID) -> Sequence[Address]:
        """A subscriber's `MAX_OWN_ADDRESSES` oldest addresses. Never waits for lists."""
        ...

    async def update(
        self, project: UUID, address: UUID, fields: Mapping[str, Any]
    ) -> Address | None:
        """Set the given fields, out of `UPDATABLE_FIELDS`; None if the address does not exist.

        One step, so that concurrent updates of different fields do not undo each other.

        Raises:
            NotUnique: the new `name` is in use in this project and context.
        """
        ...

    async def delete(self, project: UUID, address: UUID, event: Event) -> bool:
        """Delete an address, and record `event`. Returns whether it existed.

        Ids of addresses are never used again, so a check that an address exists refuses the tokens
        that were good for it alone. The cost does not depend on how many there are.
        """
        ...
