"""Which shard has the rows of a project, where tables are distributed."""

from collections.abc import Collection, Mapping
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

    def unknown(self, projects: Collection[UUID]) -> list[UUID]:
        """Those whose shard is not known yet."""
        return [project for project in projects if project not in self._known]

    async def learn(self, db: Connection, projects: Collection[UUID]) -> None:
        """Ask for the shards of projects, whether they exist or not."""
        if len(self._known) > _MAX_KNOWN:
            self.forget()
        self._known.update(await db.fetch(_SHARDS, projects))

    def forget(self) -> None:
        """Forget all: a statement was not of one shard."""
        self._known.clear()

    def of(self, projects: Collection[UUID]) -> Mapping[UUID, int | None]:
        """The shards; None: it was forgotten meanwhile."""
        return {project: self._known.get(project) for project in projects}
