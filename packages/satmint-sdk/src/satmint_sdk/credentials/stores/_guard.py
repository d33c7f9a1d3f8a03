"""What an exception of a store means to those who use it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

from satmint_sdk._secrets import one_line
from satmint_sdk.credentials.errors import StoreError, StoreUnavailable

T = TypeVar("T")

_LOG: Final = logging.getLogger("satmint_sdk.credentials.stores")


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Raise unknown exceptions of a store as `StoreUnavailable`.

    A store raises what its database raises, which this package cannot know. All of it is taken as
    passing, except for a `StoreError`, by which a store says that trying again is useless.

    Raises:
        StoreUnavailable: The store raised an exception that is neither a `StoreError` nor an
            `OSError`.
    """
    try:
        yield
    except (StoreError, OSError):
        raise
    except Exception as error:
        detail = one_line(f"{type(error).__name__}: {error}")
        raise StoreUnavailable(f"the refresh token store failed: {detail}") from error


@contextlib.asynccontextmanager
async def guarded(lock: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Enter a store's lock; errors as in `store_errors`, but not for the body's own.

    An unlock that fails is logged and not raised: what was done under the lock is done, and the
    lock ends by itself.
    """
    with store_errors():
        entered = await lock.__aenter__()
    try:
        yield entered
    except BaseException as error:
        await _leave(lock, error)
        raise
    await _leave(lock, None)


async def _leave(lock: AbstractAsyncContextManager[T], error: BaseException | None) -> None:
    try:
        await lock.__aexit__(
            None if error is None else type(error),
            error,
            None if error is None else error.__traceback__,
        )
    except Exception as failed:  # noqa: BLE001 - a store may raise anything
        if failed is not error:
            detail = one_line(f"{type(failed).__name__}: {failed}")
            _LOG.info("a lock was not released, and ends by itself: %s", detail)
