"""Files that contain a secret: mode 0600, replaced atomically."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from satmint_sdk._ambient import Entropy

_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077


def real_path(path: Path) -> Path:
    """The absolute path of a file behind all symbolic links; it need not exist.

    A file is replaced there, so that links to it stay, and all who use one of them share it.
    """
    return Path(os.path.realpath(path))


def write_private(path: Path, content: bytes, entropy: Entropy, *, replace: bool = True) -> None:
    """Write `content` to `path` atomically and durably.

    When this returns, the content survives a power failure: the file is synced before it gets its
    name, and the directory after.

    Args:
        path: The file, or a symbolic link to it, which stays.
        content: The complete content.
        entropy: For the name of the temporary file.
        replace: Whether an existing file is replaced.

    Raises:
        FileExistsError: The file exists, and `replace` is false.
        OSError: The file cannot be written; an existing one is unchanged.
    """
    path = real_path(path)
    temporary = path.with_name(f".{path.name}.{entropy.take(8).hex()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        try:
            view = memoryview(content)
            while view:  # a write to a nearly full disk may be short
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # unlike a rename, this fails if the name exists
            temporary.unlink()
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def read_private(path: Path) -> bytes | None:
    """Read the file at `path`; `None` if it does not exist.

    Raises:
        PermissionError: Users other than its owner may read or write it.
        OSError: It cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        if os.name == "posix" and stat.S_IMODE(os.fstat(handle).st_mode) & _OTHERS:
            raise PermissionError(f"{path} contains a secret and is open to others: chmod 600 it")
        return file.read()


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":  # other systems cannot open a directory
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
