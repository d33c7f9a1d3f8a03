"""Tokens that look like real ones, as `satmint_sdk.testing` makes them."""

from satmint_sdk.testing import make_token
from satmint_sdk.testing._tokens import b64

__all__ = ["b64", "make_token"]
