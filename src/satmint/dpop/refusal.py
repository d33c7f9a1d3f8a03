"""Why a proof was refused: one cause for each check; never any part of the proof."""

from enum import StrEnum


class ProofCause(StrEnum):
    """The failed check. Stable words for logs, metrics and clients."""

    MALFORMED = "proof_malformed"
    """1: three non-empty base64url parts, at most 8 KiB."""
    JSON = "proof_json"
    """2: header and payload are strict JSON objects, not nested deeply."""
    TYPE = "proof_type"
    """3: `typ` is `dpop+jwt`, and there is no `crit`."""
    ALGORITHM = "proof_algorithm"
    """4: `alg` is supported and matches the key."""
    KEY = "proof_key"
    """5: `jwk` is a valid public key."""
    SIGNATURE = "proof_signature"
    """6: the signature is valid."""
    CLAIMS = "proof_claims"
    """7: the claims of this kind of proof are present and have the right types."""
    TARGET = "proof_target"
    """8: the proof is for this request."""
    TIME = "proof_time"
    """9: the proof is recent."""
    ATH = "proof_ath"
    """10: the proof is for this token."""
    NONCE = "proof_nonce"
    """Last, if nonces are required: the proof carries a current nonce of the server."""


class ProofRefused(Exception):
    """The proof failed a check; later checks were not made."""

    def __init__(self, cause: ProofCause, skew: int | None = None) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.skew = skew
        """For TIME: seconds by which the proof is ahead of the server's clock, or behind (< 0)."""
