"""Uses of API tokens on their way to the database: one write for each token and hour."""

import asyncio
from uuid import UUID

import pytest

from satmint.model.records import ApiTokenUse
from satmint.model.refusals import StoreUnavailable
from satmint.store.sql import api_token_uses
from satmint.store.sql.api_token_uses import ApiTokenUses
from tests.kit.polling import until

HOUR = 1_800_000_000


def use(token: int = 1, hour: int = HOUR) -> ApiTokenUse:
    return ApiTokenUse(UUID(int=0), UUID(int=token), hour, "PTd49e…2be")


class Writer:
    """Writes to a list, unless it fails."""

    def __init__(self) -> None:
        self.written: list[ApiTokenUse] = []
        self.tries = 0
        self.outcomes: list[bool | Exception] = []
        """Those of the next tries."""
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, use: ApiTokenUse) -> bool:
        self.tries += 1
        await self.gate.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else True
        if isinstance(outcome, Exception):
            raise outcome
        if outcome:
            self.written.append(use)
        return outcome


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_token_uses, "_MIN_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(api_token_uses, "CLOSE_SECONDS", 0.01)


async def test_a_token_is_written_once_for_each_hour() -> None:
    writer = Writer()
    uses = ApiTokenUses(writer.write)
    for hour in (HOUR, HOUR + 3600):
        for _ in range(50):
            uses.add(use(hour=hour))
            await uses.drained()
        uses.add(use(hour=HOUR))
    await uses.drained()
    assert writer.written == [use(), use(hour=HOUR + 3600)]


async def test_many_uses_during_a_write_are_one() -> None:
    writer = Writer()
    uses = ApiTokenUses(writer.write)
    writer.gate.clear()
    for _ in range(50):
        uses.add(use())
    await until(lambda: writer.tries == 1)
    uses.add(use())
    uses.add(use(token=2))
    writer.gate.set()
    await uses.drained()
    assert writer.written == [use(), use(token=2)]


async def test_a_later_hour_during_a_write_is_written_after_it() -> None:
    writer = Writer()
    uses = ApiTokenUses(writer.write)
    writer.gate.clear()
    uses.add(use())
    await until(lambda: writer.tries == 1)
    uses.add(use(hour=HOUR + 3600))
    writer.gate.set()
    await uses.drained()
    assert writer.written == [use(), use(hour=HOUR + 3600)]


async def test_what_could_not_be_written_is_tried_again_and_delays_no_other() -> None:
    writer = Writer()
    writer.outcomes = [False, True, StoreUnavailable("away"), ZeroDivisionError(), True]
    uses = ApiTokenUses(writer.write)
    uses.add(use())
    uses.add(use(token=2))
    await uses.drained()
    assert writer.written == [use(token=2), use()]
    assert writer.tries == 5


async def test_close_does_not_wait_for_a_database_that_is_away() -> None:
    writer = Writer()
    writer.outcomes = [StoreUnavailable("away")] * 1000
    uses = ApiTokenUses(writer.write)
    uses.add(use())
    await until(lambda: writer.tries > 1)
    await uses.close()
    uses.add(use(token=2))
    await uses.drained()
    assert writer.written == []


async def test_close_ends_a_write_that_hangs() -> None:
    writer = Writer()
    writer.gate.clear()
    uses = ApiTokenUses(writer.write)
    uses.add(use())
    await until(lambda: writer.tries == 1)
    await uses.close()
    await uses.drained()
    assert writer.written == []


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_token_uses, "MAX_PENDING", 3)
    writer = Writer()
    writer.gate.clear()
    uses = ApiTokenUses(writer.write)
    for token in range(10):
        uses.add(use(token=token))
    writer.gate.set()
    await uses.drained()
    assert writer.written == [use(token=token) for token in range(3)]
    uses.add(use(token=9))
    await uses.drained()
    assert writer.written[-1] == use(token=9)
