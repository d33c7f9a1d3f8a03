"""The contract of refresh token stores, as a check that people run on their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from satmint_sdk._ambient import SYSTEM_CLOCK, Clock
from satmint_sdk.credentials import ReadableRefreshTokenStore, RefreshTokenStore, TokenRecord

_PATIENCE: Final = 60.0
_FIRST: Final = TokenRecord(
    token="eyJhbGciOiJkaXIifQ..one",  # noqa: S106 - of no service
    refresh_token="eyJhbGciOiJkaXIifQ..two",  # noqa: S106
    issued_at=1_800_000_000_000,
    expiry_at=1_800_007_200_000,
    reference="élodie@example.com 東",
)
_SECOND: Final = replace(
    _FIRST,
    refresh_token="eyJhbGciOiJkaXIifQ..three",  # noqa: S106
    fingerprint="f" * 43,
    tried_at=1_800_000_000_001,
)


async def check_store(
    make_store: Callable[[], RefreshTokenStore], *, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Check that a store keeps the contract of `RefreshTokenStore`.

    Example:
        async def test_my_store() -> None:
            await check_store(lambda: MyStore(url, key="check"))

    Args:
        make_store: Makes one more store on the same, empty, record, as another process would. It is
            called several times. The record is empty again afterwards.
        clock: The source of time, for waits of at most a minute.

    Raises:
        AssertionError: A rule is broken; the text is the rule.
        Exception: Whatever the store raises.
    """
    check = _Check(make_store(), make_store(), clock)
    contenders = [make_store() for _ in range(4)]
    _require(await check.one.load() is None, "an empty store loads None")
    await check.one_of_many_takes_the_lock(contenders)  # of a record that was never written
    await check.record_is_kept()
    await check.one_of_many_takes_the_lock(contenders)
    await check.lock_excludes_others()
    await check.lock_ends_with_an_error_and_with_a_cancellation()
    if isinstance(check.one, ReadableRefreshTokenStore):
        await check.waiting_ends_with_a_usable_record()
    await check.nothing_shows_a_token()
    async with check.one.lock():
        await check.one.save(None)


class _Check:
    def __init__(self, one: RefreshTokenStore, other: RefreshTokenStore, clock: Clock) -> None:
        self.one = one
        self.other = other
        self._clock = clock

    async def record_is_kept(self) -> None:
        for record in (_FIRST, _SECOND, None, _FIRST):
            async with self.one.lock():
                await self.one.save(record)
                _require(await self.one.load() == record, "load returns what was saved, whole")
            async with self.other.lock():
                _require(
                    await self.other.load() == record,
                    "another store on the same record sees what was saved before",
                )
        async with self.other.lock():
            await self.other.save(_SECOND)
        async with self.one.lock():
            _require(
                await self.one.load() == _SECOND,
                "a store sees what another one on the same record has saved since",
            )
            await self.one.save(_FIRST)

    async def one_of_many_takes_the_lock(self, contenders: list[RefreshTokenStore]) -> None:
        holders = most = 0

        async def contend(store: RefreshTokenStore) -> None:
            nonlocal holders, most
            async with store.lock():
                holders += 1
                most = max(most, holders)
                await self._clock.asleep(0.01)
                holders -= 1

        tasks = [asyncio.ensure_future(contend(store)) for store in contenders]
        ended = asyncio.ensure_future(asyncio.wait(tasks))
        await self._wait(ended, "a released lock can be taken within a minute")
        _require(most == 1, "a lock is held by one at a time")
        for task in tasks:
            task.result()

    async def lock_excludes_others(self) -> None:
        held = asyncio.Event()
        async with self.one.lock():
            # Another one, and the same one in another task.
            waiting = [
                asyncio.ensure_future(self._hold(store, held)) for store in (self.other, self.one)
            ]
            for _ in range(20):
                await self._clock.asleep(0.01)
                _require(not held.is_set(), "a lock is held by one at a time")
        for one in waiting:
            await self._wait(one, "a released lock can be taken within a minute")

    async def lock_ends_with_an_error_and_with_a_cancellation(self) -> None:
        try:
            async with self.one.lock():
                raise LookupError("from inside")  # noqa: TRY301 - the lock must let it pass
        except LookupError:
            pass
        else:
            raise AssertionError("an error inside of a lock is not suppressed")
        held = asyncio.Event()
        holder = asyncio.ensure_future(self._hold(self.one, held, forever=True))
        await held.wait()
        holder.cancel()
        await asyncio.wait({holder})
        _require(holder.cancelled(), "a cancellation inside of a lock is not suppressed")
        again = asyncio.ensure_future(self._hold(self.other, asyncio.Event()))
        await self._wait(again, "a lock ends with an error or a cancellation of its holder")

    async def waiting_ends_with_a_usable_record(self) -> None:
        one, other = self.one, self.other
        if not (
            isinstance(one, ReadableRefreshTokenStore)
            and isinstance(other, ReadableRefreshTokenStore)
        ):
            return  # `check_store` has made both in the same way

        async def adopt() -> TokenRecord | None:
            async with other.lock_unless(lambda record: record == _SECOND) as found:
                return found

        async with one.lock():
            adopting = asyncio.ensure_future(adopt())
            await self._clock.asleep(0.02)
            _require(not adopting.done(), "lock_unless waits while no record is usable")
            await one.save(_SECOND)
            await self._wait(adopting, "lock_unless ends when a usable record is saved")
            _require(adopting.result() == _SECOND, "lock_unless yields the usable record")
        async with other.lock_unless(lambda _: False) as found:
            _require(found is None, "lock_unless yields None with the lock")

    async def nothing_shows_a_token(self) -> None:
        for secret in (_FIRST.token, _FIRST.refresh_token, _SECOND.refresh_token):
            _require(secret not in repr(self.one), "the repr of a store shows no token")

    async def _hold(
        self, store: RefreshTokenStore, held: asyncio.Event, *, forever: bool = False
    ) -> None:
        async with store.lock():
            held.set()
            if forever:
                await asyncio.get_running_loop().create_future()

    async def _wait(self, work: asyncio.Future[Any], rule: str) -> None:
        timer = asyncio.ensure_future(self._clock.asleep(_PATIENCE))
        await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        _require(work.done(), rule)
        await work


def _require(holds: bool, rule: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise AssertionError(rule)
