"""An answer waits for the synchronous standby, also one that says that all was done before.

The commit of the earlier request may be on this machine alone: its wait was cancelled, and its
caller was told so.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from satmint.model.events import EventKind
from satmint.model.records import ApiToken
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import RequestRepeated
from satmint.store.postgres import PostgresLimits, open_postgres
from tests.kit.clock import NOW
from tests.kit.postgres import PostgresServer, execute
from tests.store.store_setup import Given
from tests.store.test_keyed_requests import keyed_request

LIMITS: Final = PostgresLimits(connections=2, statement_seconds=0.6)
"""A commit is waited for as long as a statement."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


def wait_for(server: PostgresServer, standbys: str) -> None:
    """Have commits wait for some standbys, of which there are none."""
    execute(
        server.url("postgres"),
        f"ALTER SYSTEM SET synchronous_standby_names = '{standbys}'",
        "SELECT pg_reload_conf()",
    )


async def test_what_is_found_done_already_is_replicated_before_it_is_confirmed(
    server: PostgresServer,
) -> None:
    store = await open_postgres(server.new_database(), NOW, limits=LIMITS)
    try:
        given = Given(store)
        project = await given.project()
        session = await given.session(project, "ann")
        keyed = keyed_request(given, project)
        token = ApiToken(given.id(), project, "ci", frozenset(), given.entropy.take(32), NOW)

        async def revoke() -> bool:
            event = given.event(EventKind.SESSION_REVOKED, project)
            return await store.sessions.revoke(project, session.session, NOW, event)

        async def create() -> None:
            event = given.event(EventKind.API_TOKEN_CREATED, project)
            await store.projects.add_api_token(token, event, keyed)

        wait_for(server, "FIRST 1 (nobody)")
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await revoke()
            with pytest.raises(StoreUnavailable):
                await create()
        wait_for(server, "")
        assert await revoke()
        with pytest.raises(RequestRepeated):
            await create()
    finally:
        await store.close()
