"""How large the database file is, with a bounded number of reads."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from satmint.store.contract.statistics import DatabaseStatistics, TableStatistics
from satmint.store.sql.oldest_events import OLDEST_EVENTS
from satmint.store.sqlite.driver_errors import map_driver_error
from satmint.store.sqlite.maintenance import open_existing

_COUNT_LIMIT: Final = 100_000
"""Up to how many rows of a table are counted."""
_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
)


def statistics(path: Path) -> DatabaseStatistics:
    """Measure the database while servers use it.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    try:
        with closing(open_existing(path)) as connection:
            tables = tuple(
                _table(connection, name) for (name,) in connection.execute(_TABLES).fetchall()
            )
            oldest = [event for (event,) in connection.execute(OLDEST_EVENTS) if event is not None]
            (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    except sqlite3.Error as error:
        raise map_driver_error(error) from error
    wal = path.with_name(f"{path.name}-wal")
    return DatabaseStatistics(
        size_bytes=path.stat().st_size,
        wal_bytes=wal.stat().st_size if wal.exists() else 0,
        unused_bytes=unused * page_size,
        oldest_event=min(oldest, default=None),
        tables=tables,
    )


def _table(connection: sqlite3.Connection, name: str) -> TableStatistics:
    query = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {_COUNT_LIMIT + 1})"
    (count,) = connection.execute(query).fetchone()
    return TableStatistics(
        name,
        rows=min(count, _COUNT_LIMIT),
        is_exact=count <= _COUNT_LIMIT,
        size_bytes=None,
        dead_rows=None,
    )
