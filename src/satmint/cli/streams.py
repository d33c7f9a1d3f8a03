"""The standard streams of a command: closed ones, full disks, exited readers, other encodings."""

import contextlib
import errno
import fcntl
import io
import os
import select
import sys
from typing import Final, TextIO

_OUTPUT_ERRORS: Final = frozenset(
    {
        *(errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO),
        *(errno.ENOSPC, errno.EPIPE, errno.ECONNRESET),
    }
)


def open_standard_streams() -> None:
    """Give every closed standard stream a descriptor, on which reads and writes fail.

    Otherwise, the next file that is opened, such as the database, would get the descriptor, and
    whatever is written to the stream would go there.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free descriptor is used. The wrong mode makes every access fail.
            os.open(os.devnull, os.O_WRONLY if number == 0 else os.O_RDONLY)
    if sys.stdin is None:
        sys.stdin = io.StringIO()
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")


def escape_unencodable(*streams: TextIO) -> None:
    """Write characters that the encoding of a stream lacks as escape sequences."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream can encode all characters."""
    return (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")


def terminal_size() -> os.terminal_size | None:
    """The columns and lines of the terminal of standard output. None: it is no terminal.

    As for other programs, `COLUMNS` and `LINES` in the environment override what the terminal says.
    """
    if not sys.stdout.isatty():
        return None
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        size = os.terminal_size((0, 0))
    columns, lines = (
        int(given) if (given := os.environ.get(name, "")).isdecimal() and int(given) else found
        for name, found in zip(("COLUMNS", "LINES"), size, strict=True)
    )
    return os.terminal_size((columns or 80, lines or 24))


def output_fault() -> OSError | None:
    """Why standard output cannot be written, as far as that is known before. None: unknown.

    A full disk is only found by writing.
    """
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # not a file, as in a test
        return None
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        return OSError(errno.EBADF, "it is closed")
    poll = select.poll()
    poll.register(descriptor, 0)
    if poll.poll(0):  # POLLERR or POLLHUP, which are always reported
        return BrokenPipeError(errno.EPIPE, "its reader has exited")
    return None


def is_output_error(error: OSError) -> bool:
    """Whether a write to a stream, and not the use of a named file, may have raised `error`."""
    return error.filename is None and error.errno in _OUTPUT_ERRORS


def flush_or_discard(stream: TextIO) -> OSError | None:
    """Write the buffer of a stream. If that fails, discard it, and return the error.

    The interpreter would otherwise try again at exit, complain, and change the exit code.
    """
    try:
        stream.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            stream.flush()
        return error
    return None
