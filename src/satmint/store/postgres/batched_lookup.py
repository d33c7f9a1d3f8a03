"""Rows by key: one statement for all concurrent lookups."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from satmint.store.postgres.batches import Batches
from satmint.store.postgres.batches_by_shard import BatchesByShard
from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.connection_pool import ConnectionPool
from satmint.store.postgres.in_flight import InFlight
from satmint.store.postgres.routing import Statement
from satmint.store.sql.port import Row

T = TypeVar("T")
Key = tuple[UUID | bytes, ...]

BY_ID = "unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS requested (project_id, id, n)"
"""The join term of a `BatchedLookup` query whose key is a project and an id in it."""


class BatchedLookup(Generic[T]):
    """Finds the few rows that belong to a key."""

    def __init__(
        self,
        connections: ConnectionPool,
        query: Statement,
        build: Callable[[Row], T],
        project_of: Callable[[Key], UUID] | None,
    ) -> None:
        """Prepare the lookup.

        Args:
            connections: The pool.
            query: A statement whose arguments are one array for each key column, joined as in
                `BY_ID`: a row for each key, numbered from one. The number `n` is one of its
                columns.
            build: Builds a value from a row.
            project_of: The project in a key; None if it has none.
        """
        self._query = query
        self._build = build
        self._batches: Batches[Key, list[T]] | BatchesByShard[Key, list[T]]
        if project_of is None:
            self._batches = Batches(connections, self._fetch)
        else:
            self._batches = BatchesByShard(connections, self._fetch, project_of=project_of)
        self._in_flight = InFlight()

    async def all(self, *key: UUID | bytes) -> Sequence[T]:
        """The rows of this key, in the query's order, at least as recent as this call.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        with self._in_flight:
            return await self._batches.submit(key)

    async def one(self, *key: UUID | bytes) -> T | None:
        """The only row of this key, or None; see `all`."""
        found = await self.all(*key)
        return found[0] if found else None

    async def close(self) -> None:
        """Finish running lookups and accept no more."""
        await self._in_flight.close()
        await self._batches.drained()

    async def _fetch(self, db: Connection, keys: Sequence[Key]) -> list[list[T]]:
        found: list[list[T]] = [[] for _ in keys]
        for row in await db.fetch(self._query.form_for(db), *zip(*keys, strict=True)):
            found[row["n"] - 1].append(self._build(row))
        return found
