"""The threads of the embedded store: who waits where for a lock, for how long, and for whom."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.sql.port import Transaction
from satmint.store.sqlite import SqliteStore, open_sqlite
from satmint.store.sqlite.database import SqliteDatabase
from satmint.store.sqlite.workers import ConnectionWorker
from tests.kit.clock import NOW
from tests.store.store_setup import Given
from tests.store.test_keyed_requests import Make, a_guest, a_sign_in, an_address, keyed_request
from tests.store.test_sqlite_locks import held

BUSY_SECONDS = 5.0
OF_A_STEP = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(file, NOW, busy_seconds=BUSY_SECONDS)
    yield opened
    await opened.close()


@pytest.fixture
def database(store: SqliteStore) -> SqliteDatabase:
    return SqliteDatabase(store._writer, store._reader)


@pytest.fixture
def written(store: SqliteStore) -> list[str]:
    """What the writing connection is told from now on."""
    found: list[str] = []
    store._writer._connection.set_trace_callback(found.append)
    return found


def savepoints(statements: list[str]) -> list[str]:
    return [statement for statement in statements if statement.startswith(OF_A_STEP)]


def busy_timeout(db: sqlite3.Connection) -> int:
    found: int = db.execute("PRAGMA busy_timeout").fetchone()[0]
    return found


def failure(code: int, name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


@pytest.mark.parametrize(
    ("waited", "milliseconds"), [(0.0, 5000), (1.0, 4000), (4.75, 250), (100.0, 250)]
)
async def test_time_for_a_lock_is_what_is_left_of_it_and_a_twentieth_at_least(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, waited: float, milliseconds: int
) -> None:
    now = 1000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    asked = store._writer.submit(busy_timeout, slow=True)
    now += waited
    assert await asked == milliseconds
    # And none on the thread of the event loop.
    assert await store._writer.submit(busy_timeout) == 0


async def test_write_waits_for_a_lock_that_is_released_in_time(
    store: SqliteStore, file: Path
) -> None:
    with held(file):
        writing = store._writer.submit(lambda _: "written")
        for _ in range(5):
            await asyncio.sleep(0)
        assert not writing.done()
    assert await writing == "written"


async def test_look_up_that_meets_a_lock_goes_to_a_thread_that_waits(store: SqliteStore) -> None:
    def look(db: sqlite3.Connection) -> str:
        if db is store._reader._lookup_connection:
            raise failure(sqlite3.SQLITE_BUSY, "SQLITE_BUSY")
        return threading.current_thread().name

    assert await store._reader.lookup(look) == "satmint-reader"


async def test_look_up_that_fails_is_not_tried_again(store: SqliteStore) -> None:
    asked: list[sqlite3.Connection] = []

    def look(db: sqlite3.Connection) -> None:
        asked.append(db)
        raise failure(sqlite3.SQLITE_IOERR, "SQLITE_IOERR")

    with pytest.raises(StoreUnavailable) as refused:
        await store._reader.lookup(look)
    assert refused.value.cause == "sqlite_ioerr"
    assert asked == [store._reader._lookup_connection]


async def test_nothing_is_looked_up_in_a_closed_store(store: SqliteStore) -> None:
    ref = await Given(store).session(await Given(store).project())
    await store.close()
    with pytest.raises(StoreUnavailable) as refused:
        await store.sessions.get(ref.project, ref.session)
    assert refused.value.cause == "store_closed"


async def test_worker_is_closed_once_its_thread_has_ended(file: Path) -> None:
    worker = ConnectionWorker(sqlite3.connect(file, check_same_thread=False), "worker")
    may_go_on = threading.Event()

    def wait() -> None:
        may_go_on.wait()

    worker._jobs.put(wait)
    closing = asyncio.ensure_future(worker.close())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not closing.done()
    may_go_on.set()
    await closing
    assert not worker._thread.is_alive()


async def test_commit_that_fails_fails_every_step_and_leaves_nothing_of_them(
    store: SqliteStore,
) -> None:
    def insert(table: str) -> object:
        return store._writer._connection.execute(f"INSERT INTO {table} VALUES (7)").rowcount

    submit = store._writer.submit
    store._writer._connection.execute("PRAGMA foreign_keys = ON")
    await submit(lambda db: db.execute("CREATE TABLE one (id INTEGER PRIMARY KEY)"))
    reference = "REFERENCES one DEFERRABLE INITIALLY DEFERRED"  # it is checked at the commit
    await submit(lambda db: db.execute(f"CREATE TABLE many (one INTEGER {reference})"))
    await submit(lambda db: db.execute("CREATE TABLE other (id INTEGER)"))
    failed = await asyncio.gather(
        submit(lambda _: insert("many")), submit(lambda _: insert("other")), return_exceptions=True
    )
    assert [str(error) for error in failed] == ["FOREIGN KEY constraint failed"] * 2
    assert await submit(lambda _: insert("one")) == 1
    counts = "SELECT (SELECT count(*) FROM many), (SELECT count(*) FROM other)"
    assert await submit(lambda db: db.execute(counts).fetchone()) == (0, 0)


async def test_only_a_slow_transaction_leaves_the_thread_of_the_event_loop(
    database: SqliteDatabase,
) -> None:
    async def thread(_: Transaction) -> str:
        return threading.current_thread().name

    here = threading.current_thread().name
    assert await database.transaction(thread) == here
    assert await database.transaction(thread, slow=True) == "satmint-writer"
    assert await database.read(thread) == "satmint-reader"
    assert await database.read(thread, is_list=True) == "satmint-lister"


async def test_only_a_step_that_may_raise_has_a_savepoint(
    store: SqliteStore, database: SqliteDatabase, written: list[str]
) -> None:
    async def nothing(tx: Transaction) -> None:
        await tx.execute("SELECT 1")

    around = ["BEGIN IMMEDIATE", "UPDATE event_counter SET position = position + 1"]
    await database.transaction(nothing)
    assert written == [*around, "SELECT 1", "COMMIT"]
    written.clear()
    await database.transaction(nothing, may_raise=True)
    assert written == [*around, "SAVEPOINT step", "SELECT 1", "RELEASE step", "COMMIT"]
    written.clear()
    await store._writer.submit(lambda db: db.execute("SELECT 1").fetchone())
    assert written == [*around, "SELECT 1", "COMMIT"]


@pytest.mark.parametrize("make", [a_sign_in, a_guest, an_address])
async def test_request_with_an_idempotency_key_has_a_savepoint_and_others_have_none(
    store: SqliteStore, written: list[str], make: Make
) -> None:
    given = Given(store)
    project, other = await given.project(), await given.project()
    written.clear()
    await make(given, project, None)
    assert savepoints(written) == []
    await make(given, other, keyed_request(given, other))
    assert savepoints(written) == ["SAVEPOINT step", "RELEASE step"]
