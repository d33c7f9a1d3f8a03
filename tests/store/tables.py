"""Everything that a store keeps, row by row, to be compared before and after.

Another store is one more entry in `READ`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from satmint.store.contract import Store
from tests.kit.emptying import filled_tables

Tables = dict[str, list[tuple[object, ...]]]


async def of_sqlite(store: Any) -> Tables:  # noqa: ANN401 - looked into, beyond its contract
    def read(db: Any) -> Tables:  # noqa: ANN401
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        names = [name for (name,) in db.execute(query).fetchall()]
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}

    found: Tables = await store._writer.submit(read)
    return found


async def of_postgres(store: Any) -> Tables:  # noqa: ANN401
    async def read(db: Any) -> Tables:  # noqa: ANN401
        query = (  # a cluster shows parts of tables, whose names end with a number
            "SELECT tablename FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename !~ '_[0-9]+$'"
        )
        found: Tables = {name: [] for (name,) in await db.fetch(query)}
        for name in await filled_tables(db, found):
            found[name] = [tuple(row) for row in await db.fetch(f"SELECT * FROM {name}")]
        return found

    found: Tables = await store._connections.transaction(read)
    return found


READ: Final[dict[str, Callable[[Any], Awaitable[Tables]]]] = {
    "SqliteStore": of_sqlite,
    "PostgresStore": of_postgres,
}


async def settled(store: Any) -> None:  # noqa: ANN401
    """Return once everything that was submitted before is durable, waited for or not."""
    await store.sessions.seen_marks.drained()
    await store.projects.api_token_uses.drained()
    if hasattr(store, "_writer"):
        await store._writer.submit(lambda _db: None)


async def whole_tables(store: Store) -> Tables:
    """All rows of all tables, each table's in an order of their own.

    Without the counter of events, which says what `events` says, and without the last use of API
    tokens, which every request changes.
    """
    await settled(store)
    tables = await READ[type(store).__name__](store)
    tables.pop("event_counter", None)
    # The last columns are `last_used_at` and `unused`.
    tables["api_tokens"] = [(*row[:-2], row[-1]) for row in tables["api_tokens"]]
    return {name: sorted(rows, key=repr) for name, rows in tables.items()}
