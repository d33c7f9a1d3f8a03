"""Sealing and opening: JWE (RFC 7516), key derivation, the keyring. Pure, given key and IV."""

from satmint.jose._rfc7638 import thumbprint
from satmint.jose.keyring import Keyring, KeyringError, KeyState, MasterKey
from satmint.jose.sealing import CannotOpen, Opened, Safe

__all__ = [
    "CannotOpen",
    "KeyState",
    "Keyring",
    "KeyringError",
    "MasterKey",
    "Opened",
    "Safe",
    "thumbprint",
]
