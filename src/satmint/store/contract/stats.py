"""The store's contract for statistics."""

from typing import Protocol
from uuid import UUID

from satmint.model.stats import ProjectStats


class StatsStore(Protocol):
    """Counts the records of a project."""

    async def of_project(self, project: UUID, now: int) -> ProjectStats:
        """The numbers of a project's records.

        Reads a bounded number of rows, whatever the size of the project. It is no snapshot: each
        number is of its own moment.

        Args:
            project: The project.
            now: Unix seconds.
        """
        ...
