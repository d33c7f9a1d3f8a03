"""`satmint_sdk.rest.types` by the vendor's name."""

from satmint_sdk.rest.types import *  # noqa: F403 - the same names
