"""Where a refresh token rests: one suite for every store, and what only files must stand."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk.credentials import (
    FileRefreshTokenStore,
    MemoryRefreshTokenStore,
    RefreshTokenStore,
    StoreError,
    StoreLocked,
    TokenRecord,
)
from satmint_sdk.credentials.stores._contract import ReadableRefreshTokenStore
from satmint_sdk.credentials.stores._file import _parse
from satmint_sdk.credentials.stores._locking import run_to_completion
from satmint_sdk.testing import FakeClock, FakeEntropy, make_token, settle

OLD = TokenRecord(make_token("SAT"), make_token("Refresh"), 1, 2, "alice")
NEW = TokenRecord(
    make_token("SAT"), make_token("Refresh"), 3, 4, "alice", fingerprint="f" * 43, tried_at=5
)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> RefreshTokenStore:
    if request.param == "memory":
        return MemoryRefreshTokenStore(clock=clock, entropy=FakeEntropy())
    return FileRefreshTokenStore(tmp_path / "session", clock=clock, entropy=FakeEntropy())


async def test_a_record_is_kept_replaced_and_removed(store: RefreshTokenStore) -> None:
    async with store.lock():
        assert await store.load() is None
        await store.save(OLD)
        await store.save(NEW)
        assert await store.load() == NEW
        await store.save(None)
        await store.save(None)
        assert await store.load() is None


async def test_the_lock_keeps_a_second_task_out(store: RefreshTokenStore, clock: FakeClock) -> None:
    order: list[str] = []

    async def second() -> None:
        async with store.lock():
            order.append("second")

    async with store.lock():
        waiting = asyncio.ensure_future(second())
        await clock.advance(5)
        order.append("first")
    await clock.advance(1)
    await waiting
    assert order == ["first", "second"]


async def test_news_makes_the_lock_needless(store: RefreshTokenStore, clock: FakeClock) -> None:
    """It is seen before the lock is tried, and while it is waited for, though it is held."""
    assert isinstance(store, ReadableRefreshTokenStore)
    seen: list[TokenRecord] = []

    def news(record: TokenRecord) -> bool:
        seen.append(record)
        return record == NEW

    async def wait_for_news() -> TokenRecord | None:
        async with store.lock_unless(news) as found:
            return found

    await store.save(OLD)
    async with store.lock():
        waiting = asyncio.ensure_future(wait_for_news())
        await clock.advance(1)
        assert not waiting.done()
        await store.save(NEW)
        while not waiting.done():  # a thread reads the file meanwhile: little time for each turn
            await clock.advance(0.001)
        assert await waiting == await wait_for_news() == NEW
        late = asyncio.ensure_future(store.lock().__aenter__())
        await clock.advance(16)
        with pytest.raises(StoreLocked):  # those who needed no lock have not freed it either
            await late
    assert set(seen) == {OLD, NEW}


async def test_without_news_the_lock_is_had(store: RefreshTokenStore, clock: FakeClock) -> None:
    assert isinstance(store, ReadableRefreshTokenStore)
    await store.save(OLD)
    async with store.lock_unless(lambda record: record == NEW) as found:
        assert found is None
        waiting = asyncio.ensure_future(store.lock().__aenter__())
        await clock.advance(16)
        with pytest.raises(StoreLocked):
            await waiting
    async with store.lock():
        pass


async def test_a_file_is_read_once_for_each_change(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "session"
    store = FileRefreshTokenStore(path, clock=clock, entropy=FakeEntropy())
    await store.save(OLD)
    looked: list[TokenRecord] = []

    def no_news(record: TokenRecord) -> bool:
        looked.append(record)
        return False

    async def wait_for_news() -> None:
        async with store.lock_unless(no_news):
            pass

    async with store.lock():
        waiting = asyncio.ensure_future(wait_for_news())
        while not looked:  # by a thread, which no clock of ours hurries
            await settle()
        await clock.advance(10)
        assert looked == [OLD]
    await clock.advance(1)
    await waiting
    path.write_bytes(b"{}")
    with pytest.raises(StoreError):
        await wait_for_news()
    path.unlink()
    await wait_for_news()


async def test_waiting_for_the_lock_ends(store: RefreshTokenStore, clock: FakeClock) -> None:
    async def second() -> None:
        async with store.lock():
            raise AssertionError("it is held")

    async with store.lock():
        waiting = asyncio.ensure_future(second())
        await clock.advance(16)
        with pytest.raises(StoreLocked) as locked:
            await waiting
    assert str(locked.value) == "the lock of the store was not free within 15 s"
    async with store.lock():
        pass


async def test_a_waiter_that_is_cancelled_leaves_the_lock_usable(
    store: RefreshTokenStore, clock: FakeClock
) -> None:
    async def second() -> None:
        async with store.lock():
            raise AssertionError("it is held")

    async with store.lock():
        waiting = asyncio.ensure_future(second())
        await clock.advance(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with store.lock():
        pass


async def test_a_failure_inside_frees_the_lock(store: RefreshTokenStore) -> None:
    with pytest.raises(KeyError):
        async with store.lock():
            raise KeyError("something else")
    async with store.lock():
        pass


async def test_the_lock_keeps_another_thread_out(
    store: RefreshTokenStore, clock: FakeClock
) -> None:
    refused: list[type[Exception]] = []

    async def try_it() -> None:
        try:
            async with store.lock():
                pass
        except StoreLocked as error:
            refused.append(type(error))

    def elsewhere() -> None:
        async def drive() -> None:
            trying = asyncio.ensure_future(try_it())
            await clock.advance(20)
            await trying

        asyncio.run(drive())

    async with store.lock():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert refused == [StoreLocked]


def test_no_store_prints_a_token(store: RefreshTokenStore) -> None:
    assert OLD.token not in repr(OLD)
    assert OLD.refresh_token not in repr(OLD)
    assert "eyJ" not in repr(store)


def test_a_store_in_memory_is_not_copied() -> None:
    with pytest.raises(TypeError) as refused:
        pickle.dumps(MemoryRefreshTokenStore())
    assert str(refused.value) == "a refresh token must not be copied: it can be used once"


async def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "session"
    before = os.umask(0)
    try:
        store = FileRefreshTokenStore(path)
        async with store.lock():
            await store.save(OLD)
    finally:
        os.umask(before)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
    assert modes == {"session": 0o600, "session.lock": 0o600}
    assert store.lock_wait is not None


async def test_no_lock_leaves_a_descriptor_open(tmp_path: Path, clock: FakeClock) -> None:
    """Whether it was had, given up, cancelled, or left by an exception."""
    store = FileRefreshTokenStore(tmp_path / "session", clock=clock, entropy=FakeEntropy())
    before = len(list(Path("/dev/fd").iterdir()))

    async def second() -> None:
        async with store.lock():
            raise KeyError("inside")

    async with store.lock():
        late, cancelled = asyncio.ensure_future(second()), asyncio.ensure_future(second())
        await clock.advance(1)
        cancelled.cancel()
        await clock.advance(15)
        assert isinstance((await asyncio.gather(late, return_exceptions=True))[0], StoreLocked)
    assert cancelled.cancelled()
    with pytest.raises(KeyError):
        await second()
    async with store.lock_unless(lambda _record: False):
        pass
    assert len(list(Path("/dev/fd").iterdir())) == before


async def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session"
    store = FileRefreshTokenStore(path)
    await store.save(OLD)
    path.chmod(0o604)
    with pytest.raises(PermissionError):
        await store.load()


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
async def test_a_full_disk_at_any_step_leaves_the_old_record(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    path = tmp_path / "session"
    store = FileRefreshTokenStore(path)
    await store.save(OLD)
    if step == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        await store.save(NEW)
    monkeypatch.undo()
    assert await store.load() == OLD
    assert [entry.name for entry in tmp_path.iterdir()] == ["session"]


async def test_file_and_directory_are_synced_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def seen_sync(handle: int) -> None:
        done.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def seen_replace(path: Path, target: Path) -> Path:
        done.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", seen_sync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    await FileRefreshTokenStore(tmp_path / "session").save(OLD)
    assert done == ["file", "rename", "directory"]


async def test_a_write_that_is_cut_short_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    store = FileRefreshTokenStore(tmp_path / "session")
    await store.save(NEW)
    assert await store.load() == NEW


def change(**members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update(members)


@pytest.mark.parametrize(
    "spoil",
    [
        change(format=2), change(token=5), change(refresh_token=None), change(issued_at=1.5),
        change(expiry_at=True), change(expiry_at="1"), change(fingerprint=7), change(more=1),
        change(reference=None), change(tried_at="1"), change(tried_at=False),
        lambda record: record.pop("token"),
    ],
)  # fmt: skip
def test_a_record_that_is_spoilt_is_refused_as_a_whole(
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    record = json.loads(OLD.to_json())
    spoil(record)
    with pytest.raises(StoreError) as refused:
        _parse(json.dumps(record).encode(), Path("here"))
    assert str(refused.value) == "here holds no token record"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_refused(content: bytes) -> None:
    with pytest.raises(StoreError):
        _parse(content, Path("here"))


milliseconds = st.integers(0, 2**53)


@given(
    st.builds(
        TokenRecord,
        *(st.text(), st.text(), milliseconds, milliseconds, st.text()),
        fingerprint=st.none() | st.text(),
        tried_at=st.none() | milliseconds,
    )
)
def test_what_is_written_is_read(record: TokenRecord) -> None:
    assert _parse(record.to_json().encode(), Path("here")) == record


async def test_a_cancellation_does_not_free_the_lock_before_the_write_is_done(
    tmp_path: Path,
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def slow_write() -> None:
        begun.set()
        go_on.wait(10)
        done.append("written")

    async def save() -> None:
        async with FileRefreshTokenStore(tmp_path / "session").lock():
            try:
                await run_to_completion(slow_write)
            finally:
                done.append("left")

    saving = asyncio.ensure_future(save())
    await asyncio.to_thread(begun.wait, 10)
    saving.cancel()
    await asyncio.wait([saving], timeout=0)
    assert done == []
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert done == ["written", "left"]


async def test_a_file_is_written_and_locked_through_symbolic_links(
    tmp_path: Path, clock: FakeClock
) -> None:
    """A link into a volume stays, and whoever uses the file itself shares record and lock."""
    volume = tmp_path / "volume"
    volume.mkdir()
    (tmp_path / "session").symlink_to("between")
    (tmp_path / "between").symlink_to(volume / "session")
    linked = FileRefreshTokenStore(tmp_path / "session", clock=clock, entropy=FakeEntropy())
    direct = FileRefreshTokenStore(volume / "session", clock=clock, entropy=FakeEntropy())
    await linked.save(OLD)
    await linked.save(NEW)
    assert await direct.load() == NEW
    assert (tmp_path / "session").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["between", "session", "volume"]
    async with linked.lock():
        second = asyncio.ensure_future(direct.lock().__aenter__())
        await clock.advance(16)
        with pytest.raises(StoreLocked):
            await second
    await linked.save(None)
    assert await direct.load() is None
    assert (tmp_path / "session").is_symlink()


async def test_a_relative_path_means_what_it_meant_when_it_was_given(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    store = FileRefreshTokenStore("session", clock=clock, entropy=FakeEntropy())
    monkeypatch.chdir(tmp_path / "b")
    async with store.lock():
        await store.save(NEW)
        assert await store.load() == NEW
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["session", "session.lock"]
    assert not list((tmp_path / "b").iterdir())
