"""Shows long text on a terminal through the user's pager."""

import os
import shlex
import signal
import subprocess
import sys
from typing import Final

_DEFAULT: Final = "less"
_LESS: Final = "FRX"
"""Options of less, unless `LESS` is set: colours, no other screen, and no page for short text."""


def page(text: str) -> bool:
    """Show `text` through the pager. False: there is no pager, and nothing was shown.

    The pager is the command in `PAGER`, by default `less`. None is used if `PAGER` is empty or
    `cat`, or if standard input and output are not both a terminal that moves its cursor.
    """
    command = _command()
    if command is None:
        return False
    environment = {"LESS": _LESS, "LV": "-c", **os.environ}
    data = text.encode(sys.stdout.encoding or "utf-8", "backslashreplace")
    # An interrupt from the keyboard is for the pager, which uses it to stop a search. The pager
    # would inherit `SIG_IGN`, but not a handler.
    previous = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with subprocess.Popen(  # noqa: S603 - the user's own command
            command, stdin=subprocess.PIPE, env=environment
        ) as pager:
            pager.communicate(data)
    except OSError:
        return False
    finally:
        signal.signal(signal.SIGINT, previous)
    return True


def _command() -> list[str] | None:
    """The command line of the pager. None: write directly."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    try:
        words = shlex.split(os.environ.get("PAGER", _DEFAULT))
    except ValueError:
        return None
    return words if words and words != ["cat"] else None
