"""The ids of the master keys that a database knows."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from satmint.store.sql.port import RECORDING_KEYS, Database, Row, Transaction

_OF_NO_PROJECT: Final = UUID(int=0)
_INSERT: Final = (
    "INSERT INTO known_keys (key_id, recorded_at) VALUES ($1, $2) ON CONFLICT (key_id) DO NOTHING"
)


async def find_known_keys(tx: Transaction) -> frozenset[str]:
    """See `KnownKeyStore.ids`."""
    return frozenset(await tx.fetch(_key_id, "SELECT key_id FROM known_keys"))


class SqlKnownKeys:
    """See `KnownKeyStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ids(self) -> frozenset[str]:
        """See `KnownKeyStore.ids`."""
        return await self._db.read(find_known_keys)

    async def record(self, keys: Collection[str], now: int) -> bool:
        """See `KnownKeyStore.record`. Writes only if there is something to record."""

        async def work(tx: Transaction) -> bool:
            # Of two servers that are the first ones at the same time, one is the second.
            await tx.lock(RECORDING_KEYS, _OF_NO_PROJECT)
            known = await find_known_keys(tx)
            if known and known.isdisjoint(keys):
                return False
            await tx.execute_many(_INSERT, [(key, now) for key in keys])
            return True

        known = await self.ids()
        if known.issuperset(keys):
            return True
        if known and known.isdisjoint(keys):
            return False
        return await self._db.transaction(work, read_committed=True)

    async def replace(self, keys: Collection[str], now: int) -> None:
        """See `KnownKeyStore.replace`."""

        async def work(tx: Transaction) -> None:
            await tx.lock(RECORDING_KEYS, _OF_NO_PROJECT)
            await tx.execute("DELETE FROM known_keys")
            await tx.execute_many(_INSERT, [(key, now) for key in keys])

        await self._db.transaction(work, read_committed=True)


def _key_id(row: Row) -> str:
    return str(row["key_id"])
