"""The last use of API tokens: by the hour, in the background, and whatever is locked."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from satmint.model.events import EventKind
from satmint.model.listing import Window
from satmint.model.records import ApiToken, ApiTokenUse
from satmint.store.contract import Store
from satmint.store.postgres import open_postgres
from satmint.store.sqlite import open_sqlite
from tests.kit.clock import NOW
from tests.kit.emptying import emptied
from tests.kit.polling import until
from tests.kit.postgres import ISOLATIONS, execute, held, the_server
from tests.store import test_sqlite_locks
from tests.store.store_setup import ALL, Given

HOUR = NOW // 3600 * 3600
MASK = "PTd49e…2be"
ROW = "SELECT 1 FROM api_tokens WHERE token_id = $1 FOR UPDATE"


def use(token: ApiToken, hour: int = HOUR, mask: str = MASK) -> ApiTokenUse:
    return ApiTokenUse(token.project, token.id, hour, mask)


async def test_a_use_is_recorded_with_the_mask_of_a_token_that_had_none(
    store: Store, given: Given
) -> None:
    project = await given.project()
    token, bystander = await given.api_token(project), await given.api_token(project)
    store.projects.record_api_token_use(use(token))
    await given.settled()
    expected = replace(token, mask=MASK, last_used_at=HOUR)
    assert await store.projects.api_token(project, token.id) == expected
    assert await store.projects.api_token_by_digest(project, token.digest) == expected
    assert await store.projects.api_token(project, bystander.id) == bystander


async def test_a_recorded_use_marks_a_token_whose_mark_has_failed(
    store: Store, given: Given
) -> None:
    project = await given.project()
    token = ApiToken(
        *(given.id(), project, "ci", frozenset(), given.entropy.take(32), NOW), unused=True
    )
    await store.projects.add_api_token(token, given.event(EventKind.API_TOKEN_CREATED, project))
    store.projects.record_api_token_use(use(token))
    await given.settled()
    expected = replace(token, mask=MASK, last_used_at=HOUR, unused=False)
    assert await store.projects.api_token(project, token.id) == expected


async def test_a_later_hour_replaces_an_earlier_one_and_no_other_way_round(
    store: Store, given: Given
) -> None:
    project = await given.project()
    token = await given.api_token(project)
    for hour, expected in ((0, 0), (2, 2), (1, 2), (2, 2), (3, 3)):
        store.projects.record_api_token_use(use(token, HOUR + 3600 * hour, f"mask {hour}"))
        await given.settled()
        found = await store.projects.api_token(project, token.id)
        assert found == replace(token, mask="mask 0", last_used_at=HOUR + 3600 * expected)


async def test_the_use_of_a_deleted_token_or_of_another_project_is_nothing(
    store: Store, given: Given
) -> None:
    mine, other = await given.project(), await given.project()
    token = await given.api_token(mine)
    store.projects.record_api_token_use(replace(use(token), token=given.id()))
    await given.settled()
    store.projects.record_api_token_use(replace(use(token), project=other))
    await given.settled()
    assert await store.projects.api_token(mine, token.id) == token


async def test_api_tokens_are_listed_for_their_own_project(store: Store, given: Given) -> None:
    mine, other = await given.project(), await given.project()
    first, second = await given.api_token(mine), await given.api_token(mine, name="second")
    await given.api_token(other)
    listed = sorted((first, second), key=lambda token: token.id)
    assert (await store.projects.list_api_tokens(mine, ALL)).items == tuple(listed)
    newest_first = Window(1, descending=True)
    page = await store.projects.list_api_tokens(mine, newest_first)
    assert (page.items, page.more_after) == ((listed[1],), True)


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_a_locked_row_delays_neither_other_tokens_nor_requests(isolation: str) -> None:
    url = await emptied(the_server().shared_database(isolation))
    store = await open_postgres(url, NOW)
    try:
        given = Given(store)
        project = await given.project()
        locked, free = await given.api_token(project), await given.api_token(project)
        async with held(url, ROW, locked.id) as stranger:
            for token in (locked, free):
                store.projects.record_api_token_use(use(token))
            await until(lambda: last_uses(url) == {locked.id: None, free.id: HOUR})
            assert await stranger.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0
            assert store.backlog().lock_waits == 0
            await store.projects.mark_api_token_used(project, locked.id)
            found = await store.projects.api_token_by_digest(project, locked.digest)
            assert found == locked
        await until(lambda: last_uses(url)[locked.id] == HOUR)
    finally:
        await store.close()


def last_uses(url: str) -> dict[UUID, int | None]:
    rows = execute(url, "SELECT token_id, last_used_at FROM api_tokens")
    return {UUID(int=row[0].int): row[1] for row in rows}


async def test_a_use_outlives_the_lock_of_another_process(tmp_path: Path) -> None:
    file = tmp_path / "satmint.db"
    store = await open_sqlite(file, NOW, busy_seconds=0.01)
    try:
        given = Given(store)
        project = await given.project()
        token = await given.api_token(project)
        with test_sqlite_locks.held(file):
            store.projects.record_api_token_use(use(token))
            found = await store.projects.api_token_by_digest(project, token.digest)
            assert found == token
        await given.settled()
        recorded = await store.projects.api_token(project, token.id)
        assert recorded == replace(token, mask=MASK, last_used_at=HOUR)
    finally:
        await store.close()


async def test_a_store_whose_writes_are_refused_is_closed_without_waiting_for_uses(
    tmp_path: Path,
) -> None:
    store = await open_sqlite(tmp_path / "satmint.db", NOW)
    given = Given(store)
    token = await given.api_token(await given.project())
    store._guard.cause = "sqlite_no_wal"
    store.projects.record_api_token_use(use(token))
    await store.close()
    assert store.projects.api_token_uses._task is None


async def test_a_list_of_api_tokens_reads_its_page_by_an_index(tmp_path: Path) -> None:
    store, statements = await open_sqlite(tmp_path / "plans.db", NOW), list[str]()
    store._reader._list_worker._connection.set_trace_callback(statements.append)
    await store.projects.list_api_tokens(UUID(int=1), Window(10))
    await store.close()
    with closing(sqlite3.connect(tmp_path / "plans.db")) as db:
        plans = [db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall() for query in statements]
    assert [[step[3] for step in plan] for plan in plans] == [
        ["SEARCH api_tokens USING INDEX api_tokens_by_time (project_id=?)"]
    ]
