"""Parts for tests of programs that use this package."""

from satmint_sdk.testing._stores import check_store

__all__ = ["check_store"]
