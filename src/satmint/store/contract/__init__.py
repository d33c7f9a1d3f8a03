"""What a store promises. A second one can be written from this folder alone.

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

from collections.abc import Callable
from typing import Protocol

from satmint.store.contract.accounts import (
    CHANGEABLE,
    OWN_SHOWN,
    AddressStore,
    NewSubscriber,
    ProjectStore,
    SubscriberChange,
    SubscriberStore,
)
from satmint.store.contract.errors import NotUnique, SchemaUnknown
from satmint.store.contract.purge import Swept
from satmint.store.contract.sessions import NewSession, Opened, SessionStore
from satmint.store.contract.trail import EventStore, PresenceStore, WebhookStore

__all__ = [
    "CHANGEABLE",
    "OWN_SHOWN",
    "AddressStore",
    "EventStore",
    "NewSession",
    "NewSubscriber",
    "NotUnique",
    "Opened",
    "PresenceStore",
    "ProjectStore",
    "SchemaUnknown",
    "SessionStore",
    "Store",
    "SubscriberChange",
    "SubscriberStore",
    "Swept",
    "WebhookStore",
]


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

    @property
    def presence(self) -> PresenceStore:
        """Who is online."""
        ...

    @property
    def webhooks(self) -> WebhookStore:
        """Webhooks and their outbox."""
        ...

    def on_ending(self, look: Callable[[], None]) -> None:
        """Have `look` called when there may be something new for `EventStore.ending` to tell.

        It saves waiting for the next time to ask, and no more: a store that cannot tell never calls
        it, one that lost its way to the database does not for a while, and either may call it in
        vain. It is called on the event loop that the store was opened on.
        """
        ...

    async def ready(self) -> None:
        """Return where the database answers and its schema is current.

        Raises:
            StoreUnavailable: it does not answer.
            SchemaUnknown: its schema is not ours.
        """
        ...

    async def purge(self, now: int, events_before: int, limit: int) -> Swept:
        """Look at about `limit` rows of each table, and remove those that are dead.

        Each call goes on where the last one stopped, and begins anew at the end. Dead are sessions
        none of whose tokens can live any more, temporary subscribers without a session, proofs and
        leases past their time, and events older than `events_before`.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun, then let go of the database."""
        ...
