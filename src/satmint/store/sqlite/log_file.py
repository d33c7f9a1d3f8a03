"""Reads `user_version` from a database file and from its write-ahead log, before SQLite opens them.

Opening a database applies its log to the file and removes it, so that it must be known before
whether the log belongs to the file. The formats: https://www.sqlite.org/fileformat2.html.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_PAGE_SIZE_AT: Final = 8
"""Offset in the header of the log; four bytes, as each number below, big-endian."""
_LOG_SALT_AT: Final = slice(16, 24)
_FRAME_SALT_AT: Final = slice(8, 16)
"""A frame with another salt is left over from an earlier log."""
_USER_VERSION_AT: Final = 60
"""Offset in the first page of a database."""


def log_of(database: Path) -> Path:
    """The path of a database file's write-ahead log."""
    return Path(f"{database.resolve()}-wal")


def salt_of_log(database: Path) -> int | None:
    """The first salt in the header of the log; None if there is no log.

    SQLite increments it whenever it writes the log from the beginning again.
    """
    try:
        with log_of(database).open("rb") as log:
            header = log.read(_LOG_HEADER)
    except OSError:
        return None
    return _number(header, _LOG_SALT_AT.start) if len(header) == _LOG_HEADER else None


def user_version_in_file(database: Path) -> int | None:
    """The `user_version` of the file without its log; None if it cannot be read.

    The file may be in use: SQLite reads it, because a file that this process closes otherwise loses
    the locks of all its connections.
    """
    url = f"file:{quote(str(database))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(url, uri=True)) as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        return None
    return version


def user_versions_in_log(database: Path) -> set[int]:
    """Each `user_version` in the log; those of transactions that were not committed may be too.

    Raises:
        OSError: the log cannot be read.
    """
    found = set()
    with log_of(database).open("rb") as log:
        header = log.read(_LOG_HEADER)
        page_size = _number(header, _PAGE_SIZE_AT)
        size = os.fstat(log.fileno()).st_size
        for at in range(_LOG_HEADER, size - page_size, _FRAME_HEADER + page_size):
            log.seek(at)
            frame = log.read(_FRAME_HEADER)
            if frame[_FRAME_SALT_AT] != header[_LOG_SALT_AT]:
                break
            if _number(frame, 0) == 1:
                found.add(_number(log.read(_USER_VERSION_AT + 4), _USER_VERSION_AT))
    return found


def _number(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 4], "big")
