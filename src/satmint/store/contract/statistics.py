"""How large a database is, for `satmint db stats`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """A table."""

    name: str
    rows: int
    is_exact: bool
    """Whether there are exactly `rows`; otherwise it is an estimate, or there are at least as
    many."""
    size_bytes: int | None
    """With its indexes. None: the database cannot say without reading all of it."""
    dead_rows: int | None
    """Rows that were deleted or replaced and still take space. None: unknown."""


@dataclass(frozen=True, slots=True)
class DatabaseStatistics:
    """A database."""

    size_bytes: int
    wal_bytes: int | None
    """The write-ahead log. None: the server keeps it for several databases."""
    unused_bytes: int | None
    """Space in the file that new rows will use. None: unknown."""
    oldest_event: bytes | None
    """The id of the oldest event, which begins with its time. None: there are no events."""
    tables: tuple[TableStatistics, ...]
    """By name."""
