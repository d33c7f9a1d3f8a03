"""The clock and the entropy of `satmint_sdk.testing`, under the names that these tests use."""

from satmint_sdk.testing import FakeClock, settle
from satmint_sdk.testing import FakeEntropy as Dice

__all__ = ["Dice", "FakeClock", "settle"]
