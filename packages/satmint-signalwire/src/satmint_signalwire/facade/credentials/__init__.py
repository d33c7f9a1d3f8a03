"""`satmint_sdk.credentials` by the vendor's name."""

from satmint_sdk.credentials import *  # noqa: F403 - the same names
from satmint_sdk.credentials import __all__ as __all__
