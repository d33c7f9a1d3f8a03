"""Transactions: how they begin and end, and what travels with them."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from satmint.store.postgres.connecting import Connection, PostgresLimits, session_settings
from satmint.store.postgres.suitability import DURABLE_COMMIT

Begin = Callable[[Connection], AbstractAsyncContextManager[None]]
"""Begins a transaction of a connection, and ends it at the end of the block."""


PROPAGATE: Final = "SET LOCAL citus.propagate_set_commands TO 'local'"
"""The limits that a transaction sets after this are those of a cluster's nodes, too, where the rows
and their locks are. With each of them, Citus sends the nodes all of the message that it is in."""
_COMMIT: Final = "COMMIT"
# A transaction that wrote nothing does not wait for the synchronous standby. But what it read, and
# found done already, may be a commit whose wait was cancelled. A message in the log has it wait.
_COMMIT_CONFIRMED: Final = (
    "SELECT pg_logical_emit_message(true, 'satmint', '')"
    " WHERE current_setting('synchronous_standby_names') <> ''; COMMIT"
)


def transaction_of(
    limits: PostgresLimits,
    *,
    read_committed: bool = False,
    lock_seconds: float | None = None,
    confirms_reads: bool = False,
) -> Begin:
    """How a transaction begins and ends.

    Its limits travel with `BEGIN`, in the same message: behind a pooler, a connection keeps no
    settings from one transaction to the next.

    Args:
        limits: Behind a pooler, the transaction carries all of them.
        read_committed: Whether it is READ COMMITTED; by default, the database's default level.
        lock_seconds: How long each statement waits for a lock; by default as in `limits`.
        confirms_reads: Whether what it read is on the synchronous standby, too, on return.
    """
    settings = session_settings(limits) if limits.pooler else {}
    durable = [DURABLE_COMMIT] if limits.pooler else []
    if lock_seconds is not None:
        settings["lock_timeout"] = str(max(1, int(lock_seconds * 1000)))
    isolation = " ISOLATION LEVEL READ COMMITTED" if read_committed else ""
    limited = [f"SET LOCAL {name} = {value}" for name, value in settings.items()]
    begin = "; ".join([f"BEGIN{isolation}", *durable])
    together = ("; ".join([begin, *limited]),)
    apart = (begin, "; ".join([PROPAGATE, *limited])) if limited else together
    commit = _COMMIT_CONFIRMED if confirms_reads else _COMMIT
    return lambda connection: _transaction(
        connection, apart if connection.is_distributed else together, commit
    )


@asynccontextmanager
async def _transaction(
    connection: Connection, begin: Sequence[str], commit: str
) -> AsyncIterator[None]:
    try:
        for message in begin:
            await connection.execute(message)
        yield
        await connection.execute(commit)
    except Exception:
        if not connection.is_closed() and connection.is_in_transaction():
            # If this fails, the pool closes the connection, and the server rolls back.
            with contextlib.suppress(Exception):
                await connection.execute("ROLLBACK")
        raise
