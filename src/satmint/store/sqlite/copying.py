"""A database file of which `satmint db copy` is the only user."""

import os
import sqlite3
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from satmint.model.incarnation import Incarnation
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import SchemaUnknown
from satmint.store.contract.copying import (
    BATCH_ROWS,
    CopiedRow,
    CopiedTable,
    DatabaseBusy,
    TextNotStorable,
)
from satmint.store.contract.inspection import DatabaseInspection
from satmint.store.sql.copying import copied_tables, select_last_row, select_rows, without_nulls
from satmint.store.sql.inspection import inspect_content
from satmint.store.sqlite.database import SqliteTransaction, run
from satmint.store.sqlite.driver_errors import is_busy, map_driver_error
from satmint.store.sqlite.maintenance import migrate_file
from satmint.store.sqlite.migrations import pending_migrations

_BUSY_SECONDS: Final = 2.0
_SET_INCARNATION: Final = (
    "INSERT INTO incarnation (singleton, incarnation_id, number, began_at, location)"
    " VALUES (1, ?, ?, ?, ?)"
)


class SqliteEndpoint:
    """See `CopyEndpoint`. Created by `open_file`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def inspect(self) -> DatabaseInspection:
        """See `CopyEndpoint.inspect`."""
        with _mapped():
            pending = pending_migrations(self._connection)
            if pending:
                return DatabaseInspection(tuple(migration.name for migration in pending))
            return run(inspect_content(SqliteTransaction(self._connection)))

    async def tables(self) -> Sequence[CopiedTable]:
        """See `CopyEndpoint.tables`."""
        with _mapped():
            return [self._table(name) for name in copied_tables()]

    def _table(self, name: str) -> CopiedTable:
        columns = sorted(self._connection.execute(f"PRAGMA table_info({name})"), key=_name)
        key = sorted((place, column) for _, column, _, _, _, place in columns if place)
        return CopiedTable(
            name,
            tuple(column for _, column, *_ in columns),
            tuple(type_ for _, _, type_, *_ in columns),
            tuple(column for _, column in key),
        )

    async def count(self, table: CopiedTable) -> int:
        """See `CopyEndpoint.count`."""
        with _mapped():
            found: int = self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[
                0
            ]
            return found

    async def last_key(self, table: CopiedTable) -> CopiedRow | None:
        """See `CopyEndpoint.last_key`."""
        with _mapped():
            row = self._connection.execute(select_last_row(table, "")).fetchone()
            return None if row is None else table.key_of(row)

    async def rows(
        self, table: CopiedTable, after: CopiedRow | None = None
    ) -> AsyncGenerator[Sequence[CopiedRow], None]:
        """See `CopyEndpoint.rows`."""
        places = ("?",) * len(table.key) if after else ()
        with _mapped():
            cursor = self._connection.execute(select_rows(table, "", places), after or ())
        while True:
            with _mapped():
                batch = cursor.fetchmany(BATCH_ROWS)
            if not batch:
                return
            _check_texts(table, batch)
            yield without_nulls(table, batch)

    async def write(self, table: CopiedTable, rows: Sequence[CopiedRow]) -> None:
        """See `CopyEndpoint.write`."""
        columns, places = (", ".join(each) for each in (table.columns, "?" * len(table.columns)))
        insert = f"INSERT INTO {table.name} ({columns}) VALUES ({places})"
        with _mapped(), self._transaction():
            self._connection.executemany(insert, rows)

    async def clear(self, table: CopiedTable) -> None:
        """See `CopyEndpoint.clear`."""
        with _mapped(), self._transaction():
            self._connection.execute(f"DELETE FROM {table.name}")

    async def set_incarnation(self, incarnation: Incarnation) -> None:
        """See `CopyEndpoint.set_incarnation`."""
        values = incarnation.id.bytes, incarnation.number, incarnation.began_at
        with _mapped(), self._transaction():
            self._connection.execute("DELETE FROM incarnation")
            self._connection.execute(_SET_INCARNATION, (*values, incarnation.location))

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._connection)

    async def close(self) -> None:
        """See `CopyEndpoint.close`."""
        self._connection.close()


def open_file(path: Path, *, now: int | None = None) -> SqliteEndpoint:
    """Open a database file, and lock it against every other process.

    Args:
        path: The file.
        now: Unix seconds: it is created, with the current schema, if it does not exist. None: it
            must exist.

    Raises:
        DatabaseBusy: a process has it open.
        StoreUnavailable: it cannot be opened.
        SchemaUnknown: another version of satmint has written it.
        OSError: it cannot be created.
    """
    if now is not None and not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if not path.exists():
        raise StoreUnavailable("no_such_file")
    if now is not None and path.stat().st_size == 0:
        migrate_file(path, now)
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # Before the first read: then SQLite locks the whole file, and not its log alone.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        connection.text_factory = _decoded
        pending_migrations(connection)
    except (sqlite3.Error, SchemaUnknown) as error:
        connection.close()
        if isinstance(error, SchemaUnknown):
            raise
        if is_busy(error):
            raise DatabaseBusy from error
        raise map_driver_error(error) from error
    return SqliteEndpoint(connection)


def _decoded(text: bytes) -> str:
    """A text; bytes that are not UTF-8 become surrogates, which `_check_texts` finds."""
    return text.decode("utf-8", "surrogateescape")


def _check_texts(table: CopiedTable, rows: Iterable[CopiedRow]) -> None:
    """Check what PostgreSQL requires of texts.

    Raises:
        TextNotStorable: one of them has a zero byte, or is not UTF-8.
    """
    places = [place for place, type_ in enumerate(table.types) if type_ == "TEXT"]
    for row in rows:
        for place in places:
            text = row[place]
            if isinstance(text, str) and not _is_storable(text):
                key = "/".join(_shown(value) for value in table.key_of(row))
                raise TextNotStorable(table.name, table.columns[place], key)


def _is_storable(text: str) -> bool:
    if "\0" in text:
        return False
    if text.isascii():
        return True
    with suppress(UnicodeEncodeError):
        text.encode()
        return True
    return False


def _shown(value: bytes | int | str | None) -> str:
    if isinstance(value, bytes):
        return str(UUID(bytes=value)) if len(value) == 16 else value.hex()
    return ascii(value)


def _name(column: tuple[int, str]) -> str:
    return column[1]


class _mapped:  # noqa: N801 - used like a function
    """Maps errors of the driver."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        """Raise `StoreUnavailable` for a failure of the database."""
        if isinstance(error, sqlite3.Error):
            raise map_driver_error(error) from error


class _Transaction:
    """A durable transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        """Begin it."""
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        """Commit it, or roll it back."""
        try:
            if error is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
