"""Checks proofs of possession (RFC 9449). Pure, given the time and a key for nonces."""

from satmint.dpop._rfc7518 import ALGORITHMS
from satmint.dpop._rfc9449 import (
    HttpTarget,
    Proof,
    ProofRules,
    check_http_proof,
    check_rpc_proof,
)
from satmint.dpop.nonces import Nonces
from satmint.dpop.refusal import ProofCause, ProofRefused

__all__ = [
    "ALGORITHMS",
    "HttpTarget",
    "Nonces",
    "Proof",
    "ProofCause",
    "ProofRefused",
    "ProofRules",
    "check_http_proof",
    "check_rpc_proof",
]
