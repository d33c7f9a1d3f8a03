"""Token encryption: JWE (RFC 7516), key derivation, the keyring. Pure, given key and IV."""

from satmint.jose._rfc7516 import key_id
from satmint.jose._rfc7638 import thumbprint
from satmint.jose.deployment_proof import answer_challenge, is_answer, new_challenge
from satmint.jose.derived_entropy import DerivedEntropy, derived_mac
from satmint.jose.keyring import Keyring, KeyringError, KeyState, MasterKey
from satmint.jose.token_cipher import CannotOpen, OpenedToken, TokenCipher, derive_mac_key
from satmint.jose.wrapping import is_wrapped, unwrap, wrap

__all__ = [
    "CannotOpen",
    "DerivedEntropy",
    "KeyState",
    "Keyring",
    "KeyringError",
    "MasterKey",
    "OpenedToken",
    "TokenCipher",
    "answer_challenge",
    "derive_mac_key",
    "derived_mac",
    "is_answer",
    "is_wrapped",
    "key_id",
    "new_challenge",
    "thumbprint",
    "unwrap",
    "wrap",
]
