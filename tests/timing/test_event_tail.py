"""A live tail keeps up with 1,000 events a second (spec 8.2)."""

from pathlib import Path
from typing import Final

import pytest
from benchmarks.tails import keep_up

from tests.kit.databases import DATABASES, fresh_database
from tests.kit.service import a_service

LATEST_SECONDS: Final = 2.0
_SECONDS: Final = 2.0


@pytest.mark.parametrize("kind", DATABASES)
async def test_tail_keeps_up_with_a_thousand_events_a_second(kind: str, tmp_path: Path) -> None:
    async with a_service(tmp_path, database=await fresh_database(kind, tmp_path)) as server:
        kept = await keep_up(server, _SECONDS)
    assert kept.told == kept.events
    assert not kept.skipped
    assert kept.late_seconds < LATEST_SECONDS
