"""Exports and imports records of a project."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec

from satmint.model.events import Event
from satmint.model.project_export import (
    AddressLine,
    C2cTokenLine,
    RecordLine,
    RoomLine,
    SubscriberLine,
)
from satmint.model.references import reference_key
from satmint.store.contract.transfer import ImportOutcome
from satmint.store.sql.port import Database, Row, Transaction, placeholders, read_uuid


@dataclass(frozen=True, slots=True)
class _Kind:
    table: str
    id_column: str
    condition: str = ""
    """Of the records that are exported."""
    owner: tuple[str, str] | None = None
    """The field that names a record which must exist, and that record's table."""


_OWNERS: Final = {"addresses": "address_id", "subscribers": "subscriber_id"}
_KINDS: Final[dict[type[RecordLine], _Kind]] = {
    SubscriberLine: _Kind("subscribers", "subscriber_id", " AND reference IS NOT NULL"),
    AddressLine: _Kind("addresses", "address_id", owner=("subscriber_id", "subscribers")),
    RoomLine: _Kind("rooms", "room_id", owner=("address_id", "addresses")),
    C2cTokenLine: _Kind("c2c_tokens", "token_id", owner=("address_id", "addresses")),
}
_COLUMNS: Final = {"type_": "type"}
"""Columns by field, where the names differ."""


class SqlTransfer:
    """See `TransferStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(
        self, project: UUID, kind: type[RecordLine], after: UUID | None, limit: int
    ) -> Sequence[RecordLine]:
        """See `TransferStore.read`."""
        of = _KINDS[kind]
        query = (
            f"{_select(kind)} WHERE project_id = $1 AND {of.id_column} > $2{of.condition}"
            f" ORDER BY {of.id_column} LIMIT $3"
        )
        first = after or UUID(int=0)  # no record has it: ids are random
        return await self._db.fetch_list(_build(kind), query, project, first, limit)

    async def add(
        self, project: UUID, records: Sequence[tuple[RecordLine, Event | None]]
    ) -> Sequence[ImportOutcome]:
        """See `TransferStore.add`."""

        async def work(tx: Transaction) -> Sequence[ImportOutcome]:
            return [await _add(tx, project, record, event) for record, event in records]

        return await self._db.transaction(work, project=project, slow=True)


async def _add(
    tx: Transaction, project: UUID, record: RecordLine, event: Event | None
) -> ImportOutcome:
    kind = type(record)
    of = _KINDS[kind]
    by_id = f"{_select(kind)} WHERE project_id = $1 AND {of.id_column} = $2"
    found = await tx.fetch_one(_build(kind), by_id, project, record.id)
    if found is not None:
        return ImportOutcome.UNCHANGED if found == record else ImportOutcome.DIFFERENT
    if of.owner is not None:
        field, table = of.owner
        owner = getattr(record, field)
        query = f"SELECT 1 FROM {table} WHERE project_id = $1 AND {_OWNERS[table]} = $2"
        if owner is not None and await tx.fetch_one(_exists, query, project, owner) is None:
            return ImportOutcome.INCOMPLETE
    # PostgreSQL has no unique index of digests.
    if isinstance(record, C2cTokenLine) and await tx.fetch_one(
        _exists, "SELECT 1 FROM c2c_tokens WHERE digest = $1", bytes.fromhex(record.digest)
    ):
        return ImportOutcome.TAKEN
    values = {"project_id": project, **_values(of, record)}
    added = await tx.execute(
        f"INSERT INTO {of.table} ({', '.join(values)}) VALUES ({placeholders(len(values))})"
        " ON CONFLICT DO NOTHING",
        *values.values(),
    )
    if not added:
        return ImportOutcome.TAKEN
    if event is not None:
        await tx.record(event)
    return ImportOutcome.ADDED


def _exists(_row: Row) -> bool:
    return True


def _values(of: _Kind, record: RecordLine) -> dict[str, object]:
    values: dict[str, object] = {}
    for field in record.__struct_fields__:
        value = getattr(record, field)
        column = of.id_column if field == "id" else _COLUMNS.get(field, field)
        values[column] = bytes.fromhex(value) if field == "digest" else value
    if isinstance(record, AddressLine):
        values["type"] = str(record.type_)
    if isinstance(record, SubscriberLine):
        values["kind"] = "subscriber"
        values["reference_key"] = reference_key(record.reference)
        values["email_key"] = None if record.email is None else reference_key(record.email)
    return values


def _select(kind: type[RecordLine]) -> str:
    of = _KINDS[kind]
    columns = [
        of.id_column if field == "id" else _COLUMNS.get(field, field)
        for field in kind.__struct_fields__
    ]
    return f"SELECT {', '.join(columns)} FROM {of.table}"


def _build(kind: type[RecordLine]) -> Any:  # noqa: ANN401 - a function of a row
    of = _KINDS[kind]
    info = msgspec.structs.fields(kind)

    def build(row: Row) -> RecordLine:
        values: dict[str, Any] = {}
        for field in info:
            column = of.id_column if field.name == "id" else _COLUMNS.get(field.name, field.name)
            value = row[column]
            if field.type in (UUID, UUID | None) and value is not None:
                value = read_uuid(value)
            elif field.name == "digest":
                value = bytes(value).hex()
            elif field.type is bool:
                value = bool(value)
            elif field.name == "type_":
                value = msgspec.convert(value, field.type)
            values[field.name] = value
        return kind(**values)

    return build
