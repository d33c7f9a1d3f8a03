"""Files that only their owner can read, replaced atomically and durably, under a lock."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def real_path(file: Path) -> Path:
    """The absolute path of `file` behind all symbolic links; it need not exist.

    A file is replaced there, so that links to it, such as those into a mounted volume, stay.
    """
    return Path(os.path.realpath(file))


def replace_private_file(
    file: Path, content: str | bytes, owner: Path | None = None, mode: int = 0o600
) -> None:
    """Replace `file` atomically and durably; the owner stays the same, and links to it as well.

    Args:
        file: The file, or a symbolic link to it.
        content: Its new content; text is written as UTF-8.
        owner: If root creates it, the file or folder whose owner it gets. Default: root.
        mode: Its permissions. Default: only its owner can read and write it.

    Raises:
        OSError: the file cannot be written; it is unchanged.
    """
    file = real_path(file)
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        owner = file if file.exists() else owner
        if owner is not None and os.geteuid() == 0:
            # A change by root must not take the file away from the server's user.
            before = owner.stat()
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
        stream.write(content.encode() if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def exclusive_lock(file: Path) -> Iterator[None]:
    """Lock the folder of `file` against other processes that change it: changes would be lost.

    Args:
        file: The file, or a symbolic link to it.

    Raises:
        OSError: the folder cannot be opened.
    """
    handle = os.open(real_path(file).parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_open_to_others(status: os.stat_result, user: int) -> bool:
    """Whether more than the server can read a file, or replace its content.

    A file of root that its group may read and not write is private to the server: this is how root
    lends a secret to a service, and how Kubernetes mounts one.

    Args:
        status: Of the file.
        user: The user id of this process.
    """
    mode = stat.S_IMODE(status.st_mode)
    is_lent = status.st_uid == 0 != user and not mode & 0o030
    return bool(mode & (0o007 if is_lent else 0o077))


def file_version(file: Path) -> tuple[int, int] | None:
    """What changes when the file is replaced or written. None: it does not exist."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
