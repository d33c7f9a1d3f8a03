"""Subscribers."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import Page, Window
from satmint.model.naming import public_name, reference_slug, slug
from satmint.model.records import Address, AddressType, Channel, Profile, Subscriber
from satmint.model.references import reference_key
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import (
    Collision,
    NewSubscriber,
    NotUnique,
    OpenedSession,
    SubscriberChange,
)
from satmint.store.sql.addresses import insert_if_name_free
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import (
    Database,
    Lookup,
    Row,
    Transaction,
    UniqueViolation,
    read_uuid,
)
from satmint.store.sql.subscriber_keys import KEYED, count_collisions, find_collisions, release_key

PROFILE_COLUMNS: Final = tuple(Profile.__struct_fields__)
_SETTABLE: Final = frozenset({*PROFILE_COLUMNS, "email", "reference"})
_COLUMNS: Final = (
    *("project_id", "subscriber_id", "kind", "reference", "email", "epoch"),
    *("created_at", "updated_at", *PROFILE_COLUMNS),
)
SUBSCRIBER_COLUMNS: Final = ", ".join(_COLUMNS)
_BY_ID: Final = Lookup("subscribers", SUBSCRIBER_COLUMNS, ("project_id", "subscriber_id"))
_SELECT: Final = f"SELECT {SUBSCRIBER_COLUMNS} FROM subscribers"
_ONE: Final = f"{_SELECT} WHERE project_id = $1 AND subscriber_id = $2"
_KEEP_KEY: Final = (
    "UPDATE subscribers SET {column}_key = $3"
    " WHERE project_id = $1 AND subscriber_id = $2 AND {column}_key IS NULL"
)
# By exact text where the subscriber has no key (see `subscriber_keys`), else by key. A branch for
# each index; of several subscribers the one of the first branch.
_BRANCHES: Final = (
    "reference = $2 AND reference_key IS NULL AND reference IS NOT NULL",
    "reference_key = $3",
    "email = $2 AND email_key IS NULL AND email IS NOT NULL AND reference IS NOT NULL",
    "email_key = $3 AND reference IS NOT NULL",
)
_BY_NAME: Final = (
    "SELECT * FROM ("
    + " UNION ALL ".join(
        f"SELECT {rank} AS precedence, {SUBSCRIBER_COLUMNS} FROM subscribers"
        f" WHERE project_id = $1 AND {branch}"
        for rank, branch in enumerate(_BRANCHES)
    )
    + ") AS found ORDER BY precedence LIMIT 1"
)
# The last condition is for PostgreSQL, which examines a row again that it had to wait for.
_BY_REFERENCE: Final = (
    f"{_SELECT} WHERE project_id = $1 AND subscriber_id = (SELECT subscriber_id FROM ("
    "SELECT 0 AS precedence, subscriber_id FROM subscribers"
    f" WHERE project_id = $1 AND {_BRANCHES[0]}"
    f" UNION ALL SELECT 1, subscriber_id FROM subscribers WHERE project_id = $1 AND {_BRANCHES[1]}"
    ") AS found ORDER BY precedence LIMIT 1) AND (reference = $2 OR reference_key = $3)"
)
# Without a conflict target: the caller finds out which of the values is in use.
_CREATE: Final = (
    "INSERT INTO subscribers (project_id, subscriber_id, kind, reference, reference_key, email,"
    " email_key, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
    " ON CONFLICT DO NOTHING"
)
_KEEP_REFERENCE: Final = "UPDATE events SET reference = $3 WHERE project_id = $1 AND event_id = $2"
_NAMES: Final = frozenset({"display_name", "first_name", "last_name", "reference"})
"""The fields from which the display name of a subscriber's address is derived."""
_RENAME: Final = (
    "UPDATE addresses SET display_name = $4"
    " WHERE project_id = $1 AND subscriber_id = $2 AND display_name = $3"
)


async def sign_in(
    tx: Transaction, new: NewSubscriber, project: UUID, change: SubscriberChange, now: int
) -> OpenedSession:
    """Find the subscriber with this reference and change it, or create it.

    Raises:
        StoreUnavailable: others keep on creating and deleting it.
    """
    # Once more without the e-mail address, if another subscriber has that; and once more if another
    # transaction creates the subscriber at this moment.
    for email in (new.email, None, None):
        found = await _by_reference(tx, project, new.reference)
        if found is not None:
            await _change(tx, found, change, now)
            return OpenedSession(found.id, found.epoch)
        if await create_subscriber(tx, replace(new, email=email), project, change, now):
            return OpenedSession(new.id, 0)
    raise StoreUnavailable("subscriber_in_use")


