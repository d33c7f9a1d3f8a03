"""What the page of keys needs of the keyring. The keyring's file is not this room's business."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from satmint.model.events import Origin


class KeyringChangeFailed(Exception):
    """The keyring was not changed. The message says why, for the operator."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A master key, without its secret."""

    id: str
    state: str
    """`next`, `active` or `retired`."""
    created_at: int | None
    """Unix seconds; None: unknown."""
    retired_at: int | None
    """Unix seconds at which another key became active instead."""


@dataclass(frozen=True, slots=True)
class KeyTokens:
    """The tokens that a key has encrypted and that may not have expired."""

    until: int
    """Unix seconds at which the last one expires; 0: all have expired."""
    sessions: int
    """Sessions that may have such a token."""


class KeyringOperations(Protocol):
    """Reads and changes the keyring."""

    @property
    def place(self) -> str:
        """Where the keyring is, for people."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether it is a file, and not a variable."""
        ...

    @property
    def uses(self) -> int:
        """Tokens that this process has encrypted with the current working key."""
        ...

    async def entries(self) -> Sequence[KeyEntry]:
        """The keys, newest first.

        Raises:
            KeyringChangeFailed: there is no usable keyring.
        """
        ...

    async def tokens_of(self, key: KeyEntry) -> KeyTokens | None:
        """What a key still decrypts. None: counting takes longer than a page may."""
        ...

    async def prepare(self) -> str:
        """Prepare a key; returns its id.

        Raises:
            KeyringChangeFailed: see there; also for the following.
        """
        ...

    async def rotate(self, origin: Origin) -> str:
        """Activate the prepared key, or a new one, and record it; returns its id."""
        ...

    async def retire(self, key: str, origin: Origin) -> None:
        """Remove an inactive key, and record it."""
        ...
