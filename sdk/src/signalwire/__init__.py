"""Subscriber tokens for Python.

`signalwire.rest` asks for them, `signalwire.credentials` keeps them fresh.

Importing this package loads neither of the two, so that a program pays only for what it uses.
The import name is the vendor's on purpose: code written for its SDK runs unchanged.
"""

from signalwire._version import __version__

__all__ = ["__version__"]