async def create_subscriber(
    tx: Transaction, new: NewSubscriber, project: UUID, change: SubscriberChange, now: int
) -> bool:
    """Insert a permanent subscriber and its own address.

    Returns:
        False if an equal reference or e-mail address is in use; then nothing was written.
    """
    reference, email = new.reference, change.fields.get("email", new.email)
    keys = reference_key(reference), None if email is None else reference_key(email)
    values = (Kind.SUBSCRIBER.value, reference, keys[0], email, keys[1], now)
    if not await tx.execute(_CREATE, project, new.id, *values):
        return False
    await _set_fields(tx, project, new.id, change, now)
    address = own_address(new, project, change, now)
    if not await insert_if_name_free(tx, address):
        await insert_with_unique_name(tx, address)
    return True


def own_address(new: NewSubscriber, project: UUID, change: SubscriberChange, now: int) -> Address:
    """The address that a new subscriber has, if its name is free."""
    profile = Profile(**{name: change.fields.get(name) for name in PROFILE_COLUMNS})
    return Address(
        id=new.address_id,
        project=project,
        context="private",
        name=slug(_public_name(profile) or reference_slug(new.reference)),
        display_name=_address_label(profile, new.reference),
        type=AddressType.SUBSCRIBER,
        channels=frozenset(Channel),
        created_at=now,
        subscriber=new.id,
    )


async def insert_with_unique_name(tx: Transaction, address: Address) -> None:
    """Insert the address of a new subscriber, whose name is in use, under one with its id.

    Raises:
        NotUnique: that is in use as well.
    """
    address = replace(address, name=f"{address.name}-{address.id.hex[:12]}")
    if not await insert_if_name_free(tx, address):
        raise NotUnique("name")


def _public_name(profile: Profile) -> str | None:
    return public_name(profile.display_name, profile.first_name, profile.last_name)


def _address_label(profile: Profile, reference: str) -> str:
    """The display name of the address of a subscriber, as guests and visitors read it."""
    return _public_name(profile) or reference_slug(reference)


async def _by_reference(tx: Transaction, project: UUID, reference: str) -> Subscriber | None:
    """The subscriber with this reference, locked."""
    query = f"{_BY_REFERENCE}{tx.dialect.for_update}"
    key = reference_key(reference)
    return await tx.fetch_one(read_subscriber, query, project, reference, key)


async def _change(tx: Transaction, known: Subscriber, change: SubscriberChange, now: int) -> None:
    """Set the given fields of a locked subscriber, and what follows from them."""
    if not await _set_fields(tx, known.project, known.id, change, now):
        return
    for column in KEYED:
        old, new = getattr(known, column), change.fields.get(column)
        if old is not None and new is not None and reference_key(old) != reference_key(new):
            await release_key(tx, column, known.project, old)
    if known.reference is None or _NAMES.isdisjoint(change.fields):
        return
    names = {name: change.fields[name] for name in PROFILE_COLUMNS if name in change.fields}
    reference = change.fields.get("reference") or known.reference
    labels = (
        _address_label(known.profile, known.reference),
        _address_label(replace(known.profile, **names), reference),
    )
    if labels[0] != labels[1]:
        await tx.execute(_RENAME, known.project, known.id, *labels)


async def _set_fields(
    tx: Transaction, project: UUID, subscriber: UUID, change: SubscriberChange, now: int
) -> int:
    """Set the given fields; writes nothing if they have these values already.

    Returns how many subscribers were written.
    """
    values: dict[str, str | None] = dict(change.fields)
    if not values.keys() <= _SETTABLE:
        raise ValueError("a field that no subscriber has")
    if change.password_hash is not None:
        values["password_hash"] = change.password_hash
    for column in KEYED:
        if column in values:
            text = values[column]
            values[f"{column}_key"] = None if text is None else reference_key(text)
    if not values:
        return 0
    numbered = list(enumerate(values, start=4))
    settings = ", ".join(f"{column} = ${at}" for at, column in numbered)
    differ = " OR ".join(f"{column} {tx.dialect.differs} ${at}" for at, column in numbered)
    written = await tx.execute(
        f"UPDATE subscribers SET {settings}, updated_at = $3"
        f" WHERE project_id = $1 AND subscriber_id = $2 AND ({differ})",
        project,
        subscriber,
        now,
        *values.values(),
    )
    for column in KEYED:
        key = values.get(f"{column}_key")
        if written and key is not None and tx.dialect.drops_changed_keys:
            # The trigger that drops keys which an older server leaves behind cannot tell a change
            # between two forms of one reference from that.
            await tx.execute(_KEEP_KEY.format(column=column), project, subscriber, key)
    return written


