"""Inserts rows of one shard where tables are distributed.

A Citus cluster sends `VALUES` to the node of its projects. Rows that a SELECT makes from arrays it
copies through the coordinator, and commits in two phases.
"""

from collections.abc import Sequence
from functools import cache

from satmint.store.postgres.connecting import Connection


async def insert_rows(
    db: Connection, into: str, rows: Sequence[Sequence[object]], conflict: str = ""
) -> int:
    """Insert rows of one shard. Returns their number.

    Args:
        db: In a transaction.
        into: The table, and its columns in parentheses.
        rows: The values of these columns, row by row.
        conflict: An `ON CONFLICT` clause.
    """
    at = inserted = 0
    while at < len(rows):
        # A power of two, so that there are few different statements.
        part = rows[at : at + min(64, 1 << (len(rows) - at).bit_length() - 1)]
        statement = f"{_statement(into, len(part[0]), len(part))} {conflict}"
        status = await db.execute(statement, *(value for row in part for value in row))
        at, inserted = at + len(part), inserted + int(status.rpartition(" ")[2])
    return inserted


@cache
def _statement(into: str, columns: int, rows: int) -> str:
    numbers = (range(row * columns + 1, (row + 1) * columns + 1) for row in range(rows))
    values = ", ".join(f"({', '.join(f'${n}' for n in row)})" for row in numbers)
    return f"INSERT INTO {into} VALUES {values}"
