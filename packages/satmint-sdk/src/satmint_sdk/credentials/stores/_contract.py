"""The contract of refresh token stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from types import NoneType
from typing import Any, Final, Protocol, Self, runtime_checkable

from satmint_sdk.credentials.errors import StoreError

MAX_LOCK_SECONDS: Final = 30.0
"""The longest time that a provider waits for and holds a lock. A lease must be longer."""

_FORMAT: Final = 1
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "token": (str,),
    "refresh_token": (str,),
    "issued_at": (int,),
    "expiry_at": (int,),
    "reference": (str,),
    "fingerprint": (str, NoneType),
    "tried_at": (int, NoneType),
}


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """The stored record: a refresh token and the access token of its pair.

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

    def to_json(self) -> str:
        """Write the record as JSON, with both tokens: it must be stored as a secret."""
        return json.dumps({"format": _FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` has written.

        Raises:
            StoreError: It is not a record, in whole or in part. The text shows nothing of it.
        """
        members = _members_of(text)
        del text  # reporters of errors show the variables of this frame
        if members is None:
            raise StoreError("the content is not a token record")
        return cls(**members)


def _members_of(text: str | bytes) -> dict[str, Any] | None:
    """Read a record's members; `None` if it is none. An error of the parser would hold the text."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(found, dict) or found.pop("format", None) != _FORMAT:
        return None
    # `type` and not `isinstance`: a boolean is not a number of milliseconds.
    if found.keys() != _TYPES.keys() or any(
        type(value) not in _TYPES[name] for name, value in found.items()
    ):
        return None
    return found


class RefreshTokenStore(Protocol):
    """Storage for one record, shared by all processes that refresh the same session.

    A provider reads and writes only while it holds the lock, and holds it from the read to the
    write, with one request to the server in between: the next holder finds the new token. A lock
    must end by itself when its holder's process dies; a lease must last longer than
    `MAX_LOCK_SECONDS`.

    Every exception of a store is taken as passing, and the operation is tried again, except for a
    `StoreError` that is neither `StoreLocked` nor `StoreUnavailable`.
    """

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Take the exclusive lock, against other threads and processes.

        Raises:
            StoreLocked: The lock was not free in time (15 s is a good limit).
            Exception: The lock cannot be taken now.
        """
        ...

    async def load(self) -> TokenRecord | None:
        """Read the record; `None` if there is none.

        Raises:
            StoreError: The content is not a record.
            OSError: It cannot be read.
        """
        ...

    async def save(self, record: TokenRecord | None) -> None:
        """Replace or delete the record durably.

        Once begun, it must run to its end, even if the calling task is cancelled.

        Raises:
            OSError: It failed; the old record is unchanged.
        """
        ...


@runtime_checkable
class ReadableRefreshTokenStore(RefreshTokenStore, Protocol):
    """A store whose record can be read consistently without the lock.

    Without this, all callers that wait for one refresh would have to take the lock one after the
    other, only to find that nothing is left to do. The last of a hundred would wait for many
    seconds.
    """

    def lock_unless(
        self, is_usable: Callable[[TokenRecord], bool]
    ) -> AbstractAsyncContextManager[TokenRecord | None]:
        """Take the lock, unless a usable record appears first.

        Args:
            is_usable: Whether a record makes the lock unnecessary; called before the lock is tried,
                and for every record that others store during the wait.

        Returns:
            In a context: the usable record, without the lock; or `None`, with the lock.

        Raises:
            StoreLocked: The lock was not free in time.
            StoreError: The content is not a record.
            OSError: It cannot be read.
        """
        ...
