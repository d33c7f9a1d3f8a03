"""`satmint_sdk.rest` by the vendor's name."""

from satmint_sdk.rest import *  # noqa: F403 - the same names
from satmint_sdk.rest import __all__ as __all__
