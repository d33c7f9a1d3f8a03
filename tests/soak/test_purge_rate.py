"""What is past its time goes as fast as it comes: found by `make soak`, where it did not."""

import asyncio
import sqlite3
from contextlib import closing
from uuid import UUID

import pytest

from tests.kit.clock import NOW
from tests.kit.service import Server

OLD = 1600
LONG = 5.0


def fill(server: Server) -> None:
    """Events of long ago."""
    before = (NOW - 40 * 86_400) * 1000
    rows = [
        (server.tenant.id.bytes, (before + at).to_bytes(6, "big") + UUID(int=at).bytes[6:])
        for at in range(OLD)
    ]
    with closing(sqlite3.connect(server.database)) as db, db:
        db.executemany(
            "INSERT INTO events (project_id, event_id, kind, at, cause, request_id, address, agent)"
            " VALUES (?, ?, 'refreshed', 0, '', '', '', '')",
            rows,
        )


async def test_much_that_is_old_goes_without_long_pauses(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server)
    before = len(await server.events())
    pauses: list[float] = []
    turn = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if pauses.count(LONG) == 3:
            raise asyncio.CancelledError
        await turn(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await server.service.run_purge()
    # Full steps and empty ones take turns, since there is no other project to look at.
    assert [pause == LONG for pause in pauses] == [True, *[False] * 6, True, True]
    assert min(pauses) == 0.02
    monkeypatch.undo()
    rows = await server.rows("events")
    assert before > 100
    assert len(rows["events"]) < 100
