"""Addresses in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.records import Address, AddressType, Channel
from satmint.store.contract import CHANGEABLE, NotUnique
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.listing import Listing, Row, plain, plain_or_none, read_page

_COLUMNS: Final = (
    "project_id, address_id, context, name, display_name, type, channels, subscriber_id,"
    " locked, cover_url, preview_url, created_at"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM addresses"
_INSERT: Final = (
    f"INSERT INTO addresses ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
_BY_NAME: Final = "addresses_by_name"


async def insert_where_free(connection: Connection, address: Address) -> bool:
    """Insert one address unless its name is taken; returns whether it was free."""
    insert = f"{_INSERT} ON CONFLICT (project_id, context, name) DO NOTHING RETURNING 1"
    return await connection.fetchval(insert, *_row(address)) is not None


@dataclass(frozen=True, slots=True)
class PostgresAddresses:
    """See `AddressStore`."""

    connections: Connections

    async def create(self, address: Address) -> None:
        """See `AddressStore.create`."""
        if not await self.connections.look(lambda db: insert_where_free(db, address)):
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
        return await self.connections.browse(lambda db: read_page(db, listing, window, _address))

    async def get(self, project: UUID, address: UUID) -> Address | None:
        """See `AddressStore.get`."""
        query = f"{_SELECT} WHERE project_id = $1 AND address_id = $2"
        row = await self.connections.look(lambda db: db.fetchrow(query, project, address))
        return None if row is None else _address(row)

    async def known(self, project: UUID, addresses: Sequence[UUID]) -> frozenset[UUID]:
        """See `AddressStore.known`."""
        query = (
            "SELECT address_id FROM addresses"
            " WHERE project_id = $1 AND address_id = ANY($2::uuid[])"
        )
        wanted = list(addresses)
        rows = await self.connections.look(lambda db: db.fetch(query, project, wanted))
        return frozenset(plain(row["address_id"]) for row in rows)

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
            row = await self.connections.look(lambda db: db.fetchrow(statement, *given))
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != _BY_NAME:
                raise
            raise NotUnique("name") from error
        return None if row is None else _address(row)

    async def delete(self, project: UUID, address: UUID) -> bool:
        """See `AddressStore.delete`."""
        statement = "DELETE FROM addresses WHERE project_id = $1 AND address_id = $2 RETURNING 1"
        gone = await self.connections.look(lambda db: db.fetchval(statement, project, address))
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
