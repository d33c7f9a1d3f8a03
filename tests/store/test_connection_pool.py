"""What the pool does for a caller that does not wait."""

import asyncio
import gc
from typing import Any

import pytest

from satmint.model.database_url import DatabaseUrl
from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.connecting import Connection, PostgresLimits
from satmint.store.postgres.connection_pool import ConnectionPool
from tests.kit.postgres import the_server


async def test_a_failure_after_its_caller_was_cancelled_is_no_error_of_the_event_loop() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
    pool = ConnectionPool(
        DatabaseUrl.of(the_server().new_database()), PostgresLimits(connections=1)
    )
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def fail(_: Connection) -> None:
        begun.set()
        await cancelled.wait()
        raise StoreUnavailable("postgres_timeout")

    caller = asyncio.create_task(pool.run(fail, None))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    cancelled.set()
    await pool.close()
    gc.collect()
    assert reported == []
