"""What each error of PostgreSQL and of its driver means: one table for all SQLSTATEs.

Source: PostgreSQL, appendix A. The first two characters are the class.
"""

import ssl
from enum import Enum, auto
from typing import Final

import asyncpg
from asyncpg.exceptions import InternalClientError, TargetServerAttributeNotMatched

from satmint.model.refusals import StoreUnavailable


class Decision(Enum):
    """What follows from an error."""

    RETRY = auto()
    """The transaction was rolled back, and succeeds if it is repeated. If it never does, refuse."""
    RETRY_OR_FAIL = auto()
    """The same; but if it never succeeds, it is a bug."""
    REFUSE = auto()
    """The database, its configuration or its load: `StoreUnavailable`, which is 503."""
    REFUSE_AND_CLOSE = auto()
    """The same, and the connection is of no further use."""
    FAIL = auto()
    """A bug of ours, or a schema that somebody changed: the error propagates, which is 500."""


LOCK_NOT_AVAILABLE: Final = "postgres_55p03"
"""The cause of a refusal because another transaction holds a lock; nothing was changed."""

DECISIONS: Final[dict[str, Decision]] = {
    "00": Decision.FAIL,  # success
    "01": Decision.FAIL,  # warning; see `ConnectionPool._on_log_message`
    "02": Decision.FAIL,  # no data
    "03": Decision.FAIL,  # SQL statement not yet complete
    "08": Decision.REFUSE_AND_CLOSE,  # connection exception
    "09": Decision.FAIL,  # triggered action exception
    "0A": Decision.FAIL,  # feature not supported
    # "Cached plan must not change result type": once per connection after a migration.
    "0A000": Decision.RETRY_OR_FAIL,
    "0B": Decision.FAIL,  # invalid transaction initiation
    "0F": Decision.FAIL,  # locator exception
    "0L": Decision.FAIL,  # invalid grantor
    "0P": Decision.FAIL,  # invalid role specification
    "0Z": Decision.FAIL,  # diagnostics exception
    "10": Decision.FAIL,  # XQuery error
    "20": Decision.FAIL,  # case not found
    "21": Decision.FAIL,  # cardinality violation
    "22": Decision.FAIL,  # data exception
    "23": Decision.FAIL,  # integrity constraint violation; see `UniqueViolation`
    "24": Decision.FAIL,  # invalid cursor state
    "25": Decision.FAIL,  # invalid transaction state
    "25006": Decision.REFUSE_AND_CLOSE,  # read-only: a replica now
    "25P03": Decision.REFUSE_AND_CLOSE,  # idle in transaction for too long: this process was frozen
    "25P04": Decision.REFUSE_AND_CLOSE,  # transaction timeout
    # A prepared statement that a pooler lost, or has from another client: `database_pooler` is off.
    "26": Decision.REFUSE_AND_CLOSE,  # invalid SQL statement name
    "42P05": Decision.REFUSE_AND_CLOSE,  # duplicate prepared statement
    "27": Decision.FAIL,  # triggered data change violation
    "28": Decision.REFUSE,  # invalid authorization specification
    "2B": Decision.FAIL,  # dependent privilege descriptors still exist
    "2D": Decision.FAIL,  # invalid transaction termination
    "2F": Decision.FAIL,  # SQL routine exception
    "34": Decision.FAIL,  # invalid cursor name
    "38": Decision.FAIL,  # external routine exception
    "39": Decision.FAIL,  # external routine invocation exception
    "3B": Decision.FAIL,  # savepoint exception
    "3D": Decision.REFUSE,  # invalid catalog name: no such database
    "3F": Decision.FAIL,  # invalid schema name
    "40": Decision.REFUSE,  # transaction rollback; 40003: it is unknown whether it committed
    "40001": Decision.RETRY,  # serialization failure
    "40P01": Decision.RETRY,  # deadlock detected
    "42": Decision.FAIL,  # syntax error or access rule violation
    "42501": Decision.REFUSE,  # insufficient privilege: a grant is missing
    "44": Decision.FAIL,  # WITH CHECK OPTION violation
    "53": Decision.REFUSE,  # insufficient resources: disk, memory, connections
    # Program limit exceeded. 54000 is also a full NOTIFY queue; see `RevocationAnnouncer`.
    "54": Decision.FAIL,
    "54001": Decision.REFUSE,  # statement too complex: the stack depth that the server allows
    "55": Decision.REFUSE,  # object not in prerequisite state; 55P03: locked
    "55P02": Decision.FAIL,  # cannot change run-time parameter
    "55P04": Decision.FAIL,  # unsafe new enum value usage
    "57": Decision.REFUSE,  # operator intervention; 57014: statement timeout
    "57P": Decision.REFUSE_AND_CLOSE,  # shutdown, crash, start, database dropped, idle session
    "58": Decision.REFUSE,  # system error
    "72": Decision.RETRY,  # snapshot too old
    "F0": Decision.REFUSE,  # configuration file error
    "HV": Decision.FAIL,  # foreign data wrapper error
    "P0": Decision.FAIL,  # PL/pgSQL error: a trigger of somebody else's
    "XX": Decision.REFUSE_AND_CLOSE,  # internal error, data or index corrupted
}
"""By SQLSTATE, or its first characters: the longest entry counts. A code of none is a bug."""

_REFUSED: Final = frozenset({Decision.RETRY, Decision.REFUSE, Decision.REFUSE_AND_CLOSE})

_CONNECTION_ERRORS: Final = (asyncpg.InterfaceError, InternalClientError, OSError, EOFError)
"""Errors of a lost connection: the outcome of its statement is unknown. `TimeoutError`, which is an
`OSError`, means the same for a connection that stopped answering."""


CONNECTION_LOST: Final = (asyncpg.PostgresError, *_CONNECTION_ERRORS)
"""Errors after which a connection has to be replaced."""


class ConcurrentChange(Exception):
    """What the transaction has read was changed concurrently; it must be rolled back."""


def decision_of(error: BaseException) -> Decision:
    """What follows from an error of a statement or of a connection."""
    if isinstance(error, ConcurrentChange):
        return Decision.RETRY
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        known = (DECISIONS.get(code[:length]) for length in (5, 3, 2))
        return next((found for found in known if found is not None), Decision.FAIL)
    if not isinstance(error, Exception):
        return Decision.REFUSE_AND_CLOSE  # cancelled within a statement
    # An argument that cannot be encoded raises a `ValueError` of the same family: a bug.
    if isinstance(error, _CONNECTION_ERRORS) and not isinstance(error, ValueError):
        return Decision.REFUSE_AND_CLOSE
    return Decision.FAIL


def is_retryable(error: BaseException) -> bool:
    """Whether certainly nothing was changed and a retry may succeed."""
    return decision_of(error) in (Decision.RETRY, Decision.RETRY_OR_FAIL)


def is_connection_unusable(error: BaseException) -> bool:
    """Whether a connection that raised this must be closed."""
    return decision_of(error) is Decision.REFUSE_AND_CLOSE or isinstance(error, _CONNECTION_ERRORS)


def map_driver_error(error: Exception) -> Exception:
    """`StoreUnavailable` for a failure of the database; `error` itself if it is a bug."""
    return StoreUnavailable(_cause(error)) if decision_of(error) in _REFUSED else error


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
