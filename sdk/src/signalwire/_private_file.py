"""Files that hold a secret: mode 0600, replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from signalwire._ambient import Entropy

_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077


def write_private(path: Path, content: bytes, entropy: Entropy, *, replace: bool = True) -> None:
    """Give `content` the name `path`, so that a reader sees all of it or what was there before.

    When this returns, the content survives a power cut: the file is synced before it gets its
    name, and the directory after.

    Args:
        path: The name.
        content: The whole content.
        entropy: Draws the name that the file has meanwhile.
        replace: Whether a file that is there already gives way.

    Raises:
        FileExistsError: A file is there, and was not to give way.
        OSError: It could not be done; what was there is as it was.
    """
    draft = path.with_name(f".{path.name}.{entropy.take(8).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        try:
            view = memoryview(content)
            while view:  # a write to a nearly full disk may be short
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)  # unlike a rename, this refuses where the name is taken
            draft.unlink()
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    _sync_directory(path.parent)


def read_private(path: Path) -> bytes | None:
    """Read the file at `path`; `None` where there is none.

    Raises:
        PermissionError: Others than its owner may read or write it.
        OSError: It could not be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        if os.name == "posix" and stat.S_IMODE(os.fstat(handle).st_mode) & _OTHERS:
            raise PermissionError(f"{path} holds a secret and is open to others: chmod 600 it")
        return file.read()


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":  # a directory cannot be opened elsewhere
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
