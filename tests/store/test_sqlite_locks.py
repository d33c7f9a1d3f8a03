"""The embedded store while another process holds the lock on its file."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import Reused, Rotated
from satmint.store.sqlite import open_sqlite
from tests.kit.clock import NOW
from tests.kit.polling import until
from tests.store.store_setup import Given, generation

BUSY_SECONDS = 0.1


@contextmanager
def held(file: Path) -> Iterator[None]:
    """The lock of a writer, as another process would hold it."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


async def test_evidence_of_use_outlives_a_lock_and_is_written_after_it(tmp_path: Path) -> None:
    file = tmp_path / "satmint.db"
    store = await open_sqlite(file, NOW, busy_seconds=BUSY_SECONDS)
    try:
        given = Given(store)
        project = await given.project()
        tokens = [await given.session(project, f"user-{number}") for number in range(20)]
        for token in tokens:
            assert isinstance(await given.rotate(token), Rotated)
        with held(file):
            for token in tokens:
                store.sessions.mark_seen(generation(token, 1), NOW)
            with pytest.raises(StoreUnavailable, match="sqlite_busy"):
                await given.revoke(tokens[0])
            assert store.backlog().seen_marks == len(tokens)
        await given.settled()
        for token in tokens:
            found = await store.sessions.get(project, token.session)
            assert found is not None
            assert found.session.seen_generation == 1
            assert isinstance(await given.rotate(token, at=NOW + 60), Reused)
    finally:
        await store.close()


async def test_evidence_that_is_not_written_yet_counts_in_the_same_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "satmint.db"
    store = await open_sqlite(file, NOW, busy_seconds=BUSY_SECONDS)
    try:
        given = Given(store)
        token = await given.session(await given.project())
        await given.rotate(token)
        monkeypatch.setattr(store.sessions.seen_marks, "_delay", 30)
        monkeypatch.setattr("satmint.store.sql.seen_marks._MAX_RETRY_SECONDS", 30)
        with held(file):
            store.sessions.mark_seen(generation(token, 1), NOW)
            await until(lambda: store.sessions.seen_marks._failing)
        assert isinstance(await given.rotate(token, at=NOW + 60), Reused)
        assert store.backlog().seen_marks == 1
    finally:
        await store.close()


async def test_evidence_is_written_at_a_stop(tmp_path: Path) -> None:
    file = tmp_path / "satmint.db"
    store = await open_sqlite(file, NOW, busy_seconds=BUSY_SECONDS)
    given = Given(store)
    token = await given.session(await given.project())
    with held(file):
        store.sessions.mark_seen(token, NOW)
        await until(lambda: store.sessions.seen_marks._failing)
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        assert not closing.done()
    await closing
    again = await open_sqlite(file, NOW)
    found = await again.sessions.get(token.project, token.session)
    await again.close()
    assert found is not None
    assert found.session.seen_generation == 0
