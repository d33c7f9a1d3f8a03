"""Another client of the database that holds rows, or SQLite's write lock, for a while."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from satmint.model.database_url import is_postgres
from tests.soak.waiting import let_pass

_PROJECT: Final = """
UPDATE projects SET name = name || '' WHERE project_id IN
       (SELECT project_id FROM sessions WHERE session_id = ANY($1))
"""
_SESSIONS: Final = "SELECT 1 FROM sessions WHERE session_id = ANY($1) FOR UPDATE"
_BUSY_SECONDS: Final = 60


async def hold_rows(database: str, sessions: Sequence[UUID], seconds: float) -> None:
    """Hold the rows of some sessions of one project, and the row of that project.

    Args:
        database: Its URL.
        sessions: PostgreSQL: their rows. SQLite has one lock, which is for all.
        seconds: How long.
    """
    if is_postgres(database):
        await _hold_postgres(database, sessions, seconds)
    else:
        await _hold_sqlite(Path(database.removeprefix("sqlite:///")), seconds)


async def _hold_postgres(database: str, sessions: Sequence[UUID], seconds: float) -> None:
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            # In the order in which servers lock them.
            for statement in (_PROJECT, _SESSIONS):
                await connection.execute(statement, sessions)
            await let_pass(seconds)
    finally:
        await connection.close()


async def _hold_sqlite(file: Path, seconds: float) -> None:
    with closing(
        sqlite3.connect(file, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False)
    ) as db:
        await asyncio.to_thread(db.execute, "BEGIN IMMEDIATE")
        await let_pass(seconds)
        db.execute("ROLLBACK")
