"""A refresh token store on any mapping with compare-and-set: Redis, SQL, a key-value service."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk.credentials.errors import StoreError, StoreUnavailable
from satmint_sdk.credentials.stores._contract import MAX_LOCK_SECONDS, TokenRecord
from satmint_sdk.credentials.stores._locking import acquire_lock

LEASE_SECONDS: Final = MAX_LOCK_SECONDS + 15.0
"""Seconds after which a lock ends by itself: the holder's process has died."""

_ATTEMPTS: Final = 8


class CompareAndSetMapping(Protocol):
    """A mapping from texts to texts in a database that processes share.

    Both methods may raise any exception, and are tried again then.
    """

    async def get(self, key: str) -> str | None:
        """The value of a key, as last set; `None` if it has none."""
        ...

    async def compare_and_set(self, key: str, expected: str | None, value: str) -> bool:
        """Set a value if the present one is `expected` (`None`: if there is none), atomically.

        The value must be durable when this returns.

        Returns:
            Whether it was set.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is stored: a record, and who holds the lock until when (milliseconds)."""

    record: TokenRecord | None
    owner: str | None
    until: int

    def to_json(self) -> str:
        record = None if self.record is None else self.record.to_json()
        return json.dumps({"record": record, "owner": self.owner, "until": self.until})


_EMPTY: Final = _Entry(None, None, 0)


class CompareAndSetRefreshTokenStore:
    """A store that processes on any number of machines share.

    The lock is a lease of 45 s in the value itself, so that it ends when its holder's process dies.
    The machines' clocks must agree to within 10 s.

    Args:
        mapping: The database.
        key: The record's key: one for each subscriber.
        clock: The source of time.
        entropy: For the names of holders, and jitter.
    """

    def __init__(
        self,
        mapping: CompareAndSetMapping,
        key: str,
        *,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self._mapping = mapping
        self._key = key
        self._clock = clock
        self._entropy = entropy
        self._owner: str | None = None

    @contextlib.asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Take the lock; see `RefreshTokenStore.lock`."""
        async with self.lock_unless(lambda _: False):
            yield

    @contextlib.asynccontextmanager
    async def lock_unless(
        self, is_usable: Callable[[TokenRecord], bool]
    ) -> AsyncIterator[TokenRecord | None]:
        """Take the lock, unless a usable record appears first.

        Raises:
            StoreLocked: The lock was not free within 15 s.
            StoreError: The content is not a record.
        """
        owner = self._entropy.take(16).hex()
        found: TokenRecord | None = None

        async def found_or_locked() -> bool:
            nonlocal found
            text, entry = await self._read()
            if entry.record is not None and is_usable(entry.record):
                found = entry.record
                return True
            now = self._clock.now().wall * 1000
            if entry.owner is not None and now < entry.until:
                return False
            held = _Entry(entry.record, owner, int(now + LEASE_SECONDS * 1000))
            return await self._mapping.compare_and_set(self._key, text, held.to_json())

        await acquire_lock(lambda: False, found_or_locked, self._clock, self._entropy)
        if found is not None:
            yield found
            return
        self._owner = owner
        try:
            yield None
        finally:
            await self._replace(owner, lambda entry: _Entry(entry.record, None, 0), late=True)

    async def load(self) -> TokenRecord | None:
        """Read the record.

        Raises:
            StoreError: The content is not a record.
        """
        return (await self._read())[1].record

    async def save(self, record: TokenRecord | None) -> None:
        """Replace or delete the record, while holding the lock.

        Raises:
            StoreUnavailable: The lock has passed to another holder.
        """
        owner = self._owner
        await self._replace(owner, lambda entry: _Entry(record, entry.owner, entry.until))

    async def _read(self) -> tuple[str | None, _Entry]:
        text = await self._mapping.get(self._key)
        if text is None:
            return None, _EMPTY
        try:
            found = json.loads(text)
            owner, until, record = found["owner"], found["until"], found["record"]
        except (ValueError, KeyError, TypeError, RecursionError) as broken:
            raise StoreError(f"{self._key} holds no token record") from broken
        if not isinstance(owner, str | None) or type(until) is not int:
            raise StoreError(f"{self._key} holds no token record")
        return text, _Entry(None if record is None else TokenRecord.from_json(record), owner, until)

    async def _replace(
        self, owner: str | None, change: Callable[[_Entry], _Entry], *, late: bool = False
    ) -> None:
        """Change the value while `owner` holds the lock; `late` accepts that it does not."""
        for _ in range(_ATTEMPTS):
            text, entry = await self._read()
            if entry.owner is not None and entry.owner != owner:
                if late:
                    return
                break
            if await self._mapping.compare_and_set(self._key, text, change(entry).to_json()):
                return
        raise StoreUnavailable("the lock of the store has passed to another holder")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._key}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a store holds a connection: make one where it is needed")
