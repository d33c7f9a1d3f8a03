"""The command line: `satmint`."""

from satmint.cli.program import main

__all__ = ["main"]
