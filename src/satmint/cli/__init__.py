"""The command line: `satmint`."""

import signal
import sys

# These signals make a server reload its files or replace its workers. Until their handlers are
# installed, the default action would terminate the process. They are ignored until then, because a
# server that starts reads the files anyway.
if sys.argv[1:2] in (["serve"], ["dev"]):
    for _number in (signal.SIGHUP, signal.SIGUSR2):
        signal.signal(_number, signal.SIG_IGN)

from satmint.cli.program import main

__all__ = ["main"]
