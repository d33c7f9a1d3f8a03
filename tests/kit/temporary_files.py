"""Prints the folder for the temporary files of tests: one in memory, if there is room.

SQLite waits for the disk at every commit, and most tests make a database.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = Path("/dev/shm")
_ENOUGH_BYTES: Final = 4 * 2**30


def folder_for_tests(memory: Path = _IN_MEMORY) -> Path:
    """Return `memory` if programs run from there and 4 GiB are free, else the usual folder."""
    usable = (
        os.access(memory, os.W_OK | os.X_OK)
        and not os.statvfs(memory).f_flag & os.ST_NOEXEC
        and shutil.disk_usage(memory).free >= _ENOUGH_BYTES
    )
    return memory if usable else Path(tempfile.gettempdir())


if __name__ == "__main__":
    print(folder_for_tests())
