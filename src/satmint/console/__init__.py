"""The console: web pages for those who run satmint, at `/console` of the admin listener.

An ASGI application of its own, on `flows` and on parts of `http`. No flow knows of it. See
`satmint.console.pages` for how to add a page, and decision 0019.
"""

from satmint.console.application import Console
from satmint.console.context import ConsoleContext

__all__ = ["Console", "ConsoleContext"]
