"""Projects, API tokens and Click-to-Call tokens in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, C2cToken, Project
from satmint.store.sqlite.events import record
from satmint.store.sqlite.lanes import Lane, Readers
from satmint.store.sqlite.listing import Listing, Row, read_page

_PROJECT: Final = "SELECT project_id, name, created_at FROM projects"
_API: Final = "SELECT project_id, token_id, name, permissions, digest, created_at FROM api_tokens"
_C2C: Final = (
    "SELECT project_id, token_id, address_id, name, digest, origins, created_at, disabled_at"
    " FROM c2c_tokens"
)


@dataclass(frozen=True, slots=True)
class SqliteProjects:
    """See `ProjectStore`."""

    writer: Lane
    reader: Readers

    async def create(self, project: Project) -> None:
        """See `ProjectStore.create`."""
        row = (project.id.bytes, project.name, project.created_at)
        await self.writer.submit(
            lambda db: db.execute(
                "INSERT INTO projects (project_id, name, created_at) VALUES (?, ?, ?)", row
            )
        )

    async def list(self) -> Sequence[Project]:
        """See `ProjectStore.list`."""

        def work(db: sqlite3.Connection) -> Sequence[Project]:
            rows = db.execute(
                "SELECT project_id, name, created_at FROM projects ORDER BY created_at, project_id"
            ).fetchall()
            return tuple(_project(row) for row in rows)

        return await self.reader.submit(work)

    async def get(self, project: UUID) -> Project | None:
        """See `ProjectStore.get`."""

        def work(db: sqlite3.Connection) -> Project | None:
            query = f"{_PROJECT} WHERE project_id = ?"
            row = db.execute(query, (project.bytes,)).fetchone()
            return None if row is None else _project(row)

        return await self.reader.submit(work)

    async def add_api_token(self, token: ApiToken, event: Event) -> None:
        """See `ProjectStore.add_api_token`."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, ?)",
                (
                    token.project.bytes,
                    token.id.bytes,
                    token.name,
                    " ".join(sorted(token.permissions)),
                    token.digest,
                    token.created_at,
                ),
            )
            record(db, event)

        await self.writer.submit(work)

    async def api_token_by_digest(self, project: UUID, digest: bytes) -> ApiToken | None:
        """See `ProjectStore.api_token_by_digest`."""
        query, args = f"{_API} WHERE project_id = ? AND digest = ?", (project.bytes, digest)
        return await self.reader.submit(lambda db: _one_api_token(db, query, args))

    async def api_token(self, project: UUID, token: UUID) -> ApiToken | None:
        """See `ProjectStore.api_token`."""
        query, args = f"{_API} WHERE project_id = ? AND token_id = ?", (project.bytes, token.bytes)
        return await self.reader.submit(lambda db: _one_api_token(db, query, args))

    async def update_api_token(
        self,
        project: UUID,
        token: UUID,
        name: str | None,
        permissions: frozenset[Permission] | None,
        event: Event,
    ) -> ApiToken | None:
        """See `ProjectStore.update_api_token`."""
        key = (project.bytes, token.bytes)
        listed = None if permissions is None else " ".join(sorted(permissions))

        def work(db: sqlite3.Connection) -> ApiToken | None:
            changed = db.execute(
                "UPDATE api_tokens SET name = coalesce(?, name),"
                " permissions = coalesce(?, permissions) WHERE project_id = ? AND token_id = ?",
                (name, listed, *key),
            )
            if changed.rowcount == 0:
                return None
            record(db, event)
            return _one_api_token(db, f"{_API} WHERE project_id = ? AND token_id = ?", key)

        return await self.writer.submit(work)

    async def delete_api_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """See `ProjectStore.delete_api_token`."""
        return await self._delete("api_tokens", project, token, event)

    async def add_c2c_token(self, token: C2cToken, event: Event) -> None:
        """See `ProjectStore.add_c2c_token`."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO c2c_tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    token.project.bytes,
                    token.id.bytes,
                    token.address.bytes,
                    token.name,
                    token.digest,
                    " ".join(token.origins),
                    token.created_at,
                    token.disabled_at,
                ),
            )
            record(db, event)

        await self.writer.submit(work)

    async def c2c_token_by_digest(self, digest: bytes) -> C2cToken | None:
        """See `ProjectStore.c2c_token_by_digest`."""

        def work(db: sqlite3.Connection) -> C2cToken | None:
            row = db.execute(f"{_C2C} WHERE digest = ?", (digest,)).fetchone()
            return None if row is None else _c2c_token(row)

        return await self.reader.submit(work)

    async def list_c2c_tokens(self, project: UUID, window: Window) -> Page[C2cToken]:
        """See `ProjectStore.list_c2c_tokens`."""
        listing = Listing(_C2C, ["project_id = ?"], [project.bytes], "created_at", "token_id")
        return await self.reader.browse(lambda db: read_page(db, listing, window, _c2c_token))

    async def disable_c2c_token(
        self, project: UUID, token: UUID, now: int, event: Event
    ) -> C2cToken | None:
        """See `ProjectStore.disable_c2c_token`."""
        key = (project.bytes, token.bytes)

        def work(db: sqlite3.Connection) -> C2cToken | None:
            changed = db.execute(
                "UPDATE c2c_tokens SET disabled_at = ?"
                " WHERE project_id = ? AND token_id = ? AND disabled_at IS NULL",
                (now, *key),
            )
            if changed.rowcount:
                record(db, event)
            row = db.execute(f"{_C2C} WHERE project_id = ? AND token_id = ?", key).fetchone()
            return None if row is None else _c2c_token(row)

        return await self.writer.submit(work)

    async def delete_c2c_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """See `ProjectStore.delete_c2c_token`."""
        return await self._delete("c2c_tokens", project, token, event)

    async def _delete(self, table: str, project: UUID, token: UUID, event: Event) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            gone = db.execute(
                f"DELETE FROM {table} WHERE project_id = ? AND token_id = ?",
                (project.bytes, token.bytes),
            )
            if gone.rowcount:
                record(db, event)
            return gone.rowcount > 0

        return await self.writer.submit(work)


def _project(row: Row) -> Project:
    return Project(id=UUID(bytes=row[0]), name=row[1], created_at=row[2])


def _one_api_token(db: sqlite3.Connection, query: str, args: Row) -> ApiToken | None:
    row = db.execute(query, args).fetchone()
    if row is None:
        return None
    return ApiToken(
        id=UUID(bytes=row[1]),
        project=UUID(bytes=row[0]),
        name=row[2],
        permissions=frozenset(Permission(name) for name in row[3].split()),
        digest=row[4],
        created_at=row[5],
    )


def _c2c_token(row: Row) -> C2cToken:
    return C2cToken(
        id=UUID(bytes=row[1]),
        project=UUID(bytes=row[0]),
        address=UUID(bytes=row[2]),
        name=row[3],
        digest=row[4],
        origins=tuple(row[5].split()),
        created_at=row[6],
        disabled_at=row[7],
    )
