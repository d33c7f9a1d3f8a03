"""A refresh token store on any mapping with compare-and-set: Redis, SQL, a key-value service."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final, NoReturn, Protocol

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk.credentials.errors import StoreError, StoreUnavailable
from satmint_sdk.credentials.stores._contract import MAX_LOCK_SECONDS, TokenRecord
from satmint_sdk.credentials.stores._locking import acquire_lock

LEASE_SECONDS: Final = MAX_LOCK_SECONDS + 15.0
"""Seconds after which a lock ends by itself: the holder's process has died."""

_ATTEMPTS: Final = 8
_UNLOCK_ATTEMPTS: Final = 3

_holders: Final[ContextVar[Mapping[int, str]]] = ContextVar("_holders")
"""Under which name the running task holds the lock of a store, by the store's `id`.

Not a member of the store: a task whose lease has ended must not write as the next holder.
"""


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
        may_hold = False

        async def found_or_locked() -> bool:
            nonlocal found, may_hold
            text, entry = await self._read()
            if entry.record is not None and is_usable(entry.record):
                found = entry.record
                return True
            now = self._clock.now().wall * 1000
            if entry.owner is not None and now < entry.until:
                return False
            held = _Entry(entry.record, owner, int(now + LEASE_SECONDS * 1000))
            may_hold = True
            return await self._mapping.compare_and_set(self._key, text, held.to_json())

        try:
            await acquire_lock(lambda: False, found_or_locked, self._clock, self._entropy)
        except BaseException:
            if may_hold:  # the answer was lost, or came after a cancellation
                with contextlib.suppress(Exception):
                    await self._unlock(owner)
            raise
        if found is not None:
            yield found
            return
        others = _holders.get({})
        _holders.set({**others, id(self): owner})
        try:
            yield None
        finally:
            _holders.set(others)
            await self._unlock(owner)

    async def load(self) -> TokenRecord | None:
        """Read the record.

        Raises:
            StoreError: The content is not a record.
        """
        return (await self._read())[1].record

    async def save(self, record: TokenRecord | None) -> None:
        """Replace or delete the record, while holding the lock.

        Raises:
            StoreUnavailable: The lock has passed to another holder, who may have released it.
        """
        owner = _holders.get({}).get(id(self))
        if not await self._replace(owner, lambda entry: replace(entry, record=record)):
            raise StoreUnavailable("the lock of the store has passed to another holder")

    async def _unlock(self, owner: str) -> None:
        """End the lock if `owner` holds it. Errors of the mapping after some attempts."""
        for attempt in range(_UNLOCK_ATTEMPTS):
            try:
                await self._replace(owner, lambda entry: _Entry(entry.record, None, 0))
            except Exception:
                if attempt == _UNLOCK_ATTEMPTS - 1:
                    raise
            else:
                return

    async def _read(self) -> tuple[str | None, _Entry]:
        text = await self._mapping.get(self._key)
        if text is None:
            return None, _EMPTY
        entry = _parsed(text)
        if entry is None:
            del text  # reporters of errors show the variables of this frame
            raise StoreError(f"{self._key} holds no token record")
        return text, entry

    async def _replace(self, owner: str | None, change: Callable[[_Entry], _Entry]) -> bool:
        """Change the value while `owner` holds the lock; `None`: while nobody does.

        Returns:
            Whether it was changed.
        """
        for _ in range(_ATTEMPTS):
            text, entry = await self._read()
            if entry.owner != owner:
                return False
            if await self._mapping.compare_and_set(self._key, text, change(entry).to_json()):
                return True
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._key}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a store holds a connection: make one where it is needed")


def _parsed(text: str) -> _Entry | None:
    """Read a value; `None` if it is not one. An error would hold the text, and so its tokens."""
    try:
        found = json.loads(text)
        owner, until, record = found["owner"], found["until"], found["record"]
        if not isinstance(owner, str | None) or type(until) is not int:
            return None
        return _Entry(None if record is None else TokenRecord.from_json(record), owner, until)
    except (ValueError, KeyError, TypeError, RecursionError, StoreError):
        return None
