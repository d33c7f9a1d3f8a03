"""Leases on a mapping: what a holder that lost its lock may not do, and locks that nobody holds."""

from __future__ import annotations

import asyncio
import json
import traceback
from pathlib import Path

import pytest

from satmint_sdk.credentials import (
    CompareAndSetRefreshTokenStore,
    SQLiteRefreshTokenStore,
    StoreError,
    StoreUnavailable,
    TokenRecord,
)
from satmint_sdk.credentials.stores._compare_and_set import LEASE_SECONDS
from satmint_sdk.testing import FakeClock

OLD = TokenRecord("access", "old-refresh", 1_000, 2_000, "alice")
NEW = TokenRecord("access", "new-refresh", 1_000, 2_000, "alice")


class Mapping:
    """A mapping in memory, whose connection breaks after the next writes have been done."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.lost_answers = 0

    async def get(self, key: str) -> str | None:
        return self.values.get(key)

    async def compare_and_set(self, key: str, expected: str | None, value: str) -> bool:
        if self.values.get(key) != expected:
            return False
        self.values[key] = value
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionError("lost")
        return True


@pytest.mark.parametrize("shared", [True, False], ids=["one store", "two stores"])
@pytest.mark.parametrize("is_held", [True, False], ids=["held", "released"])
async def test_a_holder_whose_lease_has_ended_cannot_overwrite_the_next_ones_record(
    clock: FakeClock, *, shared: bool, is_held: bool
) -> None:
    mapping = Mapping()
    slow = CompareAndSetRefreshTokenStore(mapping, "k", clock=clock)
    quick = slow if shared else CompareAndSetRefreshTokenStore(mapping, "k", clock=clock)
    may_save, has_saved, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def save_late() -> None:
        async with slow.lock():
            await may_save.wait()
            await slow.save(OLD)

    async def save_meanwhile() -> None:
        async with quick.lock():
            await quick.save(NEW)
            has_saved.set()
            await may_end.wait()

    late = asyncio.ensure_future(save_late())
    await clock.advance(LEASE_SECONDS + 1)
    meanwhile = asyncio.ensure_future(save_meanwhile())
    await has_saved.wait()
    if not is_held:
        may_end.set()
        await meanwhile
    may_save.set()
    with pytest.raises(StoreUnavailable):
        await late
    may_end.set()
    await meanwhile
    assert await quick.load() == NEW


async def test_a_lock_whose_answer_was_lost_is_free_again_at_once(clock: FakeClock) -> None:
    mapping = Mapping()
    store = CompareAndSetRefreshTokenStore(mapping, "k", clock=clock)
    mapping.lost_answers = 1
    with pytest.raises(ConnectionError):
        async with store.lock():
            pass
    async with store.lock():
        await store.save(NEW)
    assert await store.load() == NEW


async def test_an_unlock_that_fails_once_is_tried_again(clock: FakeClock) -> None:
    mapping = Mapping()
    store = CompareAndSetRefreshTokenStore(mapping, "k", clock=clock)
    compare_and_set, faults = mapping.compare_and_set, [ConnectionError("refused")]

    async def fails_once(key: str, expected: str | None, value: str) -> bool:
        if faults:
            raise faults.pop()
        return await compare_and_set(key, expected, value)

    async with store.lock():
        mapping.compare_and_set = fails_once  # type: ignore[method-assign]
    async with store.lock():
        pass


async def test_a_caller_that_is_cancelled_while_it_takes_the_lock_does_not_keep_it(
    tmp_path: Path,
) -> None:
    store = SQLiteRefreshTokenStore(tmp_path / "database", "alice")
    table = store._mapping
    compare_and_set, began = table.compare_and_set, asyncio.Event()

    async def announced(key: str, expected: str | None, value: str) -> bool:
        began.set()
        return await compare_and_set(key, expected, value)

    async def take() -> None:
        async with store.lock():
            pass

    table.compare_and_set = announced  # type: ignore[method-assign]
    taking = asyncio.ensure_future(take())
    await began.wait()
    taking.cancel()
    await asyncio.wait({taking})
    assert taking.cancelled()
    async with store.lock():
        pass


@pytest.mark.parametrize("where", ["record", "mapping"])
async def test_a_broken_record_shows_no_token_in_any_frame_or_cause(where: str) -> None:
    broken = OLD.to_json()[:-1]
    mapping = Mapping()
    mapping.values["k"] = json.dumps({"record": broken, "owner": None, "until": 0})

    async def read() -> None:
        if where == "record":
            TokenRecord.from_json(broken)
        await CompareAndSetRefreshTokenStore(mapping, "k").load()

    with pytest.raises(StoreError) as refused:
        await read()
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    frames = [frame.locals for frame in shown.stack if "/satmint_sdk/" in frame.filename]
    assert frames
    assert "old-refresh" not in str(frames)
