"""Wraps the keyring: an encrypted JWK Set (RFC 7517, section 7).

A JWE (RFC 7516) in compact serialisation, with `dir`, `A256GCM` and the `cty` that the RFC
requires. `kid` is the thumbprint of the wrapping key (RFC 7638), which distinguishes a wrong key
from a damaged file. The hash of 256 random bits does not reveal them.
"""

import json
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from satmint.jose._rfc7516 import IV_BYTES, TAG_BYTES
from satmint.jose.keyring import KEY_BYTES, Keyring, KeyringError
from satmint.model.base64url import NotBase64Url, b64url, b64url_decode
from satmint.model.entropy import Entropy

_FORMAT: Final = {"alg": "dir", "enc": "A256GCM", "cty": "jwk-set+json"}
_DAMAGED: Final = "the wrapped keyring is damaged, or was tampered with"


def is_wrapped(text: str) -> bool:
    """Whether a keyring's text is a JWE and not a plain JWK Set."""
    return text.lstrip().startswith("eyJ")


def wrap(keyring: Keyring, key: bytes, entropy: Entropy) -> str:
    """The keyring as an encrypted JWK Set.

    Args:
        keyring: The keyring.
        key: 32 random bytes. It wraps a few thousand times in its lifetime, far below 2^32.
        entropy: For the IV.
    """
    members = {**_FORMAT, "kid": _thumbprint_of(key)}
    header = b64url(json.dumps(members, separators=(",", ":")).encode())
    iv = entropy.take(IV_BYTES)
    sealed = AESGCM(key).encrypt(iv, keyring.to_jwks().encode(), header.encode("ascii"))
    parts = (header, "", b64url(iv), b64url(sealed[:-TAG_BYTES]), b64url(sealed[-TAG_BYTES:]))
    return ".".join(parts) + "\n"


def unwrap(text: str, key: bytes) -> Keyring:
    """Decrypt a wrapped keyring.

    Raises:
        KeyringError: it was wrapped by another key, is damaged, or is not a keyring.
    """
    parts = text.strip().split(".")
    try:
        header = json.loads(b64url_decode(parts[0]))
        _, empty, iv, sealed, tag = parts
        data = b64url_decode(sealed) + b64url_decode(tag)
        nonce = b64url_decode(iv)
    except (NotBase64Url, ValueError) as error:
        raise KeyringError(_DAMAGED) from error
    if not isinstance(header, dict) or "kid" not in header:
        raise KeyringError(_DAMAGED)
    if header["kid"] != _thumbprint_of(key):
        raise KeyringError("keyring_kek is not the key that the keyring was wrapped with")
    # The algorithm is ours, and never read from the file to choose one (RFC 8725, section 3.1).
    format_members = {name: value for name, value in header.items() if name != "kid"}
    if (
        format_members != _FORMAT
        or empty
        or len(nonce) != IV_BYTES
        or len(b64url_decode(tag)) != TAG_BYTES
    ):
        raise KeyringError(_DAMAGED)
    try:
        content = AESGCM(key).decrypt(nonce, data, parts[0].encode("ascii"))
    except InvalidTag as error:
        raise KeyringError(_DAMAGED) from error
    return Keyring.from_jwks(content.decode(errors="replace"))


def _thumbprint_of(key: bytes) -> str:
    """RFC 7638, for a key of type `oct` (RFC 7638, section 3.2).

    Raises:
        KeyringError: it is not 256 bits long.
    """
    if len(key) != KEY_BYTES:
        raise KeyringError("the key that wraps the keyring must be 256 bits long")
    return b64url(sha256(b'{"k":"%b","kty":"oct"}' % b64url(key).encode("ascii")).digest())
