"""The shared store: PostgreSQL, for any number of processes on any number of machines."""

from satmint.store.postgres.connecting import PostgresLimits
from satmint.store.postgres.store import PostgresStore, open_postgres

__all__ = ["PostgresLimits", "PostgresStore", "open_postgres"]
