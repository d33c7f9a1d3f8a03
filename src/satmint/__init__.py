"""satmint: a self-hosted server for Subscriber Access Tokens."""

__version__ = "0.2.0"
