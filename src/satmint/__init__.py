"""satmint: a self-hosted mint for Subscriber Access Tokens."""

from importlib.metadata import version

__version__ = version("satmint")
