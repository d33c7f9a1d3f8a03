"""Rows by their keys: one statement for all that are looked for at the same time."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from satmint.store.postgres.at_work import AtWork
from satmint.store.postgres.batches import Batches
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.listing import Row

T = TypeVar("T")

WANTED = "unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS wanted (project_id, id, n)"
"""What a query of `Looks` joins: one row for each key, numbered from one."""


class Looks(Generic[T]):
    """Looks for the few rows that belong to a project and an id."""

    def __init__(self, connections: Connections, query: str, build: Callable[[Row], T]) -> None:
        """Prepare to look.

        Args:
            connections: To the database.
            query: Of `WANTED`, its `n` among the columns.
            build: Makes a row into a value.
        """
        self._query = query
        self._build = build
        self._batches = Batches(connections, self._look)
        self._at_work = AtWork()

    async def all(self, project: UUID, id_: UUID) -> Sequence[T]:
        """The rows of this key, in the query's order, as they are after this was called.

        Raises:
            StoreUnavailable: nobody could tell.
        """
        with self._at_work:
            return await self._batches.submit((project, id_))

    async def one(self, project: UUID, id_: UUID) -> T | None:
        """As `all`, where there is one row at the most; None: there is none."""
        found = await self.all(project, id_)
        return found[0] if found else None

    async def close(self) -> None:
        """Finish what was begun, and take no more."""
        await self._at_work.over()
        await self._batches.drained()

    async def _look(self, db: Connection, keys: Sequence[tuple[UUID, UUID]]) -> list[list[T]]:
        found: list[list[T]] = [[] for _ in keys]
        projects, ids = [project for project, _ in keys], [id_ for _, id_ in keys]
        for row in await db.fetch(self._query, projects, ids):
            found[row["n"] - 1].append(self._build(row))
        return found
