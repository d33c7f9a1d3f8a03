"""Proofs, opened as the fake service of `satmint_sdk.testing` opens them."""

from satmint_sdk.testing._proofs import Proof, open_proof

__all__ = ["Proof", "open_proof"]
