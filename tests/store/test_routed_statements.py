"""Statements are of one shard on a database that distributes its tables by project.

A database without the extension stands in for a cluster: a table makes it look like one. It runs
the forms of statements for one shard, and tells what they were. `SATMINT_TEST_CITUS_URL` runs the
whole contract on a real cluster.
"""

import asyncio
from asyncio import gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import pytest

from satmint.model.events import EventKind
from satmint.model.possession import Accepted
from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres import PostgresLimits, PostgresStore, open_postgres
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.distribution import PREPARATION
from satmint.store.postgres.routing import one_shard, repeat_project, statement
from satmint.store.postgres.transactions import transaction_of
from tests.kit.clock import NOW
from tests.kit.postgres import execute
from tests.kit.routing_rule import inserts_copies, unrouted_tables
from tests.store.key_holders import Holder
from tests.store.like_a_cluster import CATALOG_MAY_CHANGE, TWO_SHARDS, new_cluster
from tests.store.store_setup import ALL, Given
from tests.store.test_audit_events import WRITES, scene_of
from tests.store.test_webhooks import ARRIVED, due, revoked_session, webhook

OF_ALL_NODES: Final = (
    "UPDATE deliveries SET next_at = $2, set_at = $2",
    "SELECT 1 FROM deliveries WHERE set_at > $1",
    "WHERE (project_id, webhook_id) > ($1, $2) AND paused_at = 0",
)
"""What asks all nodes, and decides nothing: for due deliveries."""
UNDISTRIBUTED: Final = "UPDATE pg_catalog.pg_dist_partition SET logicalrelid = 'events'::regclass"
NOT_YET: Final = """
CREATE OR REPLACE FUNCTION get_shard_id_for_distribution_column(regclass, uuid) RETURNS bigint
LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'relation is not distributed'; END $$
"""


@pytest.fixture
def url() -> str:
    return new_cluster()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    opened = await open_postgres(url, NOW, limits=PostgresLimits(connections=3))
    yield opened
    await opened.close()


@pytest.fixture
def given(store: PostgresStore) -> Given:
    return Given(store)


async def statements(store: PostgresStore) -> set[str]:
    """What the shared connections have run with arguments."""
    found: set[str] = set()
    for connection in store._connections._idle:
        rows = await connection.fetch("SELECT statement FROM pg_prepared_statements")
        found.update(row["statement"] for row in rows)
    return found


async def everything(store: PostgresStore, given: Given) -> None:
    """Have every decision made, and everything else that writes."""
    for name, write in WRITES.items():
        scene = await scene_of(store, given)
        await write(scene, given.event(EventKind.ISSUED, scene.project))
        assert (await store.events.list(scene.project, ALL)).items, name
    projects = [await given.project() for _ in range(3)]
    holders = [Holder(given, await given.session(project)) for project in projects]
    shown = [one.shown() for one in holders]
    proven = await gather(*(one.prove(proof) for one, proof in zip(holders, shown, strict=True)))
    assert all(isinstance(one, Accepted) for one in proven)
    again = await gather(*(one.prove(proof) for one, proof in zip(holders, shown, strict=True)))
    assert [one for one in again if isinstance(one, Accepted) and one.resent] == list(again)
    for project in projects:
        await webhook(given, project)
        await revoked_session(given, project)
        await given.delete_room(await given.room(project))
    for delivery in await due(store):
        await store.webhooks.settle(delivery, ARRIVED, NOW, slow=False)
    for one in holders:
        store.sessions.mark_seen(one.ref, NOW)
    await store.sessions.seen_marks.drained()
    deleted = given.event(EventKind.PROJECT_REVOKED, projects[0])
    assert await store.projects.delete(projects[0], NOW, deleted)
    while (await store.purge(NOW + 10**8, NOW + 10**8, 100)).more:
        pass
    assert projects[0] not in {one.id for one in await store.projects.list()}


async def test_every_statement_of_requests_is_of_one_shard(
    store: PostgresStore, given: Given
) -> None:
    await everything(store, given)
    ran = await statements(store)
    routed = [sql for sql in ran if not any(part in sql for part in OF_ALL_NODES)]
    assert len(routed) > 60
    assert {sql: lacking for sql in routed if (lacking := unrouted_tables(sql))} == {}
    assert [sql for sql in ran if inserts_copies(sql)] == []


