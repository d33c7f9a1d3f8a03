"""Which shard has the rows of a project, where tables are distributed."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.store.postgres.connecting import Connection

_SHARDS: Final = """
SELECT project_id, get_shard_id_for_distribution_column('sessions', project_id) AS shard
  FROM unnest($1::uuid[]) AS requested (project_id)
"""
_MAX_KNOWN: Final = 65_536


class Shards:
    """What the coordinator has said of projects. It changes only when a shard is split."""

    def __init__(self) -> None:
        self._known: dict[UUID, int] = {}

    def known(self, project: UUID) -> int | None:
        """The shard of a project; None: nobody has asked yet."""
        return self._known.get(project)

    async def ask(self, db: Connection, projects: Sequence[UUID]) -> Sequence[int | None]:
        """The shard of each project, whether the project exists or not, from the coordinator.

        Returns:
            None for each where tables are not distributed.
        """
        if not db.is_distributed:
            return [None] * len(projects)
        found: dict[UUID, int] = dict(await db.fetch(_SHARDS, list(set(projects))))
        if len(self._known) + len(found) > _MAX_KNOWN:
            self.forget()
        self._known.update(found)
        return [found[project] for project in projects]

    def forget(self) -> None:
        """Forget all: a statement was not of one shard."""
        self._known.clear()
