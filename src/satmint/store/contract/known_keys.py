"""The master keys that a database knows by their ids, so that a wrong keyring is noticed."""

from collections.abc import Collection
from typing import Protocol


class KnownKeyStore(Protocol):
    """Ids of the master keys that servers of this database have used. They are public."""

    async def ids(self) -> frozenset[str]:
        """All of them; empty if no server has recorded its keyring yet."""
        ...

    async def record(self, keys: Collection[str], now: int) -> bool:
        """Record the keys of a keyring, if the database knows one of them or none at all.

        Args:
            keys: The ids of all keys of the keyring.
            now: Unix seconds.

        Returns:
            False: the database knows other keys only; nothing was written.
        """
        ...

    async def replace(self, keys: Collection[str], now: int) -> None:
        """Know the keys of this keyring only.

        Args:
            keys: The ids of all keys of the keyring.
            now: Unix seconds.
        """
        ...