class SqlSubscribers:
    """See `SubscriberStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._by_id = db.lookup(_BY_ID, _subscriber)

    async def create(
        self,
        new: NewSubscriber,
        project: UUID,
        change: SubscriberChange,
        now: int,
        keyed: KeyedRequest | None = None,
    ) -> Subscriber:
        """See `SubscriberStore.create`."""

        async def work(tx: Transaction) -> Subscriber:
            if not await create_subscriber(tx, new, project, change, now):
                taken = await _by_reference(tx, project, new.reference)
                raise NotUnique("email" if taken is None else "reference")
            (created,) = await tx.fetch(read_subscriber, _ONE, project, new.id)
            return created

        try:
            return await self._db.transaction(work, project=project, may_raise=True, keyed=keyed)
        except UniqueViolation as error:
            # The e-mail address was inserted with the row, so only the reference can conflict here.
            raise NotUnique("reference") from error

    async def list(self, project: UUID, window: Window) -> Page[Subscriber]:
        """See `SubscriberStore.list`."""
        listing = Listing(
            _SELECT,
            ["project_id = {}", "reference IS NOT NULL"],
            [project],
            "created_at",
            "subscriber_id",
        )
        return await read_page(self._db, listing, window, read_subscriber)

    async def get(self, project: UUID, subscriber: UUID) -> Subscriber | None:
        """See `SubscriberStore.get`."""
        return await self._by_id.one(project, subscriber)

    async def find(self, project: UUID, name: str) -> Subscriber | None:
        """See `SubscriberStore.find`."""
        key = reference_key(name)
        return await self._db.fetch_one(read_subscriber, _BY_NAME, project, name, key)

    async def collisions(self) -> Sequence[Collision]:
        """See `SubscriberStore.collisions`."""
        return await self._db.read(find_collisions, is_list=True)

    async def count_collisions(self) -> int:
        """See `SubscriberStore.count_collisions`."""
        return await self._db.read(count_collisions, is_list=True)

    async def update(
        self, project: UUID, subscriber: UUID, change: SubscriberChange, now: int
    ) -> Subscriber | None:
        """See `SubscriberStore.update`."""

        async def work(tx: Transaction) -> Subscriber | None:
            # Locked, so that the values that are read here are current when others are written.
            locked = f"{_ONE}{tx.dialect.for_update}"
            present = await tx.fetch_one(read_subscriber, locked, project, subscriber)
            if present is None or present.reference is None:
                return None
            fields = dict(change.fields)
            email = fields.get("email")
            if email is not None and email == present.email:
                # Without a key, it may be set as it is, and to nothing that equals another's.
                del fields["email"]
            elif email is not None and _signs_in_with_email(present):
                fields["reference"] = email
            await _change(tx, present, SubscriberChange(fields, change.password_hash), now)
            return await tx.fetch_one(read_subscriber, _ONE, project, subscriber)

        try:
            return await self._db.transaction(work, project=project, may_raise=True)
        except UniqueViolation as error:
            raise NotUnique("email") from error

    async def delete(self, project: UUID, subscriber: UUID, now: int, event: Event) -> bool:
        """See `SubscriberStore.delete`."""
        where = "WHERE project_id = $1 AND subscriber_id = $2"

        async def work(tx: Transaction) -> bool:
            locked = f"{_ONE} AND reference IS NOT NULL{tx.dialect.for_update}"
            known = await tx.fetch_one(read_subscriber, locked, project, subscriber)
            if known is None:
                return False
            await tx.execute(f"DELETE FROM subscribers {where}", project, subscriber)
            await tx.execute(f"DELETE FROM addresses {where}", project, subscriber)
            for column in KEYED:
                if text := getattr(known, column):
                    await release_key(tx, column, project, text)
            await tx.revoke_sessions(project, subscriber, now)
            await tx.record(event)
            await tx.execute(_KEEP_REFERENCE, project, event.id, known.reference)
            return True

        return await self._db.transaction(work, project=project, slow=True, read_committed=True)


def _signs_in_with_email(subscriber: Subscriber) -> bool:
    reference, email = subscriber.reference, subscriber.email
    if reference is None or email is None:
        return False
    return reference_key(reference) == reference_key(email)


def read_subscriber(row: Row) -> Subscriber:
    """The subscriber in a row with `SUBSCRIBER_COLUMNS`, among others."""
    return _subscriber([row[name] for name in _COLUMNS])


def _subscriber(row: Row) -> Subscriber:
    """The subscriber in a row that begins with `SUBSCRIBER_COLUMNS`."""
    project, subscriber, kind, reference, email, epoch, created_at, updated_at = row[:8]
    return Subscriber(
        id=read_uuid(subscriber),
        project=read_uuid(project),
        kind=Kind(kind),
        reference=reference,
        email=email,
        profile=Profile(*row[8 : len(_COLUMNS)]),
        epoch=epoch,
        created_at=created_at,
        updated_at=updated_at,
    )
