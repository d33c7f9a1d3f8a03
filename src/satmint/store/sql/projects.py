"""Projects, API tokens and Click-to-Call tokens."""

from collections.abc import Sequence
from typing import Final, TypeVar
from uuid import UUID

from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import Page, Window
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, ApiTokenUse, C2cToken, Project
from satmint.store.contract import NotUnique, ProjectContents
from satmint.store.sql.addresses import insert_if_name_free
from satmint.store.sql.api_token_uses import ApiTokenUses
from satmint.store.sql.listing import Listing, read_page
from satmint.store.sql.port import (
    NAMING_PROJECT,
    REVOKING_PROJECT,
    Database,
    Lookup,
    Row,
    Transaction,
)
from satmint.store.sql.project_deletion import TABLES, ProjectDeletion
from satmint.store.sql.table import Table

Token = TypeVar("Token", ApiToken, C2cToken)

_PROJECTS: Final = Table("projects", Project, id="project_id")
_API_TOKENS: Final = Table("api_tokens", ApiToken, id="token_id")
_API_BY_DIGEST: Final = Lookup("api_tokens", _API_TOKENS.columns, ("project_id", "digest"))
_C2C_TOKENS: Final = Table("c2c_tokens", C2cToken, id="token_id")
_C2C_BY_DIGEST: Final = Lookup("c2c_tokens", _C2C_TOKENS.columns, ("digest",))
_KEY: Final = "WHERE project_id = $1 AND token_id = $2"
_NAMESAKE: Final = (
    "SELECT project_id FROM projects WHERE name = $2 AND project_id <> $1 AND deleted_at IS NULL"
)
_REVOKE: Final = (
    "UPDATE projects SET epoch = epoch + 1, revoked_at = $2"
    " WHERE project_id = $1 AND deleted_at IS NULL"
)
_ALL_PROJECTS: Final = UUID(int=0)


