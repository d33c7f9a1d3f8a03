"""The version of this distribution, read by the build and by the User-Agent."""

__version__ = "0.2.0"
