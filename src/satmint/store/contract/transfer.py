"""Records of a project as they are exported and imported, with their ids."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from satmint.model.events import Event
from satmint.model.project_export import RecordLine


class ImportOutcome(StrEnum):
    """What became of a record."""

    ADDED = "added"
    UNCHANGED = "unchanged"
    """It was there already, equal in everything."""
    DIFFERENT = "different"
    """Another version of it is there, which was kept."""
    TAKEN = "taken"
    """Another record has its name, its reference, its e-mail address or its token."""
    INCOMPLETE = "incomplete"
    """It belongs to an address or a subscriber that is not there."""


class TransferStore(Protocol):
    """Reads and adds whole records of a project."""

    async def read(
        self, project: UUID, kind: type[RecordLine], after: UUID | None, limit: int
    ) -> Sequence[RecordLine]:
        """Records of a kind in the order of their ids, after one of them."""
        ...

    async def add(
        self, project: UUID, records: Sequence[tuple[RecordLine, Event | None]]
    ) -> Sequence[ImportOutcome]:
        """Add records that are not there, in one step; never changes one that is.

        Args:
            project: The project, which must exist.
            records: Each with the event that is recorded if it is added.
        """
        ...
