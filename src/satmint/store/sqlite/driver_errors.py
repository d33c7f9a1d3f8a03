"""What each error of SQLite means: one table for all result codes.

Source: sqlite.org/rescode.html. The lowest eight bits of an extended code are the primary code.
SQLite retries nothing that we could: a writer waits for the lock before its transaction begins.
"""

import sqlite3
from enum import Enum, auto
from typing import Final

from satmint.model.refusals import StoreUnavailable


class Decision(Enum):
    """What follows from an error."""

    REFUSE = auto()
    """The machine, the file or another process: `StoreUnavailable`, which is 503."""
    FAIL = auto()
    """A bug of ours: the error propagates, which is 500."""


DECISIONS: Final[dict[int, Decision]] = {
    0: Decision.FAIL,  # OK
    1: Decision.FAIL,  # ERROR: SQL
    2: Decision.FAIL,  # INTERNAL
    3: Decision.REFUSE,  # PERM: the mode of a new file
    4: Decision.REFUSE,  # ABORT: rolled back by another statement
    5: Decision.REFUSE,  # BUSY: another process held the lock for as long as we wait
    6: Decision.REFUSE,  # LOCKED
    7: Decision.REFUSE,  # NOMEM
    8: Decision.REFUSE,  # READONLY
    9: Decision.FAIL,  # INTERRUPT: nobody interrupts
    10: Decision.REFUSE,  # IOERR
    11: Decision.REFUSE,  # CORRUPT
    12: Decision.FAIL,  # NOTFOUND: an unknown file control
    13: Decision.REFUSE,  # FULL
    14: Decision.REFUSE,  # CANTOPEN
    15: Decision.REFUSE,  # PROTOCOL: the lock of the log could not be had
    16: Decision.FAIL,  # EMPTY: not used
    17: Decision.REFUSE,  # SCHEMA: changed by another process again and again
    18: Decision.FAIL,  # TOOBIG
    19: Decision.FAIL,  # CONSTRAINT; see `UniqueViolation`
    20: Decision.FAIL,  # MISMATCH
    21: Decision.FAIL,  # MISUSE
    22: Decision.REFUSE,  # NOLFS: the file system cannot hold a file of this size
    23: Decision.FAIL,  # AUTH: there is no authorizer
    24: Decision.FAIL,  # FORMAT: not used
    25: Decision.FAIL,  # RANGE: a parameter that the statement lacks
    26: Decision.REFUSE,  # NOTADB
    27: Decision.FAIL,  # NOTICE: never the result of a call
    28: Decision.FAIL,  # WARNING: never the result of a call
    100: Decision.FAIL,  # ROW
    101: Decision.FAIL,  # DONE
}
"""By primary result code. A code that is not here is a bug."""


def decision_of(error: sqlite3.Error) -> Decision:
    """What follows from an error. One that the module raises by itself has no code: a bug."""
    return DECISIONS.get(_primary_code(error), Decision.FAIL)


def is_unavailable(error: sqlite3.Error) -> bool:
    """Whether the database failed (full, locked, unreadable), not our code."""
    return decision_of(error) is Decision.REFUSE


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the lock."""
    return _primary_code(error) == sqlite3.SQLITE_BUSY


def map_driver_error(error: sqlite3.Error) -> Exception:
    """`StoreUnavailable` for a failure of the database; `error` itself if it is a bug."""
    if is_unavailable(error):
        return StoreUnavailable(str(getattr(error, "sqlite_errorname", "sqlite")).lower())
    return error


def _primary_code(error: sqlite3.Error) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else sqlite3.SQLITE_ERROR
