"""Every SQLSTATE class and every result code of SQLite has a decision, and what follows from it."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import asyncpg
import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres import PostgresLimits, PostgresStore, open_postgres
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.driver_errors import DECISIONS, Decision, decision_of
from satmint.store.sqlite import driver_errors as sqlite_errors
from tests.kit.clock import NOW
from tests.kit.postgres import the_server

ATTEMPTS = {Decision.RETRY: 12, Decision.RETRY_OR_FAIL: 12}
CLOSING = (Decision.REFUSE_AND_CLOSE,)
FAILING = (Decision.FAIL, Decision.RETRY_OR_FAIL)


def code_of(entry: str) -> str:
    """A code that the entry of the table decides about."""
    return next(
        code
        for code in (f"{entry}0099"[:5], f"{entry}99999"[:5])
        if code != "00000" and (code in DECISIONS) == (len(entry) == 5)
    )


@pytest.fixture
async def store() -> AsyncIterator[PostgresStore]:
    url = the_server().shared_database("read committed")
    store = await open_postgres(url, NOW, limits=PostgresLimits(connections=1))
    yield store
    await store.close()


@pytest.mark.parametrize("entry", DECISIONS)
async def test_sqlstate_is_decided_as_the_table_says(store: PostgresStore, entry: str) -> None:
    attempts: list[Connection] = []

    async def work(db: Connection) -> None:
        attempts.append(db)
        await db.execute(f"DO $$ BEGIN RAISE SQLSTATE '{code_of(entry)}'; END $$")

    decision = DECISIONS[entry]
    expected = asyncpg.PostgresError if decision in FAILING else StoreUnavailable
    with pytest.raises(expected):
        await store._connections.transaction(work)
    assert len(attempts) == ATTEMPTS.get(decision, 1)
    assert all(db.is_closed() == (decision in CLOSING) for db in attempts)


def postgres_errors(error: type[asyncpg.PostgresError]) -> Iterator[type[asyncpg.PostgresError]]:
    for found in error.__subclasses__():
        yield found
        yield from postgres_errors(found)


def test_every_class_that_the_driver_knows_is_in_the_table() -> None:
    codes = {str(code) for one in postgres_errors(asyncpg.PostgresError) if (code := one.sqlstate)}
    assert len(codes) > 200
    assert {code[:2] for code in codes} <= {entry[:2] for entry in DECISIONS if len(entry) == 2}


@pytest.mark.parametrize("code", ["", "CR000", "99999"])
def test_code_that_no_entry_decides_about_is_a_bug(code: str) -> None:
    error = asyncpg.PostgresError()
    error.sqlstate = code
    assert decision_of(error) is Decision.FAIL


NAMES = """
OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL
CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB
NOTICE WARNING ROW DONE
"""
RESULT_CODES = {getattr(sqlite3, f"SQLITE_{name}") for name in NAMES.split()}


def test_every_result_code_of_sqlite_is_in_the_table() -> None:
    assert len(RESULT_CODES) == 31
    assert sqlite_errors.DECISIONS.keys() == RESULT_CODES


@pytest.mark.parametrize("code", sorted(RESULT_CODES))
@pytest.mark.parametrize("extended", [0, 5 << 8])
def test_result_code_is_decided_as_the_table_says(code: int, extended: int) -> None:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode, error.sqlite_errorname = code | extended, "SQLITE_NAME"
    mapped = sqlite_errors.map_driver_error(error)
    if sqlite_errors.DECISIONS[code] is sqlite_errors.Decision.REFUSE:
        assert isinstance(mapped, StoreUnavailable)
        assert mapped.cause == "sqlite_name"
    else:
        assert mapped is error


def test_error_of_the_module_itself_is_a_bug() -> None:
    with closing(sqlite3.connect(":memory:")) as db, pytest.raises(sqlite3.Error) as raised:
        db.execute("SELECT ?", ())
    assert sqlite_errors.map_driver_error(raised.value) is raised.value
