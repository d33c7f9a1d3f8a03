"""The contract of a database that `satmint db copy` reads or writes.

Rows travel in the form that SQLite stores: UUIDs as 16 bytes, booleans as 0 and 1. Tables are read
in the order of their primary keys, which compare byte by byte in every database, so that a copy
that was interrupted continues behind the last row that it has.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from satmint.model.incarnation import Incarnation
from satmint.store.contract.inspection import DatabaseInspection

BATCH_ROWS: Final = 10_000
"""Rows that are in memory, and that are written in one transaction."""
NOT_COPIED: Final = frozenset({"event_counter", "incarnation"})
"""Tables that the target fills by itself: positions of events continue with the incarnation."""

CopiedRow = tuple[bytes | int | str | None, ...]


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table that is copied."""

    name: str
    columns: tuple[str, ...]
    """In the alphabetical order, which is the same in every database."""
    types: tuple[str, ...]
    """The database's own type of each column."""
    key: tuple[str, ...]
    """The columns of its primary key, in order."""

    @property
    def key_places(self) -> tuple[int, ...]:
        """Where the columns of the key are in a row."""
        return tuple(self.columns.index(name) for name in self.key)

    def key_of(self, row: CopiedRow) -> CopiedRow:
        """The primary key of a row."""
        return tuple(row[place] for place in self.key_places)


class DatabaseBusy(Exception):
    """Another process uses the database."""


class TextNotStorable(Exception):
    """A text contains what PostgreSQL does not store: a zero byte, or bytes that are not UTF-8."""

    def __init__(self, table: str, column: str, key: str) -> None:
        """Name the text, which is not shown.

        Args:
            table: The table.
            column: The column.
            key: The primary key of the row, for people.
        """
        super().__init__(f"{column} of the row {key} of the table {table}")


class CopyEndpoint(Protocol):
    """One of the two databases of a copy. No other process writes to it while it is open."""

    async def inspect(self) -> DatabaseInspection:
        """What a server would look at before it starts."""
        ...

    async def tables(self) -> Sequence[CopiedTable]:
        """All tables that are copied, by name."""
        ...

    async def count(self, table: CopiedTable) -> int:
        """The number of rows."""
        ...

    async def last_key(self, table: CopiedTable) -> CopiedRow | None:
        """The greatest primary key; None: the table is empty."""
        ...

    def rows(
        self, table: CopiedTable, after: CopiedRow | None = None
    ) -> AsyncGenerator[Sequence[CopiedRow], None]:
        """All rows in the order of the primary key, or those after a key, in batches.

        Raises:
            TextNotStorable: while it is read, for a text that not every database stores.
        """
        ...

    async def write(self, table: CopiedTable, rows: Sequence[CopiedRow]) -> None:
        """Insert rows in one transaction, durably."""
        ...

    async def clear(self, table: CopiedTable) -> None:
        """Delete all rows, durably."""
        ...

    async def set_incarnation(self, incarnation: Incarnation) -> None:
        """Replace the incarnation, durably on return."""
        ...

    async def close(self) -> None:
        """Let other processes use the database again."""
        ...
