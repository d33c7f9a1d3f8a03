"""Requests with an idempotency key, in the transaction that makes what they ask for."""

from typing import Final, TypeVar
from uuid import UUID

from satmint.model.idempotency import KEPT_SECONDS, KeyedRequest
from satmint.store.contract import RequestRepeated
from satmint.store.sql.port import Database, Transaction, Work
from satmint.store.sql.table import Table

T = TypeVar("T")

_REQUESTS: Final = Table("keyed_requests", KeyedRequest)
_KEY: Final = "WHERE project_id = $1 AND key_digest = $2"
_FIND: Final = f"{_REQUESTS.select} {_KEY}"
# Replaces a request whose time is over. Another transaction that has the key is waited for.
_CLAIM: Final = (
    f"{_REQUESTS.insert} ON CONFLICT (project_id, key_digest) DO UPDATE SET"
    " request_digest = excluded.request_digest, master_key = excluded.master_key,"
    " salt = excluded.salt, resource_id = excluded.resource_id, forget_at = excluded.forget_at"
    f" WHERE keyed_requests.forget_at <= excluded.forget_at - {KEPT_SECONDS}"
)
_RELEASE: Final = f"DELETE FROM keyed_requests {_KEY}"


async def claim_key(tx: Transaction, keyed: KeyedRequest) -> None:
    """Store the request, in the transaction that makes its resource.

    Raises:
        RequestRepeated: an earlier one has the key. The transaction must be rolled back.
    """
    if await tx.execute(_CLAIM, *_REQUESTS.values(keyed)):
        return
    (first,) = await tx.fetch(_REQUESTS.build, _FIND, keyed.project, keyed.key_digest)
    raise RequestRepeated(first)


def once(keyed: KeyedRequest | None, work: Work[T]) -> Work[T]:
    """`work`, preceded by the claim of the request's key. None: the request has none.

    If `work` returns False, it made nothing, and the key is free again.
    """
    if keyed is None:
        return work

    async def claimed(tx: Transaction) -> T:
        await claim_key(tx, keyed)
        result = await work(tx)
        if result is False:
            await tx.execute(_RELEASE, keyed.project, keyed.key_digest)
        return result

    return claimed


class SqlKeyedRequests:
    """See `KeyedRequestStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, project: UUID, key_digest: bytes, now: int) -> KeyedRequest | None:
        """See `KeyedRequestStore.find`."""
        query = f"{_FIND} AND forget_at > $3"
        return await self._db.fetch_one(_REQUESTS.build, query, project, key_digest, now)

    async def add(self, keyed: KeyedRequest) -> bool:
        """See `KeyedRequestStore.add`."""
        return bool(await self._db.execute(_CLAIM, *_REQUESTS.values(keyed)))
