"""Subscribers in PostgreSQL."""

from dataclasses import replace
from typing import Final
from uuid import UUID

import asyncpg

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.naming import slug
from satmint.model.records import Address, AddressType, Channel, Profile, Subscriber
from satmint.store.contract import NewSubscriber, NotUnique, SubscriberChange
from satmint.store.postgres.addresses import insert_where_free
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.events import record
from satmint.store.postgres.listing import Listing, Row, plain, read_page
from satmint.store.postgres.looking import BY_ID, Looks

_PROFILE: Final = tuple(Profile.__slots__)
_SETTABLE: Final = frozenset({*_PROFILE, "email", "reference"})
_COLUMNS: Final = (
    "project_id, subscriber_id, kind, reference, email, epoch, created_at, updated_at,"
    f" {', '.join(_PROFILE)}"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM subscribers"
_ONE: Final = f"{_SELECT} WHERE project_id = $1 AND subscriber_id = $2"
_MANY: Final = f"""
SELECT n, {_COLUMNS}
  FROM {BY_ID}
  JOIN subscribers USING (project_id)
 WHERE subscriber_id = wanted.id
"""
_ATTRIBUTE_OF: Final = {
    "subscribers_by_reference": "reference",
    "subscribers_by_email": "email",
}

# Without a target: whatever makes it a duplicate, it is for the caller to find out.
_CREATE: Final = (
    "INSERT INTO subscribers (project_id, subscriber_id, kind, reference, email, created_at,"
    " updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING RETURNING 1"
)

_REVOKE: Final = """
WITH live AS MATERIALIZED (
    SELECT sessions.project_id, sessions.session_id FROM sessions
     WHERE project_id = $1 AND subscriber_id = $2 AND revoked_at IS NULL
       AND ($4::text IS NULL OR jkt = $4)
       AND project_epoch = (SELECT projects.epoch FROM projects WHERE projects.project_id = $1)
     ORDER BY project_id, session_id
       FOR UPDATE
), revoked AS (
    UPDATE sessions SET revoked_at = $3
      FROM live
     WHERE sessions.project_id = live.project_id AND sessions.session_id = live.session_id
    RETURNING 1
)
SELECT count(*) FROM revoked
"""


async def create_subscriber(
    db: Connection, new: NewSubscriber, project: UUID, change: SubscriberChange, now: int
) -> bool:
    """Insert a subscriber proper and its own address.

    Returns:
        False where its reference or its e-mail address is taken; then nothing was done.
    """
    kind = Kind.SUBSCRIBER.value
    email = change.fields.get("email", new.email)
    if not await db.fetchval(_CREATE, project, new.id, kind, new.reference, email, now):
        return False
    await change_subscriber(db, project, new.id, change, now)
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
    if not await insert_where_free(db, address):
        # Its own id makes the name unique.
        address = replace(address, name=f"{name}-{new.address_id.hex[:12]}")
        if not await insert_where_free(db, address):
            raise NotUnique("name")
    return True


async def change_subscriber(
    db: Connection, project: UUID, subscriber: UUID, change: SubscriberChange, now: int
) -> None:
    """Set the given fields; nothing at all is written where they are so already."""
    values: dict[str, str | None] = dict(change.fields)
    if not values.keys() <= _SETTABLE:
        raise ValueError("a field that no subscriber has")
    if change.password_hash is not None:
        values["password_hash"] = change.password_hash
    if values:
        marks = {column: f"${at}" for at, column in enumerate(values, start=4)}
        settings = ", ".join(f"{column} = {mark}" for column, mark in marks.items())
        await db.execute(
            f"UPDATE subscribers SET {settings}, updated_at = $3"
            " WHERE project_id = $1 AND subscriber_id = $2"
            f" AND ROW({', '.join(marks)}) IS DISTINCT FROM ROW({', '.join(marks.values())})",
            project,
            subscriber,
            now,
            *values.values(),
        )


async def is_taken(db: Connection, project: UUID, column: str, value: str | None) -> bool:
    """Whether a subscriber of the project has this `reference` or `email`."""
    if value is None:
        return False
    query = f"SELECT 1 FROM subscribers WHERE project_id = $1 AND {column} = $2"
    return await db.fetchval(query, project, value) is not None


class PostgresSubscribers:
    """See `SubscriberStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._looks = Looks(connections, _MANY, _subscriber)

    async def close(self) -> None:
        """Finish what was begun, and look for no more."""
        await self._looks.close()

    async def create(
        self, new: NewSubscriber, project: UUID, change: SubscriberChange, now: int
    ) -> Subscriber:
        """See `SubscriberStore.create`."""

        async def work(db: Connection) -> Subscriber:
            if not await create_subscriber(db, new, project, change, now):
                by_reference = await is_taken(db, project, "reference", new.reference)
                raise NotUnique("reference" if by_reference else "email")
            return _subscriber(await db.fetchrow(_ONE, project, new.id))

        try:
            return await self._connections.decide(work)
        except asyncpg.UniqueViolationError as error:
            raise _not_unique(error) from error

    async def list(self, project: UUID, window: Window) -> Page[Subscriber]:
        """See `SubscriberStore.list`."""
        listing = Listing(
            _SELECT,
            ["project_id = {}", "reference IS NOT NULL"],
            [project],
            "created_at",
            "subscriber_id",
        )
        return await self._connections.browse(
            lambda db: read_page(db, listing, window, _subscriber)
        )

    async def get(self, project: UUID, subscriber: UUID) -> Subscriber | None:
        """See `SubscriberStore.get`."""
        return await self._looks.one(project, subscriber)

    async def update(
        self, project: UUID, subscriber: UUID, change: SubscriberChange, now: int
    ) -> Subscriber | None:
        """See `SubscriberStore.update`."""

        async def work(db: Connection) -> Subscriber | None:
            # Locked: what is read here must still be so when it is written.
            row = await db.fetchrow(f"{_ONE} FOR UPDATE", project, subscriber)
            if row is None or row["reference"] is None:
                return None
            fields = dict(change.fields)
            email = fields.get("email")
            if email is not None and row["reference"] == row["email"]:
                fields["reference"] = email
            complete = SubscriberChange(fields, change.password_hash)
            await change_subscriber(db, project, subscriber, complete, now)
            return _subscriber(await db.fetchrow(_ONE, project, subscriber))

        try:
            return await self._connections.decide(work)
        except asyncpg.UniqueViolationError as error:
            raise NotUnique("email") from error

    async def delete(self, project: UUID, subscriber: UUID, now: int, event: Event) -> bool:
        """See `SubscriberStore.delete`."""
        key = (project, subscriber)

        async def work(db: Connection) -> bool:
            gone = await db.fetchval(
                "DELETE FROM subscribers WHERE project_id = $1 AND subscriber_id = $2"
                " AND reference IS NOT NULL RETURNING 1",
                *key,
            )
            if gone is None:
                return False
            await db.execute(
                "DELETE FROM addresses WHERE project_id = $1 AND subscriber_id = $2", *key
            )
            await revoke_sessions(db, project, subscriber, now)
            await record(db, event)
            return True

        return await self._connections.insist(work)


async def revoke_sessions(
    db: Connection, project: UUID, subscriber: UUID, now: int, *, jkt: str | None = None
) -> int:
    """Revoke a subscriber's live sessions, of a key or all; returns how many there were.

    They are locked in the order of their ids, as everywhere: nobody waits in a circle.
    """
    count: int = await db.fetchval(_REVOKE, project, subscriber, now, jkt)
    return count


def _not_unique(error: asyncpg.UniqueViolationError) -> Exception:
    attribute = _ATTRIBUTE_OF.get(error.constraint_name or "")
    return error if attribute is None else NotUnique(attribute)


def _subscriber(row: Row) -> Subscriber:
    return Subscriber(
        id=plain(row["subscriber_id"]),
        project=plain(row["project_id"]),
        kind=Kind(row["kind"]),
        reference=row["reference"],
        email=row["email"],
        profile=Profile(*(row[name] for name in _PROFILE)),
        epoch=row["epoch"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
