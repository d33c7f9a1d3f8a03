"""What a store promises. A second one can be written from this file alone.

Rules that hold for every method:

- Each call is one atomic step. A method that writes returns only after what it wrote is durable:
  a crash before that means that nothing happened, a crash after it loses nothing.
- Audit events are written in the transaction of what they tell of: both or neither.
- Everything is scoped by project. An id of another project is an unknown id.
- Times are whole Unix seconds, given by the caller; a store reads no clock.
- `StoreUnavailable` may come from any method, and then nothing is promised about whether the step
  happened. A store waits for locks and retries serialisation failures itself, within bounds,
  before it gives up. It never turns such trouble into any other verdict.
- No text of a token is ever passed in or kept: digests only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import (
    Address,
    ApiToken,
    C2cToken,
    Project,
    Session,
    SessionStanding,
    Subscriber,
)
from satmint.model.rotation import Presented, Verdict


class NotUnique(Exception):
    """Another record of the project has this value already; `attribute` names which."""

    def __init__(self, attribute: str) -> None:
        super().__init__(attribute)
        self.attribute = attribute


class SchemaUnknown(Exception):
    """The database's schema is not the one that this version of satmint knows."""


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


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be opened; its head is generation 0."""

    id: UUID
    expires_at: int
    """`exp` of its first SAT."""
    deadline: int
    jkt: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """What `open_*` hands back: enough to write the claims."""

    subscriber: UUID
    epoch: int


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

    async def known(self, project: UUID, addresses: Sequence[UUID]) -> frozenset[UUID]:
        """Those of `addresses` that are of this project."""
        ...

    async def update(self, address: Address) -> bool:
        """Replace an address by its id, except its owner and creation time.

        Raises:
            NotUnique: the new `name` is taken in this project and context.
        """
        ...

    async def delete(self, project: UUID, address: UUID) -> bool:
        """Forget an address. Returns whether there was one."""
        ...


class SessionStore(Protocol):
    """Sessions: the reason why there is a store."""

    async def open_for_reference(
        self,
        project: UUID,
        subscriber: NewSubscriber,
        change: SubscriberChange,
        session: NewSession,
        now: int,
        event: Event,
    ) -> Opened:
        """Open a session for the subscriber that a backend names by `reference`.

        Creates the subscriber where there is none, else sets the given fields; then opens the
        session and records `event`: all or nothing. However many callers name one new reference
        at once, one subscriber is created and all get a session of it.

        Raises:
            NotUnique: the e-mail address belongs to another subscriber of the project.
        """
        ...

    async def open_temporary(
        self,
        project: UUID,
        subscriber: UUID,
        kind: Kind,
        session: NewSession,
        now: int,
        event: Event,
    ) -> Opened:
        """Open a session for a new temporary subscriber, which ends with its last session."""
        ...

    async def rotate(
        self, presented: Presented, expires_at: int, now: int, replay_cap: int | None, event: Event
    ) -> Verdict:
        """Decide what presenting a refresh token means, and do it, in one step.

        The rules are those of `satmint.model.rotation.judge`. However many callers present one
        token at once, at most one ever gets `Rotated`; the others get `Replayed` with the same
        head. Refresh and revoke contend for the same row: once a revocation has returned, no
        rotation of that session succeeds.

        Args:
            presented: The opened token.
            expires_at: `exp` of the next SAT; cut to the session's deadline.
            now: Unix seconds.
            replay_cap: See `judge`.
            event: Recorded with its kind, generation and cause set by the verdict.
        """
        ...

    async def standing(self, project: UUID, session: UUID) -> SessionStanding | None:
        """A session and its subscriber's epoch, never older than the last write that returned."""
        ...

    def note_seen(self, presented: Presented) -> None:
        """Record that a SAT of this generation was accepted, if it is the head's.

        Does not wait and cannot fail; a record lost in a crash only makes a later lost answer
        look innocent for longer.
        """
        ...

    async def list(self, project: UUID, subscriber: UUID, window: Window) -> Page[Session]:
        """A subscriber's sessions that still have a living token or were revoked lately."""
        ...

    async def revoke(self, project: UUID, session: UUID, now: int, event: Event) -> bool:
        """Revoke one session. Returns whether there is such a session; twice is as good as once."""
        ...

    async def revoke_key(
        self, project: UUID, subscriber: UUID, jkt: str, now: int, event: Event
    ) -> int:
        """Revoke a subscriber's sessions that are bound to a key. Returns how many were live."""
        ...

    async def revoke_subscriber(
        self, project: UUID, subscriber: UUID, now: int, event: Event
    ) -> int | None:
        """Raise a subscriber's epoch and revoke its sessions: everything issued so far is dead.

        Returns how many sessions were live; None where there is no such subscriber.
        """
        ...

    async def revoke_project(self, project: UUID, now: int, event: Event) -> None:
        """Revoke every session that the project has, however many, in one small step.

        Sessions that are opened afterwards are not touched.
        """
        ...


class EventStore(Protocol):
    """The audit trail, for reading; it is written by whoever does what it tells of."""

    async def list(self, project: UUID, window: Window) -> Page[Event]:
        """A project's events by time."""
        ...


class Store(Protocol):
    """One database, and everything that is kept in it."""

    @property
    def projects(self) -> ProjectStore:
        """Projects and long-lived credentials."""
        ...

    @property
    def subscribers(self) -> SubscriberStore:
        """Subscribers."""
        ...

    @property
    def addresses(self) -> AddressStore:
        """Addresses."""
        ...

    @property
    def sessions(self) -> SessionStore:
        """Sessions."""
        ...

    @property
    def events(self) -> EventStore:
        """The audit trail."""
        ...

    async def ready(self) -> None:
        """Return where the database answers and its schema is current.

        Raises:
            StoreUnavailable: it does not answer.
            SchemaUnknown: its schema is not ours.
        """
        ...

    async def purge(self, now: int, events_before: int, limit: int) -> int:
        """Remove at most about `limit` dead rows in one short step; returns how many went.

        Dead are sessions none of whose tokens can live any more, temporary subscribers without a
        session, and events older than `events_before`.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun, then let go of the database."""
        ...
