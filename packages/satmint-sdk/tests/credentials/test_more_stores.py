"""Stores on SQLite and on any mapping, records as JSON, and the check of the contract."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from kit.clients import async_client_of
from kit.service import FakeTokenService
from satmint_sdk.credentials import (
    MAX_LOCK_SECONDS,
    CompareAndSetRefreshTokenStore,
    FileRefreshTokenStore,
    MemoryRefreshTokenStore,
    RefreshTokenStore,
    SQLiteRefreshTokenStore,
    StoreError,
    StoreLocked,
    StoreUnavailable,
    SubscriberCredentialProvider,
    TokenRecord,
)
from satmint_sdk.credentials.stores._compare_and_set import LEASE_SECONDS
from satmint_sdk.testing import FakeClock, check_store, settle

RECORD = TokenRecord("access", "refresh", 1_000, 2_000, "alice")


class Mapping:
    """A mapping in memory, as a database would be for several processes."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.refusals = 0

    async def get(self, key: str) -> str | None:
        return self.values.get(key)

    async def compare_and_set(self, key: str, expected: str | None, value: str) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        if self.values.get(key) != expected:
            return False
        self.values[key] = value
        return True


def makers(folder: Path) -> dict[str, Callable[[], RefreshTokenStore]]:
    mapping, memory = Mapping(), MemoryRefreshTokenStore()
    return {
        "memory": lambda: memory,
        "file": lambda: FileRefreshTokenStore(folder / "file"),
        "sqlite": lambda: SQLiteRefreshTokenStore(folder / "database", "alice"),
        "mapping": lambda: CompareAndSetRefreshTokenStore(mapping, "alice"),
    }


@pytest.mark.parametrize("kind", ["memory", "file", "sqlite", "mapping"])
async def test_every_store_keeps_the_contract(kind: str, tmp_path: Path) -> None:
    await check_store(makers(tmp_path)[kind])


class Careless(MemoryRefreshTokenStore):
    """A store with a fault that a test chooses."""

    fault = ""

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        if self.fault == "no lock":
            yield
        else:
            async with super().lock():
                yield

    async def save(self, record: TokenRecord | None) -> None:
        await super().save(None if self.fault == "forgets" else record)

    def __repr__(self) -> str:
        record = self._record
        return record.to_json() if self.fault == "tells" and record else "<Careless>"


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("forgets", "load returns what was saved, whole"),
        ("no lock", "a lock is held by one at a time"),
        ("tells", "the repr of a store shows no token"),
    ],
)
async def test_the_check_names_the_rule_that_is_broken(fault: str, rule: str) -> None:
    store = Careless()
    store.fault = fault
    with pytest.raises(AssertionError) as broken:
        await check_store(lambda: store)
    assert str(broken.value) == rule


class Sloppy:
    """A store on what its siblings share, with a fault that a test chooses."""

    def __init__(self, shared: MemoryRefreshTokenStore, fault: str) -> None:
        self._shared = shared
        self._fault = fault
        self._cached: TokenRecord | None = None
        self._holds = False

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        if self._fault == "reentrant" and self._holds:
            yield
            return
        with suppress(asyncio.CancelledError) if self._fault == "swallows" else nullcontext():
            async with self._shared.lock():
                self._holds = True
                try:
                    yield
                finally:
                    self._holds = False

    async def load(self) -> TokenRecord | None:
        return self._cached or await self._shared.load()

    async def save(self, record: TokenRecord | None) -> None:
        self._cached = record if self._fault == "caches" else None
        await self._shared.save(record)


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("caches", "a store sees what another one on the same record has saved since"),
        ("reentrant", "a lock is held by one at a time"),
        ("swallows", "a cancellation inside of a lock is not suppressed"),
        ("", None),
    ],
)
async def test_the_check_finds_faults_of_stores_that_share_a_record(
    fault: str, rule: str | None
) -> None:
    shared = MemoryRefreshTokenStore()
    with nullcontext() if rule is None else pytest.raises(AssertionError, match=rule):
        await check_store(lambda: Sloppy(shared, fault))


