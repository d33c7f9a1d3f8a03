"""Separates the database's failures from programming errors, and says what can be retried."""

import ssl
from typing import Final

import asyncpg
from asyncpg.exceptions import InternalClientError, TargetServerAttributeNotMatched

from satmint.model.refusals import StoreUnavailable

_RETRYABLE: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "0A000",  # "cached plan must not change result type": once per connection after a migration
    }
)
"""SQLSTATEs after which the transaction is certainly rolled back and a retry may succeed."""

LOCK_NOT_AVAILABLE: Final = "postgres_55p03"
"""The cause of a refusal because another transaction holds a lock; nothing was changed."""

_UNAVAILABLE: Final = ("08", "25006", "28", "3D000", "40", "53", "55P03", "57", "58", "F0", "XX")
"""Prefixes of SQLSTATEs (PostgreSQL, appendix A) that are not caused by our SQL."""

_CONNECTION_ERRORS: Final = (asyncpg.InterfaceError, InternalClientError, OSError, EOFError)
"""Errors of a lost connection: the outcome of its statement is unknown. `TimeoutError`, which is an
`OSError`, means the same for a connection that stopped answering."""


CONNECTION_LOST: Final = (asyncpg.PostgresError, *_CONNECTION_ERRORS)
"""Errors after which a connection has to be replaced."""


class ConcurrentChange(Exception):
    """What the transaction has read was changed concurrently; it must be rolled back."""


def is_retryable(error: BaseException) -> bool:
    """Whether certainly nothing was changed and a retry may succeed."""
    if isinstance(error, ConcurrentChange):
        return True
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _RETRYABLE


def is_unavailable(error: BaseException) -> bool:
    """Whether the database or the network failed, not our code."""
    if isinstance(error, ConcurrentChange):
        return True
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_UNAVAILABLE)
    # An argument that cannot be encoded raises a `ValueError` of the same family: a bug.
    return isinstance(error, _CONNECTION_ERRORS) and not isinstance(error, ValueError)


def is_connection_unusable(error: BaseException) -> bool:
    """Whether a connection that raised this must be closed."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(("08", "25006", "57P", "XX"))
    return not isinstance(error, Exception) or isinstance(error, _CONNECTION_ERRORS)


def map_driver_error(error: Exception) -> Exception:
    """`StoreUnavailable` for a failure of the database; `error` itself if it is a bug."""
    return StoreUnavailable(_cause(error)) if is_unavailable(error) else error


def _cause(error: Exception) -> str:
    """A short stable word; never the driver's text, which may contain secrets."""
    if isinstance(error, ConcurrentChange):
        return "concurrent_change"
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate:
        lost = error.sqlstate.startswith(("08", "57P"))
        return "postgres_lost" if lost else f"postgres_{error.sqlstate.lower()}"
    if isinstance(error, TargetServerAttributeNotMatched):
        return "postgres_read_only"
    if isinstance(error, ssl.SSLError):
        return "postgres_tls_failed"
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return "postgres_without_tls"
    return "postgres_timeout" if isinstance(error, TimeoutError) else "postgres_lost"
