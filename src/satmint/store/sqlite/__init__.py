"""The embedded store: one SQLite file in WAL mode, `synchronous=FULL`."""

from satmint.store.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]