class SqlProjects(ProjectDeletion):
    """See `ProjectStore`."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._api_tokens = db.lookup(_API_BY_DIGEST, _API_TOKENS.build_in_order)
        self._c2c_tokens = db.lookup(_C2C_BY_DIGEST, _C2C_TOKENS.build_in_order)
        self.api_token_uses = ApiTokenUses(self._write_use)

    async def create(self, project: Project, *, unique: bool = False) -> None:
        """See `ProjectStore.create`."""

        async def work(tx: Transaction) -> None:
            if unique:
                await _require_unique_name(tx, project.id, project.name)
            await tx.execute(_PROJECTS.insert, *_PROJECTS.values(project))

        await self._db.transaction(work, project=project.id, may_raise=True, read_committed=True)

    async def rename(self, project: UUID, name: str, event: Event) -> bool:
        """See `ProjectStore.rename`."""
        update = "UPDATE projects SET name = $2 WHERE project_id = $1 AND deleted_at IS NULL"

        async def work(tx: Transaction) -> bool:
            await _require_unique_name(tx, project, name)
            if not await tx.execute(update, project, name):
                return False
            await tx.record(event)
            return True

        return await self._db.transaction(
            work, project=project, may_raise=True, read_committed=True
        )

    async def replace_contents(
        self, project: UUID, contents: ProjectContents, now: int, event: Event
    ) -> bool:
        """See `ProjectStore.replace_contents`."""

        async def work(tx: Transaction) -> bool:
            await tx.lock(REVOKING_PROJECT, project)
            if not await tx.execute(_REVOKE, project, now):
                return False
            for table in TABLES:
                await tx.execute(f"DELETE FROM {table} WHERE project_id = $1", project)
            for address in contents.addresses:
                await insert_if_name_free(tx, address)
            for api_token in contents.api_tokens:
                await tx.execute(_API_TOKENS.insert, *_API_TOKENS.values(api_token))
            for c2c_token in contents.c2c_tokens:
                await tx.execute(_C2C_TOKENS.insert, *_C2C_TOKENS.values(c2c_token))
            await tx.record(event)
            return True

        return await self._db.transaction(work, project=project, slow=True, read_committed=True)

    async def list(self) -> Sequence[Project]:
        """See `ProjectStore.list`."""
        query = f"{_PROJECTS.select} ORDER BY created_at, project_id"
        return await self._db.fetch(_PROJECTS.build, query)

    async def epoch(self, project: UUID) -> int | None:
        """See `ProjectStore.epoch`."""
        query = "SELECT epoch FROM projects WHERE project_id = $1"
        return await self._db.fetch_one(_epoch, query, project)

    async def get(self, project: UUID) -> Project | None:
        """See `ProjectStore.get`."""
        query = f"{_PROJECTS.select} WHERE project_id = $1"
        return await self._db.fetch_one(_PROJECTS.build, query, project)

    async def add_api_token(
        self, token: ApiToken, event: Event, keyed: KeyedRequest | None = None
    ) -> None:
        """See `ProjectStore.add_api_token`."""
        await self._add(_API_TOKENS, token, event, keyed)

    async def mark_api_token_used(self, project: UUID, token: UUID) -> None:
        """See `ProjectStore.mark_api_token_used`."""
        mark = f"UPDATE api_tokens SET unused = FALSE {_KEY} AND unused"

        async def work(tx: Transaction) -> None:
            query = f"SELECT token_id FROM api_tokens {_KEY}{tx.dialect.skip_locked}"
            if await tx.fetch(bool, query, project, token):
                await tx.execute(mark, project, token)

        await self._db.transaction(work, project=project)

    async def list_api_tokens(self, project: UUID, window: Window) -> Page[ApiToken]:
        """See `ProjectStore.list_api_tokens`."""
        return await self._list(_API_TOKENS, project, window)

    def record_api_token_use(self, use: ApiTokenUse) -> None:
        """See `ProjectStore.record_api_token_use`."""
        self.api_token_uses.add(use)

    async def api_token_by_digest(self, project: UUID, digest: bytes) -> ApiToken | None:
        """See `ProjectStore.api_token_by_digest`."""
        return await self._api_tokens.one(project, digest)

    async def api_token(self, project: UUID, token: UUID) -> ApiToken | None:
        """See `ProjectStore.api_token`."""
        query = f"{_API_TOKENS.select} {_KEY}"
        return await self._db.fetch_one(_API_TOKENS.build, query, project, token)

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
        update = (
            "UPDATE api_tokens SET name = coalesce($3, name),"
            f" permissions = coalesce($4, permissions) {_KEY} RETURNING {_API_TOKENS.columns}"
        )

        async def work(tx: Transaction) -> ApiToken | None:
            changed = await tx.fetch_one(_API_TOKENS.build, update, project, token, name, listed)
            if changed is not None:
                await tx.record(event)
            return changed

        return await self._db.transaction(work, project=project)

    async def delete_api_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """See `ProjectStore.delete_api_token`."""
        return await self._delete("api_tokens", project, token, event)

    async def add_c2c_token(
        self, token: C2cToken, event: Event, keyed: KeyedRequest | None = None
    ) -> None:
        """See `ProjectStore.add_c2c_token`."""
        await self._add(_C2C_TOKENS, token, event, keyed)

    async def c2c_token_by_digest(self, digest: bytes) -> C2cToken | None:
        """See `ProjectStore.c2c_token_by_digest`."""
        return await self._c2c_tokens.one(digest)

    async def c2c_token(self, project: UUID, token: UUID) -> C2cToken | None:
        """See `ProjectStore.c2c_token`."""
        query = f"{_C2C_TOKENS.select} {_KEY}"
        return await self._db.fetch_one(_C2C_TOKENS.build, query, project, token)

    async def list_c2c_tokens(self, project: UUID, window: Window) -> Page[C2cToken]:
        """See `ProjectStore.list_c2c_tokens`."""
        return await self._list(_C2C_TOKENS, project, window)

    async def disable_c2c_token(
        self, project: UUID, token: UUID, now: int, event: Event
    ) -> C2cToken | None:
        """See `ProjectStore.disable_c2c_token`."""
        disable = f"UPDATE c2c_tokens SET disabled_at = $3 {_KEY} AND disabled_at IS NULL"

        async def work(tx: Transaction) -> C2cToken | None:
            if await tx.execute(disable, project, token, now):
                await tx.record(event)
            return await tx.fetch_one(
                _C2C_TOKENS.build, f"{_C2C_TOKENS.select} {_KEY}", project, token
            )

        return await self._db.transaction(work, project=project)

    async def delete_c2c_token(self, project: UUID, token: UUID, event: Event) -> bool:
        """See `ProjectStore.delete_c2c_token`."""
        return await self._delete("c2c_tokens", project, token, event)

    async def _list(self, table: Table[Token], project: UUID, window: Window) -> Page[Token]:
        listing = Listing(table.select, ["project_id = {}"], [project], "created_at", "token_id")
        return await read_page(self._db, listing, window, table.build)

    async def _write_use(self, use: ApiTokenUse) -> bool:
        """Write a use. Returns False if another transaction has locked the token's row."""
        update = (
            "UPDATE api_tokens SET last_used_at = $3, mask = coalesce(mask, $4), unused = FALSE"
            f" {_KEY} AND (last_used_at IS NULL OR last_used_at < $3)"
        )

        async def work(tx: Transaction) -> bool:
            key = use.project, use.token
            query = f"SELECT token_id FROM api_tokens {_KEY}"
            if await tx.fetch(bool, query + tx.dialect.skip_locked, *key):
                await tx.execute(update, *key, use.hour, use.mask)
                return True
            return not await tx.fetch(bool, query, *key)

        return await self._db.transaction(work, project=use.project)

    async def _add(
        self, table: Table[Token], token: Token, event: Event, keyed: KeyedRequest | None
    ) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute(table.insert, *table.values(token))
            await tx.record(event)

        await self._db.transaction(work, project=token.project, keyed=keyed)

    async def _delete(self, table: str, project: UUID, token: UUID, event: Event) -> bool:
        async def work(tx: Transaction) -> bool:
            if not await tx.execute(f"DELETE FROM {table} {_KEY}", project, token):
                return False
            await tx.record(event)
            return True

        return await self._db.transaction(work, project=project)


async def _require_unique_name(tx: Transaction, project: UUID, name: str) -> None:
    """Lock the names of projects until the end of the transaction.

    There is no unique index: earlier versions did not refuse a second project of the same name.

    Raises:
        NotUnique: another project has the name.
    """
    await tx.lock(NAMING_PROJECT, _ALL_PROJECTS)
    if await tx.fetch(bool, _NAMESAKE, project, name):
        raise NotUnique("name")


def _epoch(row: Row) -> int:
    return int(row["epoch"])
