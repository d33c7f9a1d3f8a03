"""The incarnation of a database, and the marks by which a copy is recognised."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from satmint.model.events import Event
from satmint.model.incarnation import Incarnation, LogState, Mark, StoredMark
from satmint.model.records import ApiToken, C2cToken, Project


class IncarnationStore(Protocol):
    """One database's incarnation, the marks of its machines, and the credentials in it."""

    async def location(self) -> str:
        """Where the database is, so that a logical copy differs; "" if nothing tells.

        A physical copy has the same location, and so has a promoted standby.
        """
        ...

    async def changes(self) -> str:
        """A text that differs whenever the database was written since the last call."""
        ...

    async def is_empty(self) -> bool:
        """Whether there is no project."""
        ...

    async def get(self) -> Incarnation | None:
        """The current incarnation; None if none has begun."""
        ...

    async def get_mark(self, mark: UUID) -> StoredMark | None:
        """The database's part of a mark."""
        ...

    async def begin(self, incarnation: Incarnation, mark: Mark) -> Incarnation:
        """Begin the first incarnation with a mark, unless another process has begun it.

        Returns the current incarnation. If it is another one, nothing was written.
        """
        ...

    async def add_mark(self, mark: Mark) -> None:
        """Add the mark of a machine."""
        ...

    async def replace_mark(self, mark: Mark, new: Mark) -> bool:
        """Replace a mark. False: the database does not have it; nothing was changed.

        SQLite's `user_version` becomes `mark.next_user_version`.
        """
        ...

    async def user_version(self) -> int | None:
        """SQLite's `user_version`, as last written; None if the database is another one."""
        ...

    async def checkpoint(self) -> LogState | None:
        """Write SQLite's log to the database file, without waiting for other transactions.

        Returns the state of the log; None if the database is another one.
        """
        ...

    async def relocate(self, location: str) -> None:
        """Continue the incarnation elsewhere."""
        ...

    async def adopt(
        self, incarnation: Incarnation, mark: Mark, now: int, events: Sequence[Event]
    ) -> None:
        """Begin a new incarnation: revoke every session, and delete all marks but `mark`.

        Raising the epoch of every project revokes every session in the database. A token of a
        session that is not in it is refused as unknown. Used proofs are kept. Every API token
        counts as used, so that no repeated request shows its text again.

        Args:
            incarnation: The new incarnation.
            mark: The only machine's mark.
            now: Unix seconds.
            events: Events to record, of each project at least one.
        """
        ...

    async def projects(self) -> Sequence[Project]:
        """All projects, oldest first."""
        ...

    async def api_tokens(self) -> Sequence[ApiToken]:
        """The API tokens of all projects, oldest first."""
        ...

    async def c2c_tokens(self) -> Sequence[C2cToken]:
        """The Click-to-Call tokens of all projects that are not disabled, oldest first."""
        ...
