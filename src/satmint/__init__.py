"""satmint: a self-hosted server for Subscriber Access Tokens."""

from importlib.metadata import version

__version__ = version("satmint")
