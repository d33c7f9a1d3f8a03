"""Rows by their keys: one statement for all that are looked for at the same time."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from satmint.store.postgres.at_work import AtWork
from satmint.store.postgres.batches import Batches
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.listing import Row

T = TypeVar("T")

BY_ID = "unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS wanted (project_id, id, n)"
"""What a query of `Looks` joins whose keys are a project and an id in it."""


class Looks(Generic[T]):
    """Looks for the few rows that belong to a key."""

    def __init__(self, connections: Connections, query: str, build: Callable[[Row], T]) -> None:
        """Prepare to look.

        Args:
            connections: To the database.
            query: Its arguments are an array for each part of the keys, to be joined as `BY_ID`
                is: a row for each key, numbered from one. That `n` is among the columns.
            build: Makes a row into a value.
        """
        self._query = query
        self._build = build
        self._batches = Batches(connections, self._look)
        self._at_work = AtWork()

    async def all(self, *key: UUID | bytes) -> Sequence[T]:
        """The rows of this key, in the query's order, as they are after this was called.

        Raises:
            StoreUnavailable: nobody could tell.
        """
        with self._at_work:
            return await self._batches.submit(key)

    async def one(self, *key: UUID | bytes) -> T | None:
        """As `all`, where there is one row at the most; None: there is none."""
        found = await self.all(*key)
        return found[0] if found else None

    async def close(self) -> None:
        """Finish what was begun, and take no more."""
        await self._at_work.over()
        await self._batches.drained()

    async def _look(
        self, db: Connection, keys: Sequence[tuple[UUID | bytes, ...]]
    ) -> list[list[T]]:
        found: list[list[T]] = [[] for _ in keys]
        for row in await db.fetch(self._query, *zip(*keys, strict=True)):
            found[row["n"] - 1].append(self._build(row))
        return found
