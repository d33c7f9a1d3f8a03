"""`satmint_sdk.credentials.errors` by the vendor's name."""

from satmint_sdk.credentials.errors import *  # noqa: F403 - the same names
