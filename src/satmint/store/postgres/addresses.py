"""Addresses in PostgreSQL."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.records import Address, AddressType, Channel
from satmint.store.contract import CHANGEABLE, OWN_SHOWN, NotUnique
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.listing import Listing, Row, plain, plain_or_none, read_page
from satmint.store.postgres.looking import BY_ID, Looks

_COLUMNS: Final = (
    "project_id, address_id, context, name, display_name, type, channels, subscriber_id,"
    " locked, cover_url, preview_url, created_at"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM addresses"
_INSERT: Final = (
    f"INSERT INTO addresses ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
_BY_ID: Final = f"""
SELECT n, {_COLUMNS}
  FROM {BY_ID}
  JOIN addresses USING (project_id)
 WHERE address_id = wanted.id
"""
# LATERAL leaves the planner one way only, by the index.
_BY_OWNER: Final = f"""
SELECT n, own.*
  FROM {BY_ID}
 CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM addresses
     WHERE addresses.project_id = wanted.project_id AND addresses.subscriber_id = wanted.id
     ORDER BY created_at, address_id
     LIMIT {OWN_SHOWN}
 ) AS own
 ORDER BY n, created_at, address_id
"""
_BY_NAME: Final = "addresses_by_name"


async def insert_where_free(connection: Connection, address: Address) -> bool:
    """Insert one address unless its name is taken; returns whether it was free."""
    insert = f"{_INSERT} ON CONFLICT (project_id, context, name) DO NOTHING RETURNING 1"
    return await connection.fetchval(insert, *_row(address)) is not None


class PostgresAddresses:
    """See `AddressStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._looks = Looks(connections, _BY_ID, _address)
        self._own = Looks(connections, _BY_OWNER, _address)

    async def close(self) -> None:
        """Finish what was begun, and look for no more."""
        await self._looks.close()
        await self._own.close()

    async def create(self, address: Address) -> None:
        """See `AddressStore.create`."""
        if not await self._connections.look(lambda db: insert_where_free(db, address)):
            raise NotUnique("name")

    async def list(self, project: UUID, wanted: AddressFilter, window: Window) -> Page[Address]:
        """See `AddressStore.list`."""
        conditions: list[str] = ["project_id = {}"]
        arguments: list[object] = [project]
        for column, value in (
            ("type", wanted.type),
            ("name", wanted.name),
            ("display_name", wanted.display_name),
            ("subscriber_id", wanted.subscriber),
        ):
            if value is not None:
                conditions.append(f"{column} = {{}}")
                arguments.append(value)
        if wanted.only is not None:
            conditions.append("address_id = ANY({}::uuid[])")
            arguments.append(list(wanted.only))
        listing = Listing(_SELECT, conditions, arguments, window.sort_by.value, "address_id")
        return await self._connections.browse(lambda db: read_page(db, listing, window, _address))

    async def get(self, project: UUID, address: UUID) -> Address | None:
        """See `AddressStore.get`."""
        return await self._looks.one(project, address)

    async def these(self, project: UUID, addresses: Sequence[UUID]) -> Sequence[Address]:
        """See `AddressStore.these`."""
        found = await asyncio.gather(*(self.get(project, address) for address in set(addresses)))
        known = [address for address in found if address is not None]
        return sorted(known, key=lambda address: (address.created_at, address.id))

    async def of_subscriber(self, project: UUID, subscriber: UUID) -> Sequence[Address]:
        """See `AddressStore.of_subscriber`."""
        return await self._own.all(project, subscriber)

    async def update(
        self, project: UUID, address: UUID, fields: Mapping[str, Any]
    ) -> Address | None:
        """See `AddressStore.update`."""
        if not fields.keys() <= CHANGEABLE:
            raise ValueError("a field of an address that cannot be changed")
        if not fields:
            return await self.get(project, address)
        columns = ", ".join(f"{name} = ${at}" for at, name in enumerate(fields, start=3))
        statement = (
            f"UPDATE addresses SET {columns}"
            f" WHERE project_id = $1 AND address_id = $2 RETURNING {_COLUMNS}"
        )
        given = (project, address, *(_kept(name, value) for name, value in fields.items()))
        try:
            row = await self._connections.look(lambda db: db.fetchrow(statement, *given))
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != _BY_NAME:
                raise
            raise NotUnique("name") from error
        return None if row is None else _address(row)

    async def delete(self, project: UUID, address: UUID) -> bool:
        """See `AddressStore.delete`."""
        statement = "DELETE FROM addresses WHERE project_id = $1 AND address_id = $2 RETURNING 1"
        gone = await self._connections.look(lambda db: db.fetchval(statement, project, address))
        return gone is not None


def _row(address: Address) -> tuple[object, ...]:
    """In the order of `_COLUMNS`."""
    return (
        address.project,
        address.id,
        address.context,
        address.name,
        address.display_name,
        _kept("type", address.type),
        _kept("channels", address.channels),
        address.subscriber,
        address.locked,
        address.cover_url,
        address.preview_url,
        address.created_at,
    )


def _kept(name: str, value: Any) -> object:  # noqa: ANN401 - of whichever field
    """A field's value as its column has it."""
    match name:
        case "type":
            return str(value)
        case "channels":
            return " ".join(sorted(value))
        case _:
            return value


def _address(row: Row) -> Address:
    return Address(
        id=plain(row["address_id"]),
        project=plain(row["project_id"]),
        context=row["context"],
        name=row["name"],
        display_name=row["display_name"],
        type=AddressType(row["type"]),
        channels=frozenset(Channel(name) for name in row["channels"].split()),
        created_at=row["created_at"],
        subscriber=plain_or_none(row["subscriber_id"]),
        locked=row["locked"],
        cover_url=row["cover_url"],
        preview_url=row["preview_url"],
    )
