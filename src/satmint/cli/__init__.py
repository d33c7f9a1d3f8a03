"""The command line: `satmint`."""

import signal
import sys

# These signals make a server reload its files or replace its workers. Until their handlers are
# installed, the default action would terminate the process. They are ignored until then, because a
# server that starts reads the files anyway.
if sys.argv[1:2] in (["serve"], ["dev"]):
    for _number in (signal.SIGHUP, signal.SIGUSR2):
        signal.signal(_number, signal.SIG_IGN)

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """The console script `satmint`."""
    if sys.argv[1:2] == ["doctor"]:
        from satmint.cli.live import is_live_check, run_live_check  # noqa: PLC0415 - as few as needed

        if is_live_check(sys.argv[1:]):
            sys.exit(run_live_check(sys.argv[1:]))
    from satmint.cli.program import main as run_program  # noqa: PLC0415 - see `satmint.cli.live`

    run_program()
