"""Addresses."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import AddressFilter, Page, Window
from satmint.model.records import Address
from satmint.store.contract import MAX_OWN_ADDRESSES, UPDATABLE_FIELDS, NotUnique
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import Database, Lookup, RowLookup, Transaction, UniqueViolation
from satmint.store.sql.table import Table, stored

_ADDRESSES: Final = Table("addresses", Address, id="address_id")
_INSERT: Final = f"{_ADDRESSES.insert} ON CONFLICT (project_id, context, name) DO NOTHING"
_BY_ID: Final = Lookup("addresses", _ADDRESSES.columns, ("project_id", "address_id"))
_BY_OWNER: Final = Lookup(
    "addresses",
    _ADDRESSES.columns,
    ("project_id", "subscriber_id"),
    "created_at, address_id",
    MAX_OWN_ADDRESSES,
)
_KEY: Final = "WHERE project_id = $1 AND address_id = $2"


async def insert_if_name_free(tx: Transaction, address: Address) -> bool:
    """Insert an address unless its name is in use. Returns whether it was inserted."""
    return await tx.execute(_INSERT, *_ADDRESSES.values(address)) > 0


class SqlAddresses:
    """See `AddressStore`."""

    def __init__(self, db: Database, reserved_db: Database) -> None:
        self._db = db
        self._by_id = db.lookup(_BY_ID, _ADDRESSES.build_in_order)
        self._rechecks = self._by_id
        if reserved_db is not db:
            self._rechecks = reserved_db.lookup(_BY_ID, _ADDRESSES.build_in_order)
        self._by_owner = db.lookup(_BY_OWNER, _ADDRESSES.build_in_order)

    async def create(self, address: Address, keyed: KeyedRequest | None = None) -> None:
        """See `AddressStore.create`."""
        if not await self._db.transaction(
            lambda tx: insert_if_name_free(tx, address), project=address.project, keyed=keyed
        ):
            raise NotUnique("name")

    async def list(
        self, project: UUID, address_filter: AddressFilter, window: Window
    ) -> Page[Address]:
        """See `AddressStore.list`."""
        conditions: list[str] = ["project_id = {}"]
        arguments: list[object] = [project]
        for column, value in (
            ("type", address_filter.type),
            ("name", address_filter.name),
            ("display_name", address_filter.display_name),
            ("subscriber_id", address_filter.subscriber),
        ):
            if value is not None:
                conditions.append(f"{column} = {{}}")
                arguments.append(value)
        if address_filter.only is not None:
            # PostgreSQL has no empty `IN` list; NULL equals nothing.
            alternatives = ", ".join("{}" for _ in address_filter.only) or "NULL"
            conditions.append(f"address_id IN ({alternatives})")
            arguments += address_filter.only
        select = _ADDRESSES.select
        if address_filter.name is not None:
            select += self._db.dialect.index.format("addresses_by_bare_name")
        listing = Listing(select, conditions, arguments, window.sort_by.value, "address_id")
        return await read_page(self._db, listing, window, _ADDRESSES.build)

    async def get(self, project: UUID, address: UUID) -> Address | None:
        """See `AddressStore.get`."""
        return await self._by_id.one(project, address)

    async def get_many(self, project: UUID, addresses: Sequence[UUID]) -> Sequence[Address]:
        """See `AddressStore.get_many`."""
        known = await _present(self._by_id, project, addresses)
        return sorted(known, key=lambda address: (address.created_at, address.id))

    async def recheck(self, project: UUID, addresses: Sequence[UUID]) -> bool:
        """See `AddressStore.recheck`."""
        return bool(await _present(self._rechecks, project, addresses))

    async def of_subscriber(self, project: UUID, subscriber: UUID) -> Sequence[Address]:
        """See `AddressStore.of_subscriber`."""
        return await self._by_owner.all(project, subscriber)

    async def update(
        self, project: UUID, address: UUID, fields: Mapping[str, Any]
    ) -> Address | None:
        """See `AddressStore.update`."""
        if not fields.keys() <= UPDATABLE_FIELDS:
            raise ValueError("a field of an address that cannot be changed")
        if not fields:
            return await self.get(project, address)
        settings = ", ".join(f"{name} = ${at}" for at, name in enumerate(fields, start=3))
        values = [stored(value) for value in fields.values()]
        update = f"UPDATE addresses SET {settings} {_KEY} RETURNING {_ADDRESSES.columns}"
        try:
            return await self._db.transaction(
                lambda tx: tx.fetch_one(_ADDRESSES.build, update, project, address, *values),
                project=project,
                may_raise=True,
            )
        except UniqueViolation as error:
            raise NotUnique("name") from error

    async def delete(self, project: UUID, address: UUID, event: Event) -> bool:
        """See `AddressStore.delete`."""

        async def work(tx: Transaction) -> bool:
            if not await tx.execute(f"DELETE FROM addresses {_KEY}", project, address):
                return False
            await tx.record(event)
            return True

        return await self._db.transaction(work, project=project)


async def _present(
    lookup: RowLookup[Address], project: UUID, addresses: Sequence[UUID]
) -> list[Address]:
    """The addresses that exist, in any order; they are looked up at the same time."""
    wanted = {*addresses}
    if len(wanted) == 1:  # most tokens name one; `gather` would make a task of it
        found = [await lookup.one(project, *wanted)]
    else:
        found = await asyncio.gather(*(lookup.one(project, address) for address in wanted))
    return [address for address in found if address is not None]
