"""Where a refresh token rests between two refreshes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol, TypeVar, runtime_checkable

from signalwire._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy, fraction
from signalwire._forks import renew_in_children
from signalwire.credentials.errors import StoreLocked

T = TypeVar("T")

LOCK_TIMEOUT: Final = 15.0
_FIRST_LOOK: Final = 0.005
_LONGEST_LOOK: Final = 0.1


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is kept: a refresh token with the access token that came beside it.

    The access token is kept too, so that processes which share a store need one refresh between
    them. The repr shows neither of the two.

    Attributes:
        token: The access token.
        refresh_token: The refresh token.
        issued_at: When the request that brought both began, milliseconds since the epoch.
        expiry_at: End of the access token, milliseconds since the epoch.
        reference: What the subscriber is called by whose tokens these are.
        fingerprint: Thumbprint of the key that both are bound to; `None` where they are not.
        tried_at: When a refresh with this token was first begun, milliseconds since the epoch;
            `None` before. Its answer may have been lost, and the pair may have lived since then.
    """

    token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: int
    expiry_at: int
    reference: str
    fingerprint: str | None = None
    tried_at: int | None = None


class RefreshTokenStore(Protocol):
    """A place for one record, shared by whoever refreshes the same session.

    A provider reads and writes only while it holds the lock, and holds it from the reading to the
    writing, with one request to the server in between: whoever gets the lock next finds the new
    token. A lock must end by itself when the process of its holder dies.
    """

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep everybody else out, other threads and other processes included.

        Raises:
            StoreLocked: Somebody held the lock for too long (15 s is a good measure).
        """
        ...

    async def load(self) -> TokenRecord | None:
        """Read the record; `None` where there is none.

        Raises:
            StoreError: What is there is no record.
            OSError: It could not be read.
        """
        ...

    async def save(self, record: TokenRecord | None) -> None:
        """Replace the record, or remove it. When this returns, it survives a crash.

        It must be done to its end once begun, even if the calling task is cancelled.

        Raises:
            OSError: It could not be done; the old record is still there.
        """
        ...


@runtime_checkable
class OpenRefreshTokenStore(RefreshTokenStore, Protocol):
    """A store whose record can be read while somebody else holds the lock, whole at any moment.

    Without this, a crowd that waits for one refresh would have to pass through the lock one after
    the other when it is done, each only to find that there is nothing left to do. The last of a
    hundred would wait for many seconds, and longer where the others come back meanwhile.
    """

    def lock_unless(
        self, news: Callable[[TokenRecord], bool]
    ) -> AbstractAsyncContextManager[TokenRecord | None]:
        """Keep everybody else out, unless a record turns up that makes it needless.

        Args:
            news: Whether a record is such a one; asked before the lock is tried, and about every
                record that others store while it is waited for.

        Returns:
            In a context: that record, without the lock; or `None`, with the lock.

        Raises:
            StoreLocked: Somebody held the lock for too long.
            StoreError: What is there is no record.
            OSError: It could not be read.
        """
        ...


class MemoryRefreshTokenStore:
    """A store that ends with the process. Empty in a child that is forked off.

    A child that refreshed with its parent's token would be taken for a thief, and both would lose
    their session. To share a session, share a `FileRefreshTokenStore`.
    """

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK, entropy: Entropy = SYSTEM_ENTROPY) -> None:
        self._clock = clock
        self._entropy = entropy
        self._held = threading.Lock()
        self._record: TokenRecord | None = None
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Forget what is the parent's."""
        self._held = threading.Lock()
        self._record = None

    @contextlib.asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Keep other tasks and threads out; `StoreLocked` after 15 s."""
        async with self.lock_unless(_never):
            yield

    @contextlib.asynccontextmanager
    async def lock_unless(
        self, news: Callable[[TokenRecord], bool]
    ) -> AsyncIterator[TokenRecord | None]:
        """Keep other tasks and threads out, unless a record turns up that makes it needless."""
        held, found = self._held, None

        async def is_needless() -> bool:
            nonlocal found
            record = self._record
            found = record if record is not None and news(record) else None
            return found is not None

        await until(lambda: held.acquire(blocking=False), is_needless, self._clock, self._entropy)
        try:
            yield found
        finally:
            if found is None:
                held.release()

    async def load(self) -> TokenRecord | None:
        """Read the record."""
        return self._record

    async def save(self, record: TokenRecord | None) -> None:
        """Replace the record, or remove it."""
        self._record = record

    def __repr__(self) -> str:
        return "<MemoryRefreshTokenStore>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a refresh token must not be copied: it can be used once")


def _never(_: TokenRecord) -> bool:
    return False


async def until(
    acquire: Callable[[], bool],
    is_needless: Callable[[], Awaitable[bool]],
    clock: Clock,
    entropy: Entropy,
    timeout: float = LOCK_TIMEOUT,  # noqa: ASYNC109 - by the injected clock
) -> float:
    """Try to get a lock until it is had, or needless, with growing pauses.

    Looking again and again is the only way to wait that works across threads, event loops and
    processes at once without blocking the loop. It is not fair: who waits longest is not first.

    Returns:
        Seconds that it took.

    Raises:
        StoreLocked: It was not had within `timeout` seconds.
    """
    began = clock.now().mono
    look = _FIRST_LOOK
    while not (await is_needless() or acquire()):
        waited = clock.now().mono - began
        if waited >= timeout:
            raise StoreLocked(f"the lock of the store was not free within {timeout:g} s")
        await clock.asleep(look * (0.5 + fraction(entropy) / 2))
        look = min(look * 2, _LONGEST_LOOK)
    return clock.now().mono - began


async def to_the_end(work: Callable[[], T]) -> T:
    """Do blocking work in a thread, and wait for its end even when cancelled.

    A thread cannot be stopped. Leaving before it is done would free a lock that it still needs.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not thread.done():
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError as wish:
            cancelled = wish
    if cancelled is not None:
        thread.exception()  # seen, so that nobody complains about it later
        raise cancelled
    return thread.result()
