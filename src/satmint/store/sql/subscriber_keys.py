"""The keys by which references and e-mail addresses of subscribers are compared.

A subscriber has the key of its reference (e-mail address) unless an equal one was stored before
keys existed. Then the key belongs to the subscriber whose reference is the key itself, else to the
oldest one; the others have no key, and only their exact reference leads to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.references import reference_error, reference_key
from satmint.store.contract import Collision
from satmint.store.sql.port import Row, Transaction, read_uuid

KEYED: Final = ("reference", "email")
"""The columns with a key, which is in the column of the same name and `_key`."""

_PROJECTS: Final = "SELECT project_id FROM projects ORDER BY project_id"
# By the index of those without a key: after the migration, there are few.
_WITHOUT_KEY: Final = "FROM subscribers{index} WHERE {column} IS NOT NULL AND {column}_key IS NULL"
_COUNT: Final = f"SELECT count(*) {_WITHOUT_KEY}"
_LEFT: Final = f"SELECT project_id, subscriber_id, {{column}} AS text {_WITHOUT_KEY}"
_LEFT_OF_PROJECT: Final = f"{_LEFT} AND project_id = $1 ORDER BY created_at, subscriber_id"
_INDEXES: Final = {
    "reference": "subscribers_without_key",
    "email": "subscribers_without_email_key",
}
_ASSIGN: Final = (
    "UPDATE subscribers SET {column}_key = $3 WHERE project_id = $1 AND subscriber_id = $2"
    " AND {column} = $4 AND {column}_key IS NULL AND NOT EXISTS (SELECT 1 FROM subscribers AS other"
    " WHERE other.project_id = $1 AND other.{column}_key = $3)"
)
_OWNER: Final = "SELECT subscriber_id FROM subscribers WHERE project_id = $1 AND {column}_key = $2"


@dataclass(frozen=True, slots=True)
class _Unkeyed:
    """A subscriber without a key."""

    project: UUID
    subscriber: UUID
    text: str
    key: str
    """The key that it would have; empty for a reference that is refused today."""


async def project_ids(tx: Transaction) -> Sequence[UUID]:
    """All projects, for a migration that goes through their rows."""
    return await tx.fetch(lambda row: read_uuid(row["project_id"]), _PROJECTS)


async def assign_keys(tx: Transaction) -> None:
    """Give subscribers without a key theirs, where no other subscriber has it."""
    for project in await project_ids(tx):
        for column in KEYED:
            left = await _left(tx, _LEFT_OF_PROJECT, column, project)
            # Those whose reference is the key itself, then the others, each in order of age.
            ordered = sorted(left, key=lambda unkeyed: unkeyed.key != unkeyed.text)
            rows = [
                (project, unkeyed.subscriber, unkeyed.key, unkeyed.text)
                for unkeyed in ordered
                if unkeyed.key
            ]
            if rows:
                await tx.execute_many(_ASSIGN.format(column=column), rows)


async def release_key(tx: Transaction, column: str, project: UUID, text: str) -> None:
    """Give the key of `text`, which a subscriber had, to the next oldest that should have it."""
    key = reference_key(text)
    for unkeyed in await _left(tx, _LEFT_OF_PROJECT, column, project):
        if unkeyed.key == key:
            assign = _ASSIGN.format(column=column)
            await tx.execute(assign, unkeyed.project, unkeyed.subscriber, key, unkeyed.text)
            return


async def count_collisions(tx: Transaction) -> int:
    """How many `find_collisions` would find."""
    found = 0
    for column in KEYED:
        index = tx.dialect.index.format(_INDEXES[column])
        found += await tx.fetch_one(_count, _COUNT.format(column=column, index=index)) or 0
    return found


async def find_collisions(tx: Transaction) -> list[Collision]:
    """The subscribers without a key, with those that have it."""
    found = []
    for column in KEYED:
        for unkeyed in await _left(tx, _LEFT, column):
            owner = await tx.fetch_one(
                lambda row: read_uuid(row["subscriber_id"]),
                _OWNER.format(column=column),
                unkeyed.project,
                unkeyed.key,
            )
            found.append(
                Collision(unkeyed.project, column, unkeyed.subscriber, unkeyed.text, owner)
            )
    return found


async def _left(tx: Transaction, query: str, column: str, *values: object) -> Sequence[_Unkeyed]:
    index = tx.dialect.index.format(_INDEXES[column])
    return await tx.fetch(_unkeyed, query.format(column=column, index=index), *values)


def _unkeyed(row: Row) -> _Unkeyed:
    project, subscriber = read_uuid(row["project_id"]), read_uuid(row["subscriber_id"])
    text = row["text"]
    return _Unkeyed(project, subscriber, text, "" if reference_error(text) else reference_key(text))


def _count(row: Row) -> int:
    return int(row[0])
