"""The database's rows as ledgers, and the log's lines as bugs."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

from tests.soak.deployment import MAIN, Deployment
from tests.soak.history import Ledger
from tests.soak.ledgers import Books, ledgers_of

ONE, OTHER, GONE = (UUID(int=number) for number in (1, 2, 3))
ALICE, BOB = UUID(int=11), UUID(int=12)


def test_rows_become_ledgers() -> None:
    sessions = [
        (ONE, ALICE, 2, None, 5),
        (OTHER, BOB, 0, 1_700_000_000, 0),
        (UUID(int=9), BOB, 7, None, 0),
    ]
    events = [
        (ONE, ALICE, "issued", None, 1),
        (ONE, ALICE, "refreshed", 1, 1),
        (ONE, ALICE, "refreshed", 2, 1),
        (ONE, ALICE, "replayed", 1, 1),
        (OTHER, BOB, "issued", None, 1),
        (OTHER, BOB, "reuse_detected", 3, 1),
        (None, BOB, "subscriber_revoked", None, 2),
        (UUID(int=9), BOB, "issued", None, 1),
    ]
    assert ledgers_of([ONE, OTHER, GONE], sessions, events) == {
        ONE: Ledger(
            2,
            False,
            {("issued", None): 1, ("refreshed", 1): 1, ("refreshed", 2): 1, ("replayed", 1): 1},
            replays=5,
        ),
        OTHER: Ledger(
            0,
            True,
            {("issued", None): 1, ("reuse_detected", None): 1, ("subscriber_revoked", None): 2},
        ),
    }


def test_bugs_are_told_from_what_kills_do(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, "sqlite:///x", 1, {MAIN: "Basic x"})
    assert deployment.bugs() == []
    (tmp_path / "serve-0.log").write_text(
        '{"event":"listening","level":"info"}\n'
        '{"event":"worker_exited","level":"error","code":-9}\n'
        '{"event":"worker_failed","level":"error","reason":"x: the server is unreachable"}\n'
        '{"event":"failed","level":"error","route":"x"}\n'
        '{"event":"refused","level":"info","code":"error"}\n'
        '{"event":"failed","level":"error","cut off by a ki'
    )
    assert deployment.bugs() == [{"event": "failed", "level": "error", "route": "x"}]


async def test_size_is_what_the_database_has_and_not_what_its_wal_was_given(tmp_path: Path) -> None:
    file = tmp_path / "satmint.db"
    books = await Books.open(f"sqlite:///{file}")
    try:
        size = await books.size()
        wal = file.with_name("satmint.db-wal")
        with wal.open("ab") as log:
            log.truncate(16_000 * (4096 + 24))
        assert await books.size() == size
        with wal.open("ab") as log:
            log.truncate(16_000 * (4096 + 24) + 1000)
        assert await books.size() == size + 1000
        with closing(sqlite3.connect(file)) as db:
            db.execute("CREATE TABLE more (content BLOB)")
            db.execute("INSERT INTO more VALUES (zeroblob(1000000))")
            db.commit()
        assert await books.size() > size + 1_000_000
    finally:
        await books.close()
