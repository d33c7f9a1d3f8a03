"""Very many sessions in a store, put there directly, and refresh tokens for some of them.

The rows are what the server would have written for as many subscribers who signed in just now, one
session each. Ids are evenly spread over all ids there are, and written in order, which is the only
way to write ten millions of them in minutes; whatever is read later is picked at random.
"""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from benchmarks.running import ConnectionPlan, Running, WrongAnswer
from satmint.jose import TokenCipher
from satmint.keyring_file import read_keyring
from satmint.model.claims import Claims, Kind, TokenType, token_id
from satmint.model.clock import SystemClock
from satmint.model.entropy import SystemEntropy
from satmint.model.lifetimes import ACCESS_SECONDS, FOREVER, REFRESH_TOKEN_GRACE_SECONDS
from satmint.settings import Settings
from satmint.stores import sqlite_path

BYTES_PER_SESSION: Final = 1500
"""What one takes on the disk at the most, with its subscriber, its indexes and the log."""

_PORTION: Final = 50_000
_SEED: Final = 7
_SUBSCRIBERS: Final = (
    "project_id",
    "subscriber_id",
    "kind",
    "reference",
    "reference_key",
    "created_at",
    "updated_at",
)
_SESSIONS: Final = (
    "project_id",
    "session_id",
    "project_epoch",
    "subscriber_id",
    "subscriber_epoch",
    "kind",
    "generation",
    "head_since",
    "head_expires_at",
    "seen_generation",
    "created_at",
    "deadline",
    "lives_until",
    "first_until",
    "address",
    "agent",
)
Row = tuple[Any, ...]
Table = tuple[str, tuple[str, ...], Iterator[Row]]
"""A name, columns, and rows."""


def check_room(place: Path, sessions: int) -> None:
    """Raise `WrongAnswer` where the disk is too small for so many sessions."""
    wanted, free = sessions * BYTES_PER_SESSION, shutil.disk_usage(place).free
    if wanted > free:
        raise WrongAnswer(
            f"{sessions} sessions need up to {wanted / 1e9:.0f} GB; {place} has {free / 1e9:.0f}"
        )


def fill(server: Running, sessions: int, *, seen: bool = False) -> None:
    """Put sessions into the store of a satmint.

    Args:
        server: The server.
        sessions: How many.
        seen: Whether the SAT of each was used already.
    """
    if server.database is None or server.project is None:
        raise ValueError(f"{server.name} has no store that could be filled")
    now = SystemClock().now()
    if server.database.startswith("sqlite"):
        fill_sqlite(sqlite_path(server.database), server.project, sessions, now, seen=seen)
    else:
        tables = _tables(server.project, sessions, now, seen=seen)
        asyncio.run(insert_postgres(server.database, tables))


def plans_into(
    server: Running, sessions: int, connections: int, tokens: int
) -> list[ConnectionPlan]:
    """Refresh tokens of sessions picked at random, dealt out to some connections."""
    project, cipher, now = _sealing(server)
    picked = random.Random(_SEED).sample(range(sessions), min(tokens, sessions))
    return [
        ConnectionPlan(
            [
                _token(cipher, project, _id(number, sessions), now, TokenType.REFRESH)
                for number in part
            ]
        )
        for part in (picked[first::connections] for first in range(connections))
    ]


def sats_of(server: Running, sessions: int) -> list[str]:
    """The SAT of each of as many sessions as were put into the store."""
    project, cipher, now = _sealing(server)
    own = (_id(number, sessions) for number in range(sessions))
    return [_token(cipher, project, session, now, TokenType.SAT) for session in own]


def _sealing(server: Running) -> tuple[UUID, TokenCipher, int]:
    """The project of a satmint, its cipher, and the time now."""
    if server.keyring is None or server.project is None:
        raise ValueError(f"{server.name} is no satmint")
    cipher = TokenCipher(read_keyring(server.keyring), SystemEntropy())
    return server.project, cipher, SystemClock().now()


def _token(cipher: TokenCipher, project: UUID, session: UUID, now: int, typ: TokenType) -> str:
    grace = 0 if typ is TokenType.SAT else REFRESH_TOKEN_GRACE_SECONDS
    claims = Claims(
        iss=Settings().issuer,
        sub=session,  # the same id for both: they are in different tables
        prj=project,
        sid=session,
        gen=0,
        jti=token_id(session, 0, typ),
        iat=now,
        exp=now + ACCESS_SECONDS + grace,
        epo=0,
        kind=Kind.SUBSCRIBER,
        scope=(),
    )
    return cipher.seal(claims, typ, None, now)


def _id(number: int, count: int) -> UUID:
    return UUID(int=number * ((1 << 64) // count) << 64)


def _subscribers(project: UUID, count: int, now: int) -> Iterator[Row]:
    for number in range(count):
        name = f"filled-{number}"
        yield (project, _id(number, count), "subscriber", name, name, now, now)


def _sessions(project: UUID, count: int, now: int, *, seen: bool) -> Iterator[Row]:
    expires_at = now + ACCESS_SECONDS
    lives_until = expires_at + REFRESH_TOKEN_GRACE_SECONDS
    for number in range(count):
        own = _id(number, count)
        times = (now, expires_at, 0 if seen else -1, now, FOREVER, lives_until, lives_until)
        yield (project, own, 0, own, 0, "subscriber", 0, *times, "127.0.0.1", "filled")


def fill_sqlite(path: Path, project: UUID, count: int, now: int, *, seen: bool = False) -> None:
    """Put sessions into an SQLite file; see `fill`."""
    insert_sqlite(path, _tables(project, count, now, seen=seen))


def insert_sqlite(path: Path, tables: Iterable[Table]) -> None:
    """Insert on a connection of its own, in the log's mode that the server uses."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        # What is filled in needs no protection from a power cut; all that follows has it.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -262144")
        for table, names, rows in tables:
            marks = ", ".join("?" * len(names))
            statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
            plain = (tuple(_bytes(value) for value in row) for row in rows)
            while portion := list(islice(plain, _PORTION)):
                db.execute("BEGIN IMMEDIATE")
                db.executemany(statement, portion)
                db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


def _bytes(value: object) -> object:
    return value.bytes if isinstance(value, UUID) else value


async def insert_postgres(url: str, tables: Iterable[Table]) -> None:
    """Insert on a connection of its own."""
    db = await asyncpg.connect(url)
    try:
        for table, names, rows in tables:
            while portion := list(islice(rows, _PORTION)):
                await db.copy_records_to_table(table, records=portion, columns=names)
        # As the database does by itself some time after so much was written, and at no good time.
        await db.execute("VACUUM (ANALYZE)")
        await db.execute("CHECKPOINT")
    finally:
        await db.close()


def _tables(project: UUID, count: int, now: int, *, seen: bool) -> Iterator[Table]:
    yield "subscribers", _SUBSCRIBERS, _subscribers(project, count, now)
    yield "sessions", _SESSIONS, _sessions(project, count, now, seen=seen)
