"""Why a proof was refused: one cause for each check, and no word of the proof."""

from enum import StrEnum


class ProofCause(StrEnum):
    """The check that failed. Stable words for logs, counters and clients."""

    MALFORMED = "proof_malformed"
    """1: three non-empty base64url parts, at most 8 KiB."""
    JSON = "proof_json"
    """2: header and payload are JSON objects, unambiguous and not nested deeply."""
    TYPE = "proof_type"
    """3: `typ` is `dpop+jwt`, and nothing is `crit`."""
    ALGORITHM = "proof_algorithm"
    """4: `alg` is one of ours, and fits the key."""
    KEY = "proof_key"
    """5: `jwk` is a sound public key."""
    SIGNATURE = "proof_signature"
    """6: that key made the signature."""
    CLAIMS = "proof_claims"
    """7: the claims of this kind of proof are there and of the right type."""
    TARGET = "proof_target"
    """8: it was made for this very request."""
    TIME = "proof_time"
    """9: it was made just now."""
    ATH = "proof_ath"
    """10: it was made for this very token."""
    NONCE = "proof_nonce"
    """After all others, where nonces are asked for: it carries one of ours that is current."""


class ProofRefused(Exception):
    """The proof failed one check; those after it were not made."""

    def __init__(self, cause: ProofCause, skew: int | None = None) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.skew = skew
        """Where the cause is TIME: seconds by which the proof is ahead of us, or behind (< 0)."""
