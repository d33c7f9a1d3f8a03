"""Conference rooms, and lists of all resources."""

from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import Page, Window
from satmint.model.records import Address
from satmint.model.rooms import (
    Resource,
    ResourceFilter,
    ResourceType,
    Room,
    RoomChange,
    RoomSettings,
)
from satmint.store.contract import NotUnique
from satmint.store.sql.addresses import insert_if_name_free
from satmint.store.sql.listing import Listing, read_merged_page
from satmint.store.sql.port import (
    Database,
    Lookup,
    Row,
    Transaction,
    UniqueViolation,
    placeholders,
    read_uuid,
)
from satmint.store.sql.subscribers import PROFILE_COLUMNS, SUBSCRIBER_COLUMNS, read_subscriber

_COLUMNS: Final = (
    "project_id, room_id, address_id, name, display_name, settings, created_at, updated_at"
)
_BY_ID: Final = Lookup("rooms", _COLUMNS, ("project_id", "room_id"))
_INSERT: Final = f"INSERT INTO rooms ({_COLUMNS}) VALUES ({placeholders(8)}) ON CONFLICT DO NOTHING"
_KEY: Final = "WHERE project_id = $1 AND room_id = $2"
_ONE: Final = f"SELECT {_COLUMNS} FROM rooms {_KEY}"
_OF_ADDRESS: Final = "WHERE project_id = $1 AND address_id = $2"

# Both halves have the columns of both records. `_LABEL` is the expression of the index
# `subscribers_by_label`.
_NO_TEXT: Final = "CAST(NULL AS TEXT)"
_PERMANENT: Final = "reference IS NOT NULL"
_LABEL: Final = "COALESCE(NULLIF(display_name, ''), reference)"
_SUBSCRIBERS: Final = (
    f"SELECT '{ResourceType.SUBSCRIBER}' AS type, subscriber_id AS room_id,"
    f" subscriber_id AS address_id, {_NO_TEXT} AS name, {_NO_TEXT} AS settings,"
    f" {SUBSCRIBER_COLUMNS} FROM subscribers"
)
_ROOMS: Final = (
    f"SELECT '{ResourceType.ROOM}' AS type, room_id, address_id, name, settings, project_id,"
    f" room_id AS subscriber_id, {_NO_TEXT} AS kind, {_NO_TEXT} AS reference, {_NO_TEXT} AS email,"
    " CAST(NULL AS BIGINT) AS epoch, created_at, updated_at, "
    + ", ".join(
        name if name == "display_name" else f"{_NO_TEXT} AS {name}" for name in PROFILE_COLUMNS
    )
    + " FROM rooms"
)

_read_settings: Final = msgspec.json.Decoder(RoomSettings).decode


class SqlResources:
    """See `ResourceStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._by_id = db.lookup(_BY_ID, _room)

    async def list(
        self, project: UUID, resource_filter: ResourceFilter, window: Window
    ) -> Page[Resource]:
        """See `ResourceStore.list`."""
        listings = []
        for kind, select, id_column, label, *conditions in (
            (ResourceType.SUBSCRIBER, _SUBSCRIBERS, "subscriber_id", _LABEL, _PERMANENT),
            (ResourceType.ROOM, _ROOMS, "room_id", "display_name"),
        ):
            if resource_filter.type not in (None, kind):
                continue
            arguments: list[object] = [project]
            if resource_filter.display_name is not None:
                conditions.append(f"{label} = {{}}")
                arguments.append(resource_filter.display_name)
            conditions.insert(0, "project_id = {}")
            listings.append(Listing(select, conditions, arguments, "created_at", id_column))
        if not listings:
            return Page((), more_before=False, more_after=False)
        return await read_merged_page(self._db, listings, window, _resource, "room_id")

    async def create_room(
        self, room: Room, address: Address, keyed: KeyedRequest | None = None
    ) -> None:
        """See `ResourceStore.create_room`."""

        async def work(tx: Transaction) -> None:
            values = (
                *(room.project, room.id, room.address, room.name, room.display_name),
                *(_settings_text(room.settings), room.created_at, room.updated_at),
            )
            if not await tx.execute(_INSERT, *values):
                raise NotUnique("name")
            if not await insert_if_name_free(tx, address):
                raise NotUnique("name")

        await self._db.transaction(work, project=room.project, keyed=keyed, may_raise=True)

    async def room(self, project: UUID, room: UUID) -> Room | None:
        """See `ResourceStore.room`."""
        return await self._by_id.one(project, room)

    async def update_room(
        self, project: UUID, room: UUID, change: RoomChange, now: int
    ) -> Room | None:
        """See `ResourceStore.update_room`."""

        async def work(tx: Transaction) -> Room | None:
            present = await tx.fetch_one(_room, f"{_ONE}{tx.dialect.for_update}", project, room)
            if present is None:
                return None
            changed = replace(
                present,
                name=change.name or present.name,
                display_name=change.display_name or present.display_name,
                settings=replace(present.settings, **change.settings),
            )
            if changed == present:
                return present
            changed = replace(changed, updated_at=now)
            await tx.execute(
                f"UPDATE rooms SET name = $3, display_name = $4, settings = $5, updated_at = $6"
                f" {_KEY}",
                *(project, room, changed.name, changed.display_name),
                *(_settings_text(changed.settings), now),
            )
            for column in ("name", "display_name"):
                old, new = getattr(present, column), getattr(changed, column)
                if old != new:
                    await tx.execute(
                        f"UPDATE addresses SET {column} = $4 {_OF_ADDRESS} AND {column} = $3",
                        *(project, present.address, old, new),
                    )
            return changed

        try:
            return await self._db.transaction(work, project=project, may_raise=True)
        except UniqueViolation as error:
            raise NotUnique("name") from error

    async def delete_room(self, room: Room, event: Event, address_event: Event) -> bool:
        """See `ResourceStore.delete_room`."""

        async def work(tx: Transaction) -> bool:
            if not await tx.execute(f"DELETE FROM rooms {_KEY}", room.project, room.id):
                return False
            await tx.record(event)
            if await tx.execute(f"DELETE FROM addresses {_OF_ADDRESS}", room.project, room.address):
                await tx.record(address_event)
            return True

        return await self._db.transaction(work, project=room.project)


def _settings_text(settings: RoomSettings) -> str:
    return msgspec.json.encode(settings).decode()


def _resource(row: Row) -> Resource:
    return _room(row) if row["type"] == ResourceType.ROOM else read_subscriber(row)


def _room(row: Row) -> Room:
    return Room(
        id=read_uuid(row["room_id"]),
        project=read_uuid(row["project_id"]),
        address=read_uuid(row["address_id"]),
        name=row["name"],
        display_name=row["display_name"],
        settings=_read_settings(row["settings"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
