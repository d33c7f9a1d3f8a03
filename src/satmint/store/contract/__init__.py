"""The store's contract. A new store can be implemented from this package alone.

Rules for every method:

- Each call is one atomic step. A method that writes returns only after its write is durable: a
  crash before that leaves no trace, a crash after it loses nothing.
- Audit events are written in the transaction of the change that they describe: both or neither.
- Everything is scoped by project. An id of another project counts as unknown.
- Times are whole Unix seconds, passed by the caller; a store reads no clock, except to measure the
  windows of rotation where several nodes share it.
- Any method may raise `StoreUnavailable`; whether the step happened is then unknown. A store waits
  for locks and retries serialisation failures itself, within bounds, before it raises. It never
  reports such a failure as any other result.
- Token texts are never passed to a store: only their digests, and of API tokens a mask.
"""

from collections.abc import Callable
from typing import Protocol

from satmint.store.contract.accounts import (
    COUNT_LIMIT,
    MAX_OWN_ADDRESSES,
    UPDATABLE_FIELDS,
    AddressStore,
    Collision,
    NewSubscriber,
    ProjectContents,
    ProjectStore,
    SubscriberChange,
    SubscriberStore,
)
from satmint.store.contract.backlog import Backlog
from satmint.store.contract.errors import NotUnique, SchemaUnknown
from satmint.store.contract.events import EventBatch, EventStore
from satmint.store.contract.incarnation import IncarnationStore
from satmint.store.contract.inspection import DatabaseInspection, ServerFacts
from satmint.store.contract.keyed_requests import KeyedRequestStore, RequestRepeated
from satmint.store.contract.known_keys import KnownKeyStore
from satmint.store.contract.presence import PresenceStore
from satmint.store.contract.purge import PurgeResult
from satmint.store.contract.registered_devices import NotRegistered, RegisteredDeviceStore
from satmint.store.contract.resources import ResourceStore
from satmint.store.contract.sessions import (
    InvitesExhausted,
    NewInvite,
    NewSession,
    OpenedSession,
    SessionStore,
)
from satmint.store.contract.stats import StatsStore
from satmint.store.contract.transfer import ImportOutcome, TransferStore
from satmint.store.contract.webhooks import WebhookStore

__all__ = [
    "COUNT_LIMIT",
    "MAX_OWN_ADDRESSES",
    "UPDATABLE_FIELDS",
    "AddressStore",
    "Backlog",
    "Collision",
    "DatabaseInspection",
    "EventBatch",
    "EventStore",
    "ImportOutcome",
    "IncarnationStore",
    "InvitesExhausted",
    "KeyedRequestStore",
    "KnownKeyStore",
    "NewInvite",
    "NewSession",
    "NewSubscriber",
    "NotRegistered",
    "NotUnique",
    "OpenedSession",
    "PresenceStore",
    "ProjectContents",
    "ProjectStore",
    "PurgeResult",
    "RegisteredDeviceStore",
    "RequestRepeated",
    "ResourceStore",
    "SchemaUnknown",
    "ServerFacts",
    "SessionStore",
    "StatsStore",
    "Store",
    "SubscriberChange",
    "SubscriberStore",
    "TransferStore",
    "WebhookStore",
]


class Store(Protocol):
    """One database and its contents."""

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
    def resources(self) -> ResourceStore:
        """Conference rooms, and all resources as one list."""
        ...

    @property
    def sessions(self) -> SessionStore:
        """Sessions."""
        ...

    @property
    def registered_devices(self) -> RegisteredDeviceStore:
        """The devices that the holders of SATs register."""
        ...

    @property
    def events(self) -> EventStore:
        """The audit trail."""
        ...

    @property
    def presence(self) -> PresenceStore:
        """Presence leases."""
        ...

    @property
    def stats(self) -> StatsStore:
        """Counts of a project's records."""
        ...

    @property
    def webhooks(self) -> WebhookStore:
        """Webhooks and their pending deliveries."""
        ...

    @property
    def incarnation(self) -> IncarnationStore:
        """The incarnation of the database, by which a copy is recognised."""
        ...

    @property
    def known_keys(self) -> KnownKeyStore:
        """The master keys that the database knows, by which a wrong keyring is noticed."""
        ...

    @property
    def keyed_requests(self) -> KeyedRequestStore:
        """Requests with an idempotency key."""
        ...

    @property
    def transfer(self) -> TransferStore:
        """Records of projects that are exported and imported."""
        ...

    def on_revocation(self, callback: Callable[[], None]) -> None:
        """Register a callback for new events that `EventStore.revocations` may return.

        The callback is only a hint that saves waiting for the next poll. A store without
        notifications never calls it, a store that has lost its connection does not call it for a
        while, and every store may call it in vain. It is called on the event loop on which the
        store was opened.
        """
        ...

    async def ready(self) -> float | None:
        """Check that the database answers and that every condition of writing holds.

        If one does not hold, writes are refused until a later call finds that all do.

        Returns:
            Unix seconds by the database's clock; None if it is the machine's.

        Raises:
            StoreUnavailable: the database does not answer, or commits would not be durable, or not
                isolated as decisions need it.
            SchemaUnknown: the schema is not the one of this version.
        """
        ...

    async def purge(self, now: int, events_before: int, limit: int) -> PurgeResult:
        """Examine about `limit` rows of each table and delete the expired ones.

        Each call continues where the previous one stopped, and starts again at the end. Deleted
        are sessions whose tokens have all expired, with their registered devices, temporary
        subscribers without a session, proofs, leases and keyed requests past their time, and events
        older than `events_before`. The deletion of deleted projects continues.
        """
        ...

    def backlog(self) -> Backlog:
        """What this process has not finished yet."""
        ...

    async def close(self) -> None:
        """Finish running operations, then close the database."""
        ...