async def test_an_error_about_shards_answers_all_callers_and_the_next_ones(
    url: str, store: PostgresStore, given: Given
) -> None:
    project = await given.project()
    session = await given.session(project)
    execute(url, NOT_YET)
    store._connections.shards.forget()
    for _ in range(2):
        async with asyncio.timeout(10):
            with pytest.raises(Exception, match=r"not distributed|postgres_"):
                await store.sessions.get(project, session.session)
    execute(url, TWO_SHARDS)
    assert await store.sessions.get(project, session.session) is not None


async def test_a_message_that_sets_something_does_nothing_else(store: PostgresStore) -> None:
    """Of such a message, Citus sends all to the nodes."""
    pool, sent = store._connections, list(PREPARATION)
    for pooler in (False, True):
        begin = transaction_of(PostgresLimits(pooler=pooler), lock_seconds=1)
        async with pool.acquire() as db, recorded(db) as ran, begin(db):
            assert await db.fetchval("SHOW lock_timeout") == "1s"
            assert await db.fetchval("SHOW citus.propagate_set_commands") == "local"
        assert not await pool.query(lambda db: db.fetchval("SHOW citus.propagate_set_commands"))
        sent += ran
    messages = [[part.split()[0] for part in message.split("; ")] for message in sent]
    setting = [words for words in messages if "SET" in words]
    assert len(setting) == 3
    assert [words for words in setting if set(words) != {"SET"}] == []


@asynccontextmanager
async def recorded(db: Connection) -> AsyncIterator[list[str]]:
    """What a connection sends without arguments."""
    ran: list[str] = []

    def record(query: asyncpg.connection.LoggedQuery) -> None:
        ran.append(query.query)

    db.add_query_logger(record)
    yield ran
    db.remove_query_logger(record)


async def test_a_node_of_a_cluster_is_refused(url: str) -> None:
    execute(
        url,
        CATALOG_MAY_CHANGE,
        "UPDATE pg_catalog.pg_dist_local_group SET groupid = 1",
    )
    with pytest.raises(StoreUnavailable, match="postgres_is_a_node"):
        await open_postgres(url, NOW, limits=PostgresLimits(connections=3))


async def test_a_database_whose_tables_are_not_distributed_is_one_postgresql() -> None:
    url = new_cluster()
    execute(url, CATALOG_MAY_CHANGE, UNDISTRIBUTED, NOT_YET)
    store = await open_postgres(url, NOW, limits=PostgresLimits(connections=3))
    try:
        given = Given(store)
        project = await given.project()
        session = await given.session(project)
        assert await store.sessions.get(project, session.session) is not None
    finally:
        await store.close()


def test_a_statement_has_a_form_for_one_shard() -> None:
    made = statement(f"SELECT 1 FROM events WHERE TRUE{one_shard('events')}", projects="$3")
    assert made.several == "SELECT 1 FROM events WHERE TRUE"
    assert made.one == "SELECT 1 FROM events WHERE TRUE AND events.project_id = ANY ($3::uuid[])"
    assert unrouted_tables(made.several) == ["events"]
    assert unrouted_tables(made.one) == []


def test_rows_that_a_select_makes_are_copied_through_the_coordinator() -> None:
    assert inserts_copies("INSERT INTO events (project_id) SELECT * FROM unnest($1::uuid[])")
    assert inserts_copies("WITH a AS (SELECT 1) INSERT INTO events SELECT * FROM a")
    assert not inserts_copies("INSERT INTO events (project_id) VALUES ($1), ($2)")
    assert not inserts_copies("INSERT INTO schema_migrations SELECT * FROM unnest($1::text[])")


def test_a_statement_about_one_shard_says_so_of_every_table() -> None:
    joined = "SELECT (SELECT 1 FROM events AS e WHERE e.project_id = sessions.project_id)"
    routed = f"{joined} FROM sessions WHERE project_id = $2"
    assert unrouted_tables(routed) == ["e"]
    assert unrouted_tables(repeat_project(routed)) == []
    of_two = f"{routed} OR project_id = $3"
    assert repeat_project(of_two) == of_two
