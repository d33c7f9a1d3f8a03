"""Projects, API tokens and Click-to-Call tokens in PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, C2cToken, Project
from satmint.store.postgres.connections import Connection, Connections
from satmint.store.postgres.events import record
from satmint.store.postgres.listing import Listing, Row, plain, read_page
from satmint.store.postgres.looking import Looks

_PROJECT: Final = "SELECT project_id, name, created_at FROM projects"
_API_COLUMNS: Final = "project_id, token_id, name, permissions, digest, created_at"
_API: Final = f"SELECT {_API_COLUMNS} FROM api_tokens"
_C2C_COLUMNS: Final = (
    "project_id, token_id, address_id, name, digest, origins, created_at, disabled_at"
)
_C2C: Final = f"SELECT {_C2C_COLUMNS} FROM c2c_tokens"
# By these two, credentials are looked up, by whoever comes along.
_API_BY_DIGEST: Final = f"""
SELECT n, {_API_COLUMNS}
  FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS wanted (project_id, digest, n)
  JOIN api_tokens USING (project_id, digest)
"""
_C2C_BY_DIGEST: Final = f"""
SELECT n, {_C2C_COLUMNS}
  FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (digest, n)
  JOIN c2c_tokens USING (digest)
"""


class PostgresProjects:
    """See `ProjectStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._api_tokens = Looks(connections, _API_BY_DIGEST, _api_token)
        self._c2c_tokens = Looks(connections, _C2C_BY_DIGEST, _c2c_token)

    async def close(self) -> None:
        """Finish what was begun, and look for no more."""
        await self._api_tokens.close()
        await self._c2c_tokens.close()

    async def create(self, project: Project) -> None:
        """See `ProjectStore.create`."""
        insert = "INSERT INTO projects (project_id, name, created_at) VALUES ($1, $2, $3)"
        row = (project.id, project.name, project.created_at)
        await self._connections.look(lambda db: db.execute(insert, *row))

    async def list(self) -> Sequence[Project]:
        """See `ProjectStore.list`."""
        query = f"{_PROJECT} ORDER BY created_at, project_id"
        rows = await self._connections.look(lambda db: db.fetch(query))
        return tuple(_project(row) for row in rows)

    async def get(self, project: UUID) -> Project | None:
        """See `ProjectStore.get`."""
        query = f"{_PROJECT} WHERE project_id = $1"
        row = await self._connections.look(lambda db: db.fetchrow(query, project))
        return None if row is None else _project(row)

    async def add_api_token(self, token: ApiToken, event: Event) -> None:
        """See `ProjectStore.add_api_token`."""

        async def work(db: Connection) -> None:
            await db.execute(
                f"INSERT INTO api_tokens ({_API_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
                token.project,
                token.id,
                token.name,
                " ".join(sorted(token.permissions)),
                token.digest,
                token.created_at,
            )
            await record(db, event)

        await self._connections.decide(work)

    async def api_token_by_digest(self, project: UUID, digest: bytes) -> ApiToken | None:
        """See `ProjectStore.api_token_by_digest`."""
        return await self._api_tokens.one(project, digest)

    async def api_token(self, project: UUID, token: UUID) -> ApiToken | None:
        """See `ProjectStore.api_token`."""
        query = f"{_API} WHERE project_id = $1 AND token_id = $2"
        row = await self._connections.look(lambda db: db.fetchrow(query, project, token))
        return None if row is None else _api_token(row)

    async def update_api_token(
        self,
        project: UUID,
        token: UUID,
        name: str | None,
        permissions: frozenset[Permission] | None,
        event: Event,
    ) -> ApiToken | None:
        """See `ProjectStore.update_api_token`."""
        listed = None if permissions is None else " ".join(sorted(permissions))

        async def work(db: Connection) -> ApiToken | None:
            row = await db.fetchrow(
                "UPDATE api_tokens SET name = coalesce($3, name),"
                " permissions = coalesce($4, permissions)"
                f" WHERE project_id = $1 AND token_id = $2 RETURNING {_API_COLUMNS}",
                project,
                token,
                name,
                listed,
            )
            if row is None:
                return None
            await record(db, event)
            return _api_token(row)

        return await self._connections.decide(work)

    async def delete_api_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """See `ProjectStore.delete_api_token`."""
        return await self._delete("api_tokens", project, token, event)

    async def add_c2c_token(self, token: C2cToken, event: Event) -> None:
        """See `ProjectStore.add_c2c_token`."""

        async def work(db: Connection) -> None:
            await db.execute(
                f"INSERT INTO c2c_tokens ({_C2C_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                token.project,
                token.id,
                token.address,
                token.name,
                token.digest,
                " ".join(token.origins),
                token.created_at,
                token.disabled_at,
            )
            await record(db, event)

        await self._connections.decide(work)

    async def c2c_token_by_digest(self, digest: bytes) -> C2cToken | None:
        """See `ProjectStore.c2c_token_by_digest`."""
        return await self._c2c_tokens.one(digest)

    async def list_c2c_tokens(self, project: UUID, window: Window) -> Page[C2cToken]:
        """See `ProjectStore.list_c2c_tokens`."""
        listing = Listing(_C2C, ["project_id = {}"], [project], "created_at", "token_id")
        return await self._connections.browse(lambda db: read_page(db, listing, window, _c2c_token))

    async def disable_c2c_token(
        self, project: UUID, token: UUID, now: int, event: Event
    ) -> C2cToken | None:
        """See `ProjectStore.disable_c2c_token`."""
        key = (project, token)

        async def work(db: Connection) -> C2cToken | None:
            disabled = await db.fetchval(
                "UPDATE c2c_tokens SET disabled_at = $3 WHERE project_id = $1 AND token_id = $2"
                " AND disabled_at IS NULL RETURNING 1",
                *key,
                now,
            )
            if disabled:
                await record(db, event)
            row = await db.fetchrow(f"{_C2C} WHERE project_id = $1 AND token_id = $2", *key)
            return None if row is None else _c2c_token(row)

        return await self._connections.decide(work)

    async def delete_c2c_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """See `ProjectStore.delete_c2c_token`."""
        return await self._delete("c2c_tokens", project, token, event)

    async def _delete(self, table: str, project: UUID, token: UUID, event: Event) -> bool:
        statement = f"DELETE FROM {table} WHERE project_id = $1 AND token_id = $2 RETURNING 1"

        async def work(db: Connection) -> bool:
            gone = await db.fetchval(statement, project, token) is not None
            if gone:
                await record(db, event)
            return gone

        return await self._connections.decide(work)


def _project(row: Row) -> Project:
    return Project(plain(row["project_id"]), row["name"], row["created_at"])


def _api_token(row: Row) -> ApiToken:
    return ApiToken(
        id=plain(row["token_id"]),
        project=plain(row["project_id"]),
        name=row["name"],
        permissions=frozenset(Permission(name) for name in row["permissions"].split()),
        digest=row["digest"],
        created_at=row["created_at"],
    )


def _c2c_token(row: Row) -> C2cToken:
    return C2cToken(
        id=plain(row["token_id"]),
        project=plain(row["project_id"]),
        address=plain(row["address_id"]),
        name=row["name"],
        digest=row["digest"],
        origins=tuple(row["origins"].split()),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )
