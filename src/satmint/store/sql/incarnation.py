"""The incarnation of a database, and the marks by which a copy is recognised."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.model.events import Event
from satmint.model.incarnation import Incarnation, LogState, Mark, StoredMark
from satmint.model.records import ApiToken, C2cToken, Project
from satmint.store.sql.port import Database, Row, Transaction, read_uuid
from satmint.store.sql.table import Table

_PROJECTS: Final = Table("projects", Project, id="project_id")
_API_TOKENS: Final = Table("api_tokens", ApiToken, id="token_id")
_C2C_TOKENS: Final = Table("c2c_tokens", C2cToken, id="token_id")

_GET: Final = "SELECT incarnation_id, number, began_at, location FROM incarnation"
_BEGIN: Final = (
    "INSERT INTO incarnation (singleton, incarnation_id, number, began_at, location)"
    " VALUES (1, $1, $2, $3, $4) ON CONFLICT (singleton) DO NOTHING"
)
_ADD_MARK: Final = (
    "INSERT INTO marks (mark_id, digest, previous, replaced_at) VALUES ($1, $2, $2, $3)"
)
# Also if the previous replacement is in the database and was lost on its way to the file.
REPLACE_MARK: Final = (
    "UPDATE marks SET digest = $3, previous = $2, replaced_at = $4"
    " WHERE mark_id = $1 AND (digest = $2 OR previous = $2)"
)
# Every project in one statement: its lock on a row makes running decisions end first, and later
# ones read the new epoch.
_REVOKE_ALL: Final = "UPDATE projects SET epoch = epoch + 1, revoked_at = $1"


class SqlIncarnation:
    """See `IncarnationStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def location(self) -> str:
        """See `IncarnationStore.location`."""
        return await self._db.fetch_one(_text, self._db.dialect.location) or ""

    async def changes(self) -> str:
        """See `IncarnationStore.changes`."""
        return await self._db.fetch_one(_text, self._db.dialect.changes) or ""

    async def is_empty(self) -> bool:
        """See `IncarnationStore.is_empty`."""
        return await self._db.fetch_one(tuple, "SELECT 1 FROM projects LIMIT 1") is None

    async def get(self) -> Incarnation | None:
        """See `IncarnationStore.get`."""
        return await self._db.fetch_one(_incarnation, _GET)

    async def get_mark(self, mark: UUID) -> StoredMark | None:
        """See `IncarnationStore.get_mark`."""
        query = "SELECT digest, previous FROM marks WHERE mark_id = $1"
        return await self._db.fetch_one(_stored_mark, query, mark)

    async def begin(self, incarnation: Incarnation, mark: Mark) -> Incarnation:
        """See `IncarnationStore.begin`."""

        async def work(tx: Transaction) -> None:
            if await tx.execute(_BEGIN, *_values(incarnation)):
                await tx.execute(_ADD_MARK, mark.id, mark.digest, mark.replaced_at)

        await self._db.transaction(work)
        current = await self.get()
        if current is None:
            raise LookupError("the database lost its incarnation")
        return current

    async def add_mark(self, mark: Mark) -> None:
        """See `IncarnationStore.add_mark`."""
        await self._db.execute(_ADD_MARK, mark.id, mark.digest, mark.replaced_at)

    async def replace_mark(self, mark: Mark, new: Mark) -> bool:
        """See `IncarnationStore.replace_mark`."""
        values = mark.id, mark.digest, new.digest, new.replaced_at
        return await self._db.execute(REPLACE_MARK, *values) == 1

    async def user_version(self) -> int | None:
        """See `IncarnationStore.user_version`."""
        return None

    async def checkpoint(self) -> LogState | None:
        """See `IncarnationStore.checkpoint`."""
        return None

    async def relocate(self, location: str) -> None:
        """See `IncarnationStore.relocate`."""
        await self._db.execute("UPDATE incarnation SET location = $1", location)

    async def adopt(
        self, incarnation: Incarnation, mark: Mark, now: int, events: Sequence[Event]
    ) -> None:
        """See `IncarnationStore.adopt`."""

        async def work(tx: Transaction) -> None:
            await tx.execute(_REVOKE_ALL, now)
            await tx.execute("DELETE FROM incarnation")
            await tx.execute(_BEGIN, *_values(incarnation))
            # After that: their positions are of the new incarnation.
            for event in events:
                await tx.record(event)
            await tx.execute("DELETE FROM marks")
            await tx.execute(_ADD_MARK, mark.id, mark.digest, mark.replaced_at)
            # Connections of other servers, at another time.
            await tx.execute("DELETE FROM presence")
            # They may have been used since the copy was made.
            await tx.execute("UPDATE api_tokens SET unused = FALSE WHERE unused")
            await tx.execute("UPDATE webhooks SET secret_used = TRUE WHERE NOT secret_used")

        await self._db.transaction(work, slow=True, read_committed=True)

    async def projects(self) -> Sequence[Project]:
        """See `IncarnationStore.projects`."""
        query = f"{_PROJECTS.select} ORDER BY created_at, project_id"
        return await self._db.fetch_list(_PROJECTS.build, query)

    async def api_tokens(self) -> Sequence[ApiToken]:
        """See `IncarnationStore.api_tokens`."""
        query = f"{_API_TOKENS.select} ORDER BY created_at, token_id"
        return await self._db.fetch_list(_API_TOKENS.build, query)

    async def c2c_tokens(self) -> Sequence[C2cToken]:
        """See `IncarnationStore.c2c_tokens`."""
        query = f"{_C2C_TOKENS.select} WHERE disabled_at IS NULL ORDER BY created_at, token_id"
        return await self._db.fetch_list(_C2C_TOKENS.build, query)


def _values(incarnation: Incarnation) -> tuple[object, ...]:
    return incarnation.id, incarnation.number, incarnation.began_at, incarnation.location


def _incarnation(row: Row) -> Incarnation:
    return Incarnation(
        read_uuid(row["incarnation_id"]), row["number"], row["began_at"], row["location"]
    )


def _stored_mark(row: Row) -> StoredMark:
    return StoredMark(bytes(row["digest"]), bytes(row["previous"]))


def _text(row: Row) -> str:
    return str(row[0])