class CarelessMapping(Mapping):
    """A mapping of a database that is asked over a network, with a fault that a test chooses."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    async def get(self, key: str) -> str | None:
        value = await super().get(key)
        await settle()
        return value

    async def compare_and_set(self, key: str, expected: str | None, value: str) -> bool:
        present = self.values.get(key)
        if self.fault == "compares and sets in two steps":
            await settle()
        careless = {"replaces where there was nothing": None, "replaces what has changed": expected}
        if present == expected or careless.get(self.fault, "") == expected:
            self.values[key] = value
            return True
        return False


@pytest.mark.parametrize(
    "fault",
    [
        "replaces where there was nothing",
        "replaces what has changed",
        "compares and sets in two steps",
    ],
)
async def test_the_check_finds_a_mapping_that_is_not_atomic(fault: str) -> None:
    mapping = CarelessMapping(fault)
    with pytest.raises(AssertionError, match=r"^a lock is held by one at a time$"):
        await check_store(lambda: CompareAndSetRefreshTokenStore(mapping, "k"))
    correct = CarelessMapping("")
    await check_store(lambda: CompareAndSetRefreshTokenStore(correct, "k"))


# Records.


@pytest.mark.parametrize(
    "record", [RECORD, TokenRecord("é", "r", 1, 2, "東", fingerprint="f", tried_at=3)]
)
def test_a_record_is_written_and_read_as_json(record: TokenRecord) -> None:
    assert TokenRecord.from_json(record.to_json()) == record
    assert TokenRecord.from_json(record.to_json().encode()) == record
    assert "refresh" not in repr(RECORD).replace("reference", "")


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "null", "[]", "5", "[" * 100_000, RECORD.to_json()[:-1], b"\xff"),
        RECORD.to_json().replace('"format": 1', '"format": 2'),
        RECORD.to_json().replace("1000", "true"),
        RECORD.to_json().replace('"alice"', "null"),
        RECORD.to_json().replace("{", '{"more": 1, '),
    ],
)
def test_what_is_no_record_is_refused_whole(text: str | bytes) -> None:
    with pytest.raises(StoreError) as refused:
        TokenRecord.from_json(text)
    assert str(refused.value) == "the content is not a token record"


# Leases.


async def test_the_lock_of_a_process_that_died_ends_by_itself(clock: FakeClock) -> None:
    mapping = Mapping()
    dead, living = (CompareAndSetRefreshTokenStore(mapping, "k", clock=clock) for _ in range(2))

    async def die() -> None:
        async with dead.lock():
            await asyncio.get_running_loop().create_future()

    dying = asyncio.ensure_future(die())
    await settle()

    async def take() -> None:
        async with living.lock():
            await living.save(RECORD)

    taking = asyncio.ensure_future(take())
    await clock.advance(20)
    with pytest.raises(StoreLocked):
        await taking
    await clock.advance(LEASE_SECONDS - 19)  # the clock adds floats
    await take()
    with pytest.raises(StoreUnavailable):
        async with living.lock():
            await dead.save(None)
    dying.cancel()
    await asyncio.wait({dying})
    assert await dead.load() == RECORD


async def test_a_lease_outlives_the_longest_work_under_a_lock(
    service: FakeTokenService, clock: FakeClock
) -> None:
    assert LEASE_SECONDS > MAX_LOCK_SECONDS
    store = MemoryRefreshTokenStore(clock=clock)
    client = async_client_of(service)
    provider = SubscriberCredentialProvider(client, reference="alice", store=store, clock=clock)

    async def hang() -> TokenRecord | None:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    store.load = hang  # type: ignore[method-assign]
    asking = asyncio.ensure_future(provider.authenticate())
    await clock.advance(MAX_LOCK_SECONDS - 1)
    assert not asking.done()
    await clock.advance(1)
    with pytest.raises(TimeoutError):
        await asking
    async with store.lock():
        pass


async def test_a_write_that_races_with_another_is_tried_again() -> None:
    mapping = Mapping()
    store = CompareAndSetRefreshTokenStore(mapping, "k")
    mapping.refusals = 2
    async with store.lock():
        mapping.refusals = 2
        await store.save(RECORD)
    assert await store.load() == RECORD


@pytest.mark.parametrize("value", ["", "{}", '{"record": 5, "owner": null, "until": 0}'])
async def test_what_a_mapping_holds_is_a_record_or_refused(value: str) -> None:
    mapping = Mapping()
    mapping.values["k"] = value
    with pytest.raises(StoreError):
        await CompareAndSetRefreshTokenStore(mapping, "k").load()


async def test_an_sqlite_file_is_private_and_has_many_records(tmp_path: Path) -> None:
    path = tmp_path / "database"
    stores = [SQLiteRefreshTokenStore(path, name) for name in ("alice", "bob")]
    for store in stores:
        async with store.lock():
            await store.save(RECORD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM satmint_refresh_tokens").fetchone() == (2,)
    database.close()
    assert repr(stores[0]) == "<SQLiteRefreshTokenStore alice>"
