"""The parts of a store whose SQL is the same for every database."""

from dataclasses import replace

from satmint.store.contract import PurgeResult
from satmint.store.sql.addresses import SqlAddresses
from satmint.store.sql.events import SqlEvents
from satmint.store.sql.incarnation import SqlIncarnation
from satmint.store.sql.keyed_requests import SqlKeyedRequests
from satmint.store.sql.known_keys import SqlKnownKeys
from satmint.store.sql.port import Database
from satmint.store.sql.presence import SqlPresence
from satmint.store.sql.projects import SqlProjects
from satmint.store.sql.purge import Purge
from satmint.store.sql.registered_devices import SqlRegisteredDevices
from satmint.store.sql.resources import SqlResources
from satmint.store.sql.stats import SqlStats
from satmint.store.sql.subscribers import SqlSubscribers
from satmint.store.sql.transfer import SqlTransfer
from satmint.store.sql.webhooks import SqlWebhooks


class SqlStore:
    """See `Store`."""

    def __init__(self, db: Database, reserved_db: Database | None = None) -> None:
        """Put the parts together.

        Args:
            db: The port for requests.
            reserved_db: The port for the revocation watch and presence, if it is another one.
        """
        reserved_db = reserved_db or db
        self._purge = Purge(db)
        self.projects = SqlProjects(db)
        self.subscribers = SqlSubscribers(db)
        self.addresses = SqlAddresses(db, reserved_db)
        self.resources = SqlResources(db)
        self.registered_devices = SqlRegisteredDevices(db)
        self.events = SqlEvents(db, reserved_db)
        self.presence = SqlPresence(reserved_db, db)
        self.stats = SqlStats(db)
        self.webhooks = SqlWebhooks(db)
        self.incarnation = SqlIncarnation(db)
        self.known_keys = SqlKnownKeys(db)
        self.keyed_requests = SqlKeyedRequests(db)
        self.transfer = SqlTransfer(db)

    async def purge(self, now: int, events_before: int, limit: int) -> PurgeResult:
        """See `Store.purge`."""
        purged = await self._purge.step(now, events_before, limit)
        deleted = await self.projects.purge(limit)
        return replace(
            purged, removed=purged.removed + deleted.removed, more=purged.more or deleted.more
        )
