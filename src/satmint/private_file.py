"""Files that only their owner can read, replaced atomically and durably, under a lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_private_file(file: Path, text: str, owner: Path | None = None) -> None:
    """Replace `file` atomically and durably; readable by its owner only, who stays the same.

    Args:
        file: The file.
        text: Its new content.
        owner: If root creates it, the file or folder whose owner it gets. Default: root.

    Raises:
        OSError: the file cannot be written; it is unchanged.
    """
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        owner = file if file.exists() else owner
        if owner is not None and os.geteuid() == 0:
            # A change by root must not take the file away from the server's user.
            before = owner.stat()
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Lock `folder` against other processes that change a file in it: changes would be lost.

    Raises:
        OSError: the folder cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def file_version(file: Path) -> tuple[int, int] | None:
    """What changes when the file is replaced or written. None: it does not exist."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
