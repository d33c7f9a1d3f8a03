"""Reads what an inspection needs from the tables that are small in every deployment."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from satmint.model.incarnation import Incarnation, StoredMark
from satmint.store.contract.inspection import DatabaseInspection
from satmint.store.sql.known_keys import find_known_keys
from satmint.store.sql.port import Row, Transaction, read_uuid

_INCARNATION: Final = "SELECT incarnation_id, number, began_at, location FROM incarnation"
_MARKS: Final = "SELECT mark_id, digest, previous FROM marks"
_OF_PROJECTS: Final = {
    "api_tokens": "API tokens",
    "c2c_tokens": "Click-to-Call tokens",
    "webhooks": "webhooks",
}
"""Tables with few rows, whose rows each belong to a project."""


async def inspect_content(tx: Transaction) -> DatabaseInspection:
    """Read the incarnation, the marks, the known keys, and whether references are sound."""
    faults = []
    for table, rows in _OF_PROJECTS.items():
        lost = await tx.fetch_one(
            _number,
            f"SELECT count(*) FROM {table} AS one WHERE NOT EXISTS"
            " (SELECT 1 FROM projects WHERE projects.project_id = one.project_id)",
        )
        if lost:
            faults.append(f"{lost} {rows} belong to no project")
    return DatabaseInspection(
        pending=(),
        incarnation=await tx.fetch_one(_incarnation, _INCARNATION),
        location=await tx.fetch_one(_text, tx.dialect.location) or "",
        is_empty=await tx.fetch_one(_number, "SELECT 1 FROM projects LIMIT 1") is None,
        marks=await _marks(tx),
        known_keys=await find_known_keys(tx),
        faults=tuple(faults),
    )


async def _marks(tx: Transaction) -> Mapping[UUID, StoredMark]:
    return dict(await tx.fetch(_mark, _MARKS))


def _mark(row: Row) -> tuple[UUID, StoredMark]:
    return read_uuid(row["mark_id"]), StoredMark(bytes(row["digest"]), bytes(row["previous"]))


def _incarnation(row: Row) -> Incarnation:
    return Incarnation(
        read_uuid(row["incarnation_id"]), row["number"], row["began_at"], row["location"]
    )


def _number(row: Row) -> int:
    return int(row[0])


def _text(row: Row) -> str:
    return str(row[0])
