"""Telling trouble with the database from a bug of ours, and what may be tried again."""

from typing import Final

import asyncpg
from asyncpg.exceptions import InternalClientError, TargetServerAttributeNotMatched

from satmint.model.refusals import StoreUnavailable

_AGAIN: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "0A000",  # «cached plan must not change result type»: after a migration, once a connection
    }
)
"""The transaction was rolled back for certain, and the same one may succeed in another moment."""

_TROUBLE: Final = ("08", "25006", "28", "3D000", "40", "53", "55P03", "57", "58", "F0", "XX")
"""Beginnings of the SQLSTATEs (PostgreSQL, appendix A) that do not speak of our SQL."""

_SILENT: Final = (asyncpg.InterfaceError, InternalClientError, OSError, EOFError)
"""What a connection raises that died: what it was doing may have happened. `TimeoutError`, which is
an `OSError`, says the same of one that fell silent."""


LOST: Final = (asyncpg.PostgresError, *_SILENT)
"""All that a connection can raise by which it cannot be used."""


def may_be_repeated(error: BaseException) -> bool:
    """Whether nothing has happened, for certain, and trying again can help."""
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _AGAIN


def is_trouble(error: BaseException) -> bool:
    """Whether the database or the way to it is at fault, rather than our code."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_TROUBLE)
    # An argument that cannot be sent is reported as a `ValueError` of the same family: a bug.
    return isinstance(error, _SILENT) and not isinstance(error, ValueError)


def is_beyond_use(error: BaseException) -> bool:
    """Whether a connection that raised this is not to be used for anything else."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(("08", "25006", "57P", "XX"))
    return not isinstance(error, Exception) or isinstance(error, _SILENT)


def trouble(error: Exception) -> Exception:
    """The refusal that stands for `error`; the error itself where it is a bug."""
    return StoreUnavailable(_cause(error)) if is_trouble(error) else error


def _cause(error: Exception) -> str:
    """A short stable word; never the driver's text, which may repeat what it was given."""
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate:
        gone = error.sqlstate.startswith(("08", "57P"))
        return "postgres_lost" if gone else f"postgres_{error.sqlstate.lower()}"
    if isinstance(error, TargetServerAttributeNotMatched):
        return "postgres_read_only"
    return "postgres_timeout" if isinstance(error, TimeoutError) else "postgres_lost"
