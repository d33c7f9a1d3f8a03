"""Subscribers in SQLite."""

import sqlite3
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.naming import slug
from satmint.model.records import Address, AddressType, Channel, Profile, Subscriber
from satmint.store.contract import NewSubscriber, NotUnique, SubscriberChange
from satmint.store.sqlite.addresses import insert_address, name_is_taken
from satmint.store.sqlite.events import record
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Listing, Row, read_page

_PROFILE: Final = tuple(Profile.__slots__)
_SETTABLE: Final = frozenset({*_PROFILE, "email", "reference"})
_SELECT: Final = (
    "SELECT project_id, subscriber_id, kind, reference, email, epoch, created_at, updated_at,"
    f" {', '.join(_PROFILE)} FROM subscribers"
)


def create_subscriber(
    db: sqlite3.Connection, new: NewSubscriber, project: UUID, change: SubscriberChange, now: int
) -> None:
    """Insert a subscriber proper and its own address. Its uniqueness was checked before."""
    db.execute(
        "INSERT INTO subscribers (project_id, subscriber_id, kind, reference, email, created_at,"
        " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (project.bytes, new.id.bytes, Kind.SUBSCRIBER.value, new.reference, new.email, now, now),
    )
    change_subscriber(db, project, new.id.bytes, change, now)
    label = change.fields.get("display_name") or new.reference
    name = slug(label.partition("@")[0])
    address = Address(
        id=new.address_id,
        project=project,
        context="private",
        name=name,
        display_name=label,
        type=AddressType.SUBSCRIBER,
        channels=frozenset(Channel),
        created_at=now,
        subscriber=new.id,
    )
    if name_is_taken(db, address):
        # Its own id makes the name unique.
        address = replace(address, name=f"{name}-{new.address_id.hex[:12]}")
    insert_address(db, address)


def create_temporary(
    db: sqlite3.Connection, project: UUID, subscriber: UUID, kind: Kind, now: int
) -> None:
    """Insert the temporary subscriber of a guest, an invitee or a visitor."""
    db.execute(
        "INSERT INTO subscribers (project_id, subscriber_id, kind, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (project.bytes, subscriber.bytes, kind.value, now, now),
    )


def change_subscriber(
    db: sqlite3.Connection, project: UUID, subscriber: bytes, change: SubscriberChange, now: int
) -> None:
    """Set the given fields; nothing at all is written where they are so already."""
    values: dict[str, str | None] = dict(change.fields)
    if not values.keys() <= _SETTABLE:
        raise ValueError("a field that no subscriber has")
    if change.password_hash is not None:
        values["password_hash"] = change.password_hash
    if values:
        settings = ", ".join(f"{column} = ?" for column in values)
        differ = " OR ".join(f"{column} IS NOT ?" for column in values)
        db.execute(
            f"UPDATE subscribers SET {settings}, updated_at = ?"
            f" WHERE project_id = ? AND subscriber_id = ? AND ({differ})",
            (*values.values(), now, project.bytes, subscriber, *values.values()),
        )


def taken_attribute(
    db: sqlite3.Connection, project: UUID, subscriber: bytes, **values: str | None
) -> str | None:
    """Which of `values` (reference, email) another subscriber of the project has already."""
    for column in ("reference", "email"):
        value = values.get(column)
        if value is not None:
            row = db.execute(
                f"SELECT 1 FROM subscribers"
                f" WHERE project_id = ? AND {column} = ? AND subscriber_id <> ?",
                (project.bytes, value, subscriber),
            ).fetchone()
            if row is not None:
                return column
    return None


@dataclass(frozen=True, slots=True)
class SqliteSubscribers:
    """See `SubscriberStore`."""

    writer: Lane
    reader: Readers

    async def create(
        self, new: NewSubscriber, project: UUID, change: SubscriberChange, now: int
    ) -> Subscriber:
        """See `SubscriberStore.create`."""

        def work(db: sqlite3.Connection) -> Subscriber:
            email = change.fields.get("email", new.email)
            taken = taken_attribute(db, project, new.id.bytes, reference=new.reference, email=email)
            if taken is not None:
                raise NotUnique(taken)
            create_subscriber(db, new, project, change, now)
            created = _one(db, project, new.id)
            if created is None:
                raise LookupError("a subscriber that was just created is not there")
            return created

        return await self.writer.submit(work, may_refuse=True)

    async def list(self, project: UUID, window: Window) -> Page[Subscriber]:
        """See `SubscriberStore.list`."""
        listing = Listing(
            _SELECT,
            ["project_id = ?", "reference IS NOT NULL"],
            [project.bytes],
            "created_at",
            "subscriber_id",
        )
        return await self.reader.browse(lambda db: read_page(db, listing, window, _subscriber))

    async def get(self, project: UUID, subscriber: UUID) -> Subscriber | None:
        """See `SubscriberStore.get`."""
        return await self.reader.submit(lambda db: _one(db, project, subscriber))

    async def update(
        self, project: UUID, subscriber: UUID, change: SubscriberChange, now: int
    ) -> Subscriber | None:
        """See `SubscriberStore.update`."""

        def work(db: sqlite3.Connection) -> Subscriber | None:
            present = _one(db, project, subscriber)
            if present is None or present.reference is None:
                return None
            fields = dict(change.fields)
            email = fields.get("email")
            if email is not None and present.reference == present.email:
                fields["reference"] = email
            taken = taken_attribute(
                db, project, subscriber.bytes, reference=fields.get("reference"), email=email
            )
            if taken is not None:
                raise NotUnique("email")
            complete = SubscriberChange(fields, change.password_hash)
            change_subscriber(db, project, subscriber.bytes, complete, now)
            return _one(db, project, subscriber)

        return await self.writer.submit(work, may_refuse=True)

    async def delete(self, project: UUID, subscriber: UUID, now: int, event: Event) -> bool:
        """See `SubscriberStore.delete`."""
        key = (project.bytes, subscriber.bytes)

        def work(db: sqlite3.Connection) -> bool:
            gone = db.execute(
                "DELETE FROM subscribers"
                " WHERE project_id = ? AND subscriber_id = ? AND reference IS NOT NULL",
                key,
            )
            if gone.rowcount == 0:
                return False
            db.execute("DELETE FROM addresses WHERE project_id = ? AND subscriber_id = ?", key)
            db.execute(
                "UPDATE sessions SET revoked_at = ?"
                " WHERE project_id = ? AND subscriber_id = ? AND revoked_at IS NULL",
                (now, *key),
            )
            record(db, event)
            return True

        return await self.writer.submit(work, slow=True)


def _one(db: sqlite3.Connection, project: UUID, subscriber: UUID) -> Subscriber | None:
    query = f"{_SELECT} WHERE project_id = ? AND subscriber_id = ?"
    row = db.execute(query, (project.bytes, subscriber.bytes)).fetchone()
    return None if row is None else _subscriber(row)


def _subscriber(row: Row) -> Subscriber:
    return Subscriber(
        id=UUID(bytes=row[1]),
        project=UUID(bytes=row[0]),
        kind=Kind(row[2]),
        reference=row[3],
        email=row[4],
        profile=Profile(*row[8:]),
        epoch=row[5],
        created_at=row[6],
        updated_at=row[7],
    )
