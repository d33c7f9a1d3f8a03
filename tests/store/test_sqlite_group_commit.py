"""How the embedded store shares one transaction among many steps, and keeps them apart."""

import asyncio
import gc
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter
from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import RefreshTokenRef, Rotated
from satmint.store.contract import NotUnique
from satmint.store.sqlite import SqliteStore, open_sqlite
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

ONE_PAGE = 4096


@pytest.fixture
def sizes() -> list[int]:
    """The sizes of the write batches so far."""
    return []


@pytest.fixture
async def store(tmp_path: Path, sizes: list[int]) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "satmint.db", NOW, sizes.append)
    try:
        await store._writer.submit(lambda db: db.execute("CREATE TABLE notes (text TEXT)"))
        sizes.clear()
        yield store
    finally:
        await store.close()


def write(text: str) -> Callable[[sqlite3.Connection], str]:
    """A step that writes a note and says so."""

    def work(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO notes VALUES (?)", (text,))
        return f"wrote {text}"

    return work


def write_and_raise(text: str, error: Exception) -> Callable[[sqlite3.Connection], str]:
    def work(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO notes VALUES (?)", (text,))
        raise error

    return work


def write_a_table_that_exists(db: sqlite3.Connection) -> str:
    db.execute("INSERT INTO notes VALUES ('half')")
    db.execute("CREATE TABLE notes (text TEXT)")
    return "never"


async def notes(store: SqliteStore) -> list[str]:
    rows = await store._reader.submit(
        lambda db: db.execute("SELECT text FROM notes ORDER BY rowid").fetchall()
    )
    return [text for (text,) in rows]


async def outcomes(*futures: "asyncio.Future[str]") -> list[str]:
    """Results as they are; what was raised by the name of its class."""
    return [
        type(outcome).__name__ if isinstance(outcome, BaseException) else outcome
        for outcome in await asyncio.gather(*futures, return_exceptions=True)
    ]


async def test_steps_of_one_turn_share_one_transaction(
    store: SqliteStore, sizes: list[int]
) -> None:
    wrote = await asyncio.gather(*(store._writer.submit(write(text)) for text in "abc"))
    assert wrote == ["wrote a", "wrote b", "wrote c"]
    assert sizes == [3]
    assert await notes(store) == ["a", "b", "c"]


async def test_only_a_slow_step_leaves_the_thread_of_the_event_loop(store: SqliteStore) -> None:
    async def thread_of(**how: bool) -> int:
        return await store._writer.submit(lambda _: threading.get_ident(), **how)

    assert await thread_of() == threading.get_ident()
    assert await thread_of(slow=True) != threading.get_ident()


async def test_a_step_that_refuses_after_it_wrote_takes_only_itself_back(
    store: SqliteStore, sizes: list[int]
) -> None:
    submit = store._writer.submit
    assert await outcomes(
        submit(write("a")),
        submit(write_and_raise("b", NotUnique("name")), may_raise=True),
        submit(write("c"), may_raise=True),
        submit(write_and_raise("d", NotUnique("name")), may_raise=True),
        submit(write("e")),
    ) == ["wrote a", "NotUnique", "wrote c", "NotUnique", "wrote e"]
    assert sizes == [5]
    assert await notes(store) == ["a", "c", "e"]


@pytest.mark.parametrize(
    ("bug", "raised"),
    [
        (write_and_raise("half", ZeroDivisionError()), "ZeroDivisionError"),
        (write_and_raise("half", StopIteration()), "RuntimeError"),
        (write_a_table_that_exists, "OperationalError"),
    ],
)
@pytest.mark.parametrize("may_raise", [False, True])
async def test_a_bug_in_one_step_does_not_hurt_its_neighbours(
    store: SqliteStore,
    bug: Callable[[sqlite3.Connection], str],
    raised: str,
    may_raise: bool,
) -> None:
    submit = store._writer.submit
    assert await outcomes(
        submit(bug, may_raise=may_raise),
        submit(write("a")),
        submit(bug, may_raise=may_raise),
        submit(write_and_raise("b", NotUnique("name")), may_raise=True),
        submit(write("c")),
        submit(bug, may_raise=may_raise),
    ) == [raised, "wrote a", raised, "NotUnique", "wrote c", raised]
    assert await notes(store) == ["a", "c"]
    assert await submit(write("d")) == "wrote d"


async def test_refusals_and_rotations_of_one_batch_do_not_touch_each_other(
    store: SqliteStore, sizes: list[int]
) -> None:
    given = Given(store)
    project = await given.project()
    sessions = [await given.session(project, f"user{number}") for number in range(5)]
    await given.address(project, name="taken")
    sizes.clear()
    verdicts = await asyncio.gather(
        *(given.rotate(session) for session in sessions),
        *(given.address(project, name="taken") for _ in range(5)),
        *(given.subscriber(project, "user0") for _ in range(5)),
        given.address(project, name="free"),
        return_exceptions=True,
    )
    assert sizes == [16]
    assert [type(verdict).__name__ for verdict in verdicts] == [
        *["Rotated"] * 5,
        *["NotUnique"] * 10,
        "Address",
    ]
    names = {
        found.name for found in (await store.addresses.list(project, AddressFilter(), ALL)).items
    }
    assert names == {"taken", "free", *(f"user{number}" for number in range(5))}
    assert len((await store.subscribers.list(project, ALL)).items) == 5
    assert (await given.kinds(project)).count(EventKind.REFRESHED) == 5


async def test_a_full_database_fails_the_whole_batch_and_nothing_of_it_has_happened(
    store: SqliteStore, sizes: list[int]
) -> None:
    """SQLITE_FULL: what a full disk is, without one."""
    given = Given(store)
    project = await given.project()
    session = await given.session(project)
    before = await given.kinds(project)

    def no_more_pages(db: sqlite3.Connection) -> None:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")

    await store._writer.submit(no_more_pages)

    async def too_much() -> str:
        return await store._writer.submit(write("x" * 50 * ONE_PAGE))

    sizes.clear()
    failed = await asyncio.gather(
        given.rotate(session),
        too_much(),
        given.rotate(session),
        return_exceptions=True,
    )
    assert sizes == [3]
    assert [str(error) for error in failed] == ["service_unavailable: sqlite_full"] * 3
    assert await notes(store) == []
    state = await store.sessions.get(project, session.session)
    assert state is not None
    assert state.session.head.generation == 0
    assert await given.kinds(project) == before

    await store._writer.submit(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    assert isinstance(await given.rotate(session), Rotated)
    assert (await too_much()).startswith("wrote x")


async def test_a_caller_who_went_away_does_not_undo_its_step(store: SqliteStore) -> None:
    futures = [store._writer.submit(write(text)) for text in "abc"]
    futures[1].cancel()
    assert await futures[2] == "wrote c"
    assert await notes(store) == ["a", "b", "c"]


async def test_a_bug_in_one_read_does_not_hurt_its_neighbours(store: SqliteStore) -> None:
    await store._writer.submit(write("a"))

    def bug(_db: sqlite3.Connection) -> str:
        raise ZeroDivisionError

    def read(db: sqlite3.Connection) -> str:
        return str(db.execute("SELECT text FROM notes").fetchone()[0])

    submit = store._reader.submit
    assert await outcomes(submit(bug), submit(read), submit(bug)) == [
        "ZeroDivisionError",
        "a",
        "ZeroDivisionError",
    ]


async def test_the_reading_connection_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(StoreUnavailable, match=r"^service_unavailable: sqlite_readonly$"):
        await store._reader.submit(write("a"))
    assert await notes(store) == []


async def test_a_transaction_that_was_left_open_costs_one_batch_and_no_more(
    store: SqliteStore,
) -> None:
    """However it came about: the next batch but one works, and nothing leaks into it."""
    store._writer._connection.execute("BEGIN")
    store._writer._connection.execute("INSERT INTO notes VALUES ('leaked')")
    with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
        await store._writer.submit(write("a"))
    assert await store._writer.submit(write("b")) == "wrote b"
    assert await notes(store) == ["b"]


async def test_closing_finishes_what_was_submitted(tmp_path: Path) -> None:
    path = tmp_path / "closing.db"
    store = await open_sqlite(path, NOW)
    given = Given(store)
    project = await given.project()
    session = await given.session(project)
    rotating = [
        asyncio.ensure_future(given.rotate(RefreshTokenRef(project, session.session, 0, 0)))
        for _ in range(600)
    ]
    await asyncio.sleep(0)
    reading = asyncio.ensure_future(store.subscribers.list(project, ALL))
    await asyncio.sleep(0)
    await store.close()
    verdicts = await asyncio.gather(*rotating)
    assert sum(isinstance(verdict, Rotated) for verdict in verdicts) == 1
    assert len((await reading).items) == 1
    resent = await open_sqlite(path, NOW)
    state = await resent.sessions.get(project, session.session)
    await resent.close()
    assert state is not None
    assert state.session.head.generation == 1


async def test_a_closed_store_refuses_everything_and_can_be_closed_again(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "closed.db", NOW)
    given = Given(store)
    project = await given.project()
    await store.close()
    await store.close()
    for attempt in (
        given.project(),
        given.session(project),
        store.ready(),
        store.purge(NOW, NOW, 1),
        store.events.list(project, ALL),
    ):
        with pytest.raises(StoreUnavailable, match=r"^service_unavailable: store_closed$"):
            await attempt


async def test_mark_that_cannot_be_written_is_nobodys_failure(store: SqliteStore) -> None:
    """No caller waits for it, so asyncio must not report an exception that nobody retrieved."""
    given, reported = Given(store), list[dict[str, object]]()
    first = await given.session(await given.project())
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: reported.append(told))
    await store._writer.submit(lambda db: db.execute("PRAGMA query_only = 1"))
    store.sessions.mark_seen(first, NOW)
    with pytest.raises(StoreUnavailable):
        await given.rotate(first)
    gc.collect()
    assert reported == []
