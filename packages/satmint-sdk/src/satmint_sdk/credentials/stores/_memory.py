"""A refresh token store in memory, for one process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._forks import renew_in_children
from satmint_sdk.credentials.stores._contract import TokenRecord
from satmint_sdk.credentials.stores._locking import acquire_lock


class MemoryRefreshTokenStore:
    """A store in memory; empty in a forked child.

    If a child refreshed with its parent's token, the server would detect reuse and revoke the
    session. To share a session, share a `FileRefreshTokenStore`.
    """

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK, entropy: Entropy = SYSTEM_ENTROPY) -> None:
        self._clock = clock
        self._entropy = entropy
        self._held = threading.Lock()
        self._record: TokenRecord | None = None
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Discard the parent's record."""
        self._held = threading.Lock()
        self._record = None

    @contextlib.asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Take the lock, against other tasks and threads; `StoreLocked` after 15 s."""
        async with self.lock_unless(_never):
            yield

    @contextlib.asynccontextmanager
    async def lock_unless(
        self, is_usable: Callable[[TokenRecord], bool]
    ) -> AsyncIterator[TokenRecord | None]:
        """Take the lock, unless a usable record appears first."""
        held, found = self._held, None

        async def is_needless() -> bool:
            nonlocal found
            record = self._record
            found = record if record is not None and is_usable(record) else None
            return found is not None

        await acquire_lock(
            lambda: held.acquire(blocking=False), is_needless, self._clock, self._entropy
        )
        try:
            yield found
        finally:
            if found is None:
                held.release()

    async def load(self) -> TokenRecord | None:
        """Read the record."""
        return self._record

    async def save(self, record: TokenRecord | None) -> None:
        """Replace or delete the record."""
        self._record = record

    def __repr__(self) -> str:
        return "<MemoryRefreshTokenStore>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a refresh token must not be copied: it can be used once")


def _never(_: TokenRecord) -> bool:
    return False
