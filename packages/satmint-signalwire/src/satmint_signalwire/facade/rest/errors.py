"""`satmint_sdk.rest.errors` by the vendor's name."""

from satmint_sdk.rest.errors import *  # noqa: F403 - the same names
