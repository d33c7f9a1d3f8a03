"""The conditions under which a PostgreSQL database may be written, all in one place.

They are checked when a connection is opened and again every few seconds, because an operator can
change most of them while servers run: `ALTER SYSTEM` and a reload reach open connections, `ALTER
ROLE` and `ALTER DATABASE` the next ones. What is checked is what the next connection would get.

An open connection does not depend on that: it keeps its own values (`pin`). So no change
of these settings can lose a commit that was acknowledged before it was noticed.
"""

from dataclasses import dataclass, replace
from typing import Final

from satmint.store.postgres.connecting import Connection
from satmint.store.sql.port import Row

READ_ONLY: Final = "postgres_read_only"
"""The cause if it is a replica or read-only: another server of the URL may be the primary."""

_OLDEST_VERSION: Final = 140_000
_ENCODING: Final = "UTF8"
# With REPEATABLE READ, a session that is being opened could escape a revocation of its subscriber:
# it neither re-reads rows after a wait, as READ COMMITTED does, nor detects the conflict, as
# SERIALIZABLE does.
_ISOLATIONS: Final = frozenset({"read committed", "read uncommitted", "serializable"})
_FALSE: Final = frozenset({"off", "false", "no", "0"})

_SERVER: Final = """current_setting('fsync') AS fsync,
       current_setting('server_encoding') AS encoding,
       current_setting('server_version_num')::int AS version,
       pg_is_in_recovery() AS is_replica,
       extract(epoch FROM clock_timestamp())::float8 AS time"""
IS_NODE: Final = "postgres_is_a_node"
HAS_CITUS: Final = "to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
"""Whether the database has the extension Citus. Reads no table, so every role may ask."""
# The extension alone says nothing: a restored database has its tables on the coordinator, until
# they are distributed. Where there are none yet, they will be.
_CLUSTER: Final = """
SELECT to_regclass('sessions') IS NULL
       OR EXISTS (SELECT FROM pg_catalog.pg_dist_partition
                   WHERE logicalrelid = to_regclass('sessions')) AS is_distributed,
       EXISTS (SELECT FROM pg_catalog.pg_dist_local_group WHERE groupid <> 0) AS is_node
"""

# `reset_val` follows a reload even if the connection has its own value. Settings of a role and of a
# database come before it, in this order (PostgreSQL, ALTER ROLE).
_STATE: Final = f"""
WITH assigned AS MATERIALIZED (
    SELECT DISTINCT ON (split_part(entry, '=', 1))
           split_part(entry, '=', 1) AS name, substr(entry, strpos(entry, '=') + 1) AS value
      FROM pg_catalog.pg_db_role_setting, unnest(setconfig) AS entry
     WHERE setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database
                                WHERE datname = current_database()))
       AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
     ORDER BY split_part(entry, '=', 1), setrole <> 0 DESC, setdatabase <> 0 DESC
), setting AS MATERIALIZED (
    SELECT name, lower(coalesce(assigned.value, reset_val)) AS value
      FROM pg_catalog.pg_settings LEFT JOIN assigned USING (name)
)
SELECT (SELECT value FROM setting WHERE name = 'synchronous_commit') AS durability,
       (SELECT value FROM setting WHERE name = 'default_transaction_isolation') AS isolation,
       (SELECT value FROM setting WHERE name = 'default_transaction_read_only') AS read_only,
       {_SERVER}
"""

# The same of a new connection by its defaults, which the settings of its transaction do not hide.
_DEFAULTS: Final = f"""
SELECT (SELECT reset_val FROM pg_catalog.pg_settings
         WHERE name = 'synchronous_commit') AS durability,
       (SELECT reset_val FROM pg_catalog.pg_settings
         WHERE name = 'default_transaction_isolation') AS isolation,
       (SELECT reset_val FROM pg_catalog.pg_settings
         WHERE name = 'default_transaction_read_only') AS read_only,
       {_SERVER}
"""

# The same of a new connection, which reads no catalog: callers wait for it.
_OPENED: Final = f"""
SELECT {HAS_CITUS} AS has_citus,
       current_setting('synchronous_commit') AS durability,
       current_setting('default_transaction_isolation') AS isolation,
       current_setting('default_transaction_read_only') AS read_only,
       {_SERVER}
"""

# Its own values, which neither a reload nor `ALTER ROLE` changes.
_PINNED: Final = f"""{_OPENED},
       set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit')
                       WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
       set_config('default_transaction_isolation',
                  CASE current_setting('default_transaction_isolation')
                       WHEN 'repeatable read' THEN 'read committed'
                       ELSE current_setting('default_transaction_isolation') END, false)
"""

DURABLE_COMMIT: Final = (
    "SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
"""The same durability for one transaction: behind a pooler, a connection keeps no values."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """What was found."""

    cause: str
    """The condition that does not hold; "" if all do."""
    settings: tuple[str, str]
    """What open connections have of their own: `synchronous_commit` and the isolation level."""
    time: float
    """Unix seconds by the database's clock."""


async def check_connection(
    connection: Connection, *, pin: bool, allow_no_fsync: bool = False
) -> ServerState:
    """Check a connection that was just opened, by its own settings.

    Args:
        connection: The connection.
        pin: Whether to make it independent of later changes of settings.
        allow_no_fsync: Whether a server with `fsync = off` is accepted.
    """
    found = await connection.fetchrow(_PINNED if pin else _OPENED)
    state = _state(found, allow_no_fsync)
    if found["has_citus"]:
        cluster = await connection.fetchrow(_CLUSTER)
        connection.is_distributed = cluster["is_distributed"]
        if cluster["is_node"]:
            return replace(state, cause=IS_NODE)
    return state


async def read_state(connection: Connection, *, allow_no_fsync: bool = False) -> ServerState:
    """Check all conditions but the schema, as the next connection would find them.

    Args:
        connection: A connection to the database.
        allow_no_fsync: Whether a server with `fsync = off` is accepted.
    """
    return _state(await connection.fetchrow(_STATE), allow_no_fsync)


async def read_defaults(connection: Connection, *, allow_no_fsync: bool = False) -> ServerState:
    """Check the same by the defaults of a connection that was just opened.

    Args:
        connection: The connection.
        allow_no_fsync: Whether a server with `fsync = off` is accepted.
    """
    return _state(await connection.fetchrow(_DEFAULTS), allow_no_fsync)


def _state(found: Row, allow_no_fsync: bool) -> ServerState:
    settings = found["durability"], found["isolation"]
    causes = (
        (found["version"] < _OLDEST_VERSION, "postgres_too_old"),
        (found["encoding"] != _ENCODING, "postgres_encoding_unsupported"),
        (found["is_replica"] or found["read_only"] not in _FALSE, READ_ONLY),
        (found["isolation"] not in _ISOLATIONS, "postgres_isolation_unsupported"),
        (found["durability"] in _FALSE, "postgres_commits_not_durable"),
        (found["fsync"] == "off" and not allow_no_fsync, "postgres_fsync_off"),
    )
    cause = next((cause for is_so, cause in causes if is_so), "")
    return ServerState(cause, settings, found["time"])
