"""Opens connections to the primary, with their limits."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from satmint.model.database_url import DatabaseUrl
from satmint.model.refusals import StoreUnavailable
from satmint.store.postgres.driver_arguments import connect_first
from satmint.store.postgres.driver_errors import map_driver_error

Connection = Any
"""A `SatmintConnection`: the driver carries no types of its own."""


class SatmintConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection of a pool."""

    has_revoked = False
    """Whether the step that uses it has recorded an event that may end sessions."""
    is_distributed = False
    """Whether its database can distribute tables: see `satmint.store.postgres.distribution`."""
    generation = 0
    """A connection of an earlier generation than its pool's is closed when it becomes free."""


@dataclass(frozen=True, slots=True)
class PostgresLimits:
    """Limits on connections, waits and statements."""

    connections: int = 8
    """Maximum for each server process."""
    connect_seconds: float = 5.0
    wait_seconds: float = 5.0
    """How long a step waits for a free connection."""
    lock_seconds: float = 4.0
    """How long a step waits for a lock."""
    short_lock_seconds: float = 0.1
    """How long a write waits for a lock while it occupies a connection. A longer wait is a series
    of attempts; see `Transactions`."""
    statement_seconds: float = 10.0
    """How long a statement may take."""
    max_waiting: int = 10_000
    """Steps that may wait for a connection; further ones are rejected at once."""
    allow_no_fsync: bool = True
    """Whether a server with `fsync = off` may be written."""
    pooler: bool = False
    """Whether a pooler in transaction mode such as PgBouncer is in between. Then prepared
    statements, per-connection settings and LISTEN are not used."""


async def open_connection(url: DatabaseUrl, limits: PostgresLimits) -> Connection:
    """Open a connection; the caller closes it.

    Raises:
        StoreUnavailable: no primary can be reached.
    """
    settings = {} if limits.pooler else session_settings(limits)
    try:
        connection: Connection = await connect_first(
            url,
            limits.connect_seconds,
            {"application_name": "satmint", **settings} if settings else {},
            connection_class=SatmintConnection,
            command_timeout=limits.statement_seconds * 1.2,
            statement_cache_size=0 if limits.pooler else 256,
            max_cached_statement_lifetime=0,
            target_session_attrs="any" if limits.pooler else "read-write",
        )
    except asyncpg.ProtocolViolationError as error:
        # What PgBouncer answers to our settings; also when it has no connection for us, or no
        # server to log in to, which is temporary.
        raise StoreUnavailable("postgres_lost" if limits.pooler else "postgres_pooler") from error
    except (
        asyncpg.PostgresSyntaxError,
        asyncpg.UndefinedObjectError,
        asyncpg.InvalidParameterValueError,
    ) as error:
        # No statement has been sent yet: `options` of the URL, or of the role or the database.
        raise StoreUnavailable("postgres_options_refused") from error
    except ValueError as error:
        # The driver's text may contain the password.
        raise StoreUnavailable("postgres_url_not_understood") from error
    except Exception as error:
        raise map_driver_error(error) from error
    return connection


def session_settings(limits: PostgresLimits) -> dict[str, str]:
    """The run-time parameters of a connection, or of each transaction behind a pooler."""
    return {
        "statement_timeout": str(int(limits.statement_seconds * 1000)),
        "lock_timeout": str(int(limits.lock_seconds * 1000)),
        # A process that died within a transaction must not keep its locks.
        "idle_in_transaction_session_timeout": str(int(limits.statement_seconds * 1000)),
        "jit": "off",
        # Every query reads a few rows by key. While tables are small, or grow faster than their
        # statistics are updated, the planner would choose other plans.
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
    }
