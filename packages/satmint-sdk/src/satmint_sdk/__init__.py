"""Subscriber tokens for Python.

`satmint_sdk.rest` requests them, `satmint_sdk.credentials` keeps them fresh.

Importing this package loads neither of the two, so that a program loads only what it uses. The
names below it are the vendor's: code written for its SDK needs only another import name.
"""

from satmint_sdk._version import __version__

__all__ = ["__version__"]


def __dir__() -> list[str]:
    return ["__version__", "credentials", "rest"]
