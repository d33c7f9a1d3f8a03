"""Spreads the tables over the nodes of a Citus cluster, where the database has that extension.

See docs/adr/0028-citus.md. All rows of a project are on one node, in shards that are kept together,
so that every statement about one project runs on that node alone.
"""

from typing import Final

from satmint.store.postgres.connecting import Connection
from satmint.store.postgres.suitability import HAS_CITUS

REFERENCE_TABLES: Final = ("projects", "c2c_tokens")
"""Tables of which every node has a copy: what decisions about sessions read beside them, and what
is looked up without a project. They are small, and seldom written."""

DISTRIBUTED_TABLES: Final = (
    *("sessions", "events", "proofs", "presence", "subscribers", "addresses", "rooms"),
    *("api_tokens", "registered_devices", "keyed_requests"),
    *("webhooks", "deliveries", "delivery_history"),
)
"""Tables that are distributed by `project_id`."""

SESSION_SETTINGS: Final = """
SET citus.override_table_visibility TO off;
SET citus.max_adaptive_executor_pool_size TO 1
"""
"""What a connection to the coordinator begins with. It hides no shards: that made the driver's
query for an unknown type take 0.5 s of CPU instead of 10 ms, for each type of array. And a query of
all shards opens no further connections to their nodes: it reads a few rows of each."""

_KNOWN: Final = "SELECT logicalrelid::regclass::text AS name FROM pg_catalog.pg_dist_partition"
# Servers of versions that write no position and know no keys have never run on a cluster. Each is a
# message of its own: of one that has a SET, Citus sends all to the nodes.
PREPARATION: Final = (
    "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'",
    "DROP TRIGGER IF EXISTS subscribers_forget_keys ON subscribers",
    "ALTER TABLE events ALTER COLUMN position SET DEFAULT 0",
)
_COPY_TO_ALL: Final = "SELECT create_reference_table('{}')"
_DISTRIBUTE: Final = "SELECT create_distributed_table('{}', 'project_id', colocate_with => '{}')"


async def distribute(connection: Connection) -> tuple[str, ...]:
    """Distribute the tables that are not yet distributed, in the transaction of the migrations.

    Returns:
        Their names; none on a database without the extension.
    """
    if not await connection.fetchval(f"SELECT {HAS_CITUS}"):
        return ()
    known = {row["name"] for row in await connection.fetch(_KNOWN)}
    due = [name for name in (*REFERENCE_TABLES, *DISTRIBUTED_TABLES) if name not in known]
    for statement in PREPARATION if due else ():
        await connection.execute(statement)
    first = DISTRIBUTED_TABLES[0]
    for name in due:
        if name in REFERENCE_TABLES:
            statement = _COPY_TO_ALL.format(name)
        else:
            statement = _DISTRIBUTE.format(name, "none" if name == first else first)
        await connection.execute(statement, timeout=3600)
    return tuple(due)
