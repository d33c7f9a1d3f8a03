"""Addresses in SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.records import Address, AddressType, Channel
from satmint.store.contract import CHANGEABLE, OWN_SHOWN, NotUnique
from satmint.store.sqlite.events import optional_uuid
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Listing, Row, read_page

_OLDEST_FIRST: Final = "ORDER BY created_at, address_id"
_SELECT: Final = (
    "SELECT project_id, address_id, context, name, display_name, type, channels, subscriber_id,"
    " locked, cover_url, preview_url, created_at FROM addresses"
)


def insert_address(db: sqlite3.Connection, address: Address) -> None:
    """Insert one address.

    Raises:
        NotUnique: its name is taken in its project and context.
    """
    if name_is_taken(db, address):
        raise NotUnique("name")
    db.execute(
        "INSERT INTO addresses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            address.project.bytes,
            address.id.bytes,
            address.context,
            address.name,
            address.display_name,
            address.type,
            " ".join(sorted(address.channels)),
            None if address.subscriber is None else address.subscriber.bytes,
            int(address.locked),
            address.cover_url,
            address.preview_url,
            address.created_at,
        ),
    )


def name_is_taken(db: sqlite3.Connection, address: Address) -> bool:
    """Whether another address of the project has this context and name."""
    row = db.execute(
        "SELECT 1 FROM addresses"
        " WHERE project_id = ? AND context = ? AND name = ? AND address_id <> ?",
        (address.project.bytes, address.context, address.name, address.id.bytes),
    ).fetchone()
    return row is not None


@dataclass(frozen=True, slots=True)
class SqliteAddresses:
    """See `AddressStore`."""

    writer: Lane
    reader: Readers

    async def create(self, address: Address) -> None:
        """See `AddressStore.create`."""
        await self.writer.submit(lambda db: insert_address(db, address), may_refuse=True)

    async def list(self, project: UUID, wanted: AddressFilter, window: Window) -> Page[Address]:
        """See `AddressStore.list`."""
        conditions: list[str] = ["project_id = ?"]
        arguments: list[object] = [project.bytes]
        for column, value in (
            ("type", wanted.type),
            ("name", wanted.name),
            ("display_name", wanted.display_name),
            ("subscriber_id", None if wanted.subscriber is None else wanted.subscriber.bytes),
        ):
            if value is not None:
                conditions.append(f"{column} = ?")
                arguments.append(value)
        if wanted.only is not None:
            conditions.append(f"address_id IN ({', '.join('?' * len(wanted.only))})")
            arguments += [address.bytes for address in wanted.only]
        listing = Listing(_SELECT, conditions, arguments, window.sort_by.value, "address_id")
        return await self.reader.browse(lambda db: read_page(db, listing, window, _address))

    async def get(self, project: UUID, address: UUID) -> Address | None:
        """See `AddressStore.get`."""
        return await self.reader.submit(lambda db: _one(db, project, address))

    async def these(self, project: UUID, addresses: Sequence[UUID]) -> Sequence[Address]:
        """See `AddressStore.these`."""
        ids = [address.bytes for address in addresses]
        marks = ", ".join("?" * len(ids))
        query = f"{_SELECT} WHERE project_id = ? AND address_id IN ({marks}) {_OLDEST_FIRST}"
        return await self._found(query, project.bytes, *ids)

    async def of_subscriber(self, project: UUID, subscriber: UUID) -> Sequence[Address]:
        """See `AddressStore.of_subscriber`."""
        query = f"{_SELECT} WHERE project_id = ? AND subscriber_id = ? {_OLDEST_FIRST} LIMIT ?"
        return await self._found(query, project.bytes, subscriber.bytes, OWN_SHOWN)

    async def update(
        self, project: UUID, address: UUID, fields: Mapping[str, Any]
    ) -> Address | None:
        """See `AddressStore.update`."""
        if not fields.keys() <= CHANGEABLE:
            raise ValueError("a field of an address that cannot be changed")

        def work(db: sqlite3.Connection) -> Address | None:
            # Nobody else writes between the reading and the writing.
            present = _one(db, project, address)
            if present is None:
                return None
            changed = replace(present, **fields)
            if name_is_taken(db, changed):
                raise NotUnique("name")
            db.execute(
                "UPDATE addresses SET context = ?, name = ?, display_name = ?, type = ?,"
                " channels = ?, locked = ?, cover_url = ?, preview_url = ?"
                " WHERE project_id = ? AND address_id = ?",
                (
                    changed.context,
                    changed.name,
                    changed.display_name,
                    changed.type,
                    " ".join(sorted(changed.channels)),
                    int(changed.locked),
                    changed.cover_url,
                    changed.preview_url,
                    project.bytes,
                    address.bytes,
                ),
            )
            return changed

        return await self.writer.submit(work, may_refuse=True)

    async def delete(self, project: UUID, address: UUID) -> bool:
        """See `AddressStore.delete`."""

        def work(db: sqlite3.Connection) -> bool:
            gone = db.execute(
                "DELETE FROM addresses WHERE project_id = ? AND address_id = ?",
                (project.bytes, address.bytes),
            )
            return gone.rowcount > 0

        return await self.writer.submit(work)

    async def _found(self, query: str, *given: object) -> Sequence[Address]:
        def work(db: sqlite3.Connection) -> Sequence[Address]:
            return [_address(row) for row in db.execute(query, given)]

        return await self.reader.submit(work)


def _one(db: sqlite3.Connection, project: UUID, address: UUID) -> Address | None:
    query = f"{_SELECT} WHERE project_id = ? AND address_id = ?"
    row = db.execute(query, (project.bytes, address.bytes)).fetchone()
    return None if row is None else _address(row)


def _address(row: Row) -> Address:
    return Address(
        id=UUID(bytes=row[1]),
        project=UUID(bytes=row[0]),
        context=row[2],
        name=row[3],
        display_name=row[4],
        type=AddressType(row[5]),
        channels=frozenset(Channel(name) for name in row[6].split()),
        created_at=row[11],
        subscriber=optional_uuid(row[7]),
        locked=bool(row[8]),
        cover_url=row[9],
        preview_url=row[10],
    )
