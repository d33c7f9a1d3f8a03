"""A keyring under a key of its own: an encrypted JWK Set (RFC 7517, section 7).

A JWE (RFC 7516) in compact serialisation, with `dir`, `A256GCM` and the `cty` that the RFC asks
for. `kid` is the thumbprint of the key that wraps it (RFC 7638), so that a wrong key can be told
from a damaged file. A key of 256 random bits is not given away by its hash.
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

_SHAPE: Final = {"alg": "dir", "enc": "A256GCM", "cty": "jwk-set+json"}
_DAMAGED: Final = "the wrapped keyring is damaged, or was tampered with"


def is_wrapped(text: str) -> bool:
    """Whether a keyring's text is a JWE, and no JWK Set in the clear."""
    return text.lstrip().startswith("eyJ")


def wrap(keyring: Keyring, key: bytes, entropy: Entropy) -> str:
    """The keyring as an encrypted JWK Set.

    Args:
        keyring: What is to be kept secret.
        key: 32 random bytes. It wraps a few thousand times in its life, far from 2^32.
        entropy: For the IV.
    """
    members = {**_SHAPE, "kid": _name_of(key)}
    header = b64url(json.dumps(members, separators=(",", ":")).encode())
    iv = entropy.take(IV_BYTES)
    sealed = AESGCM(key).encrypt(iv, keyring.to_jwks().encode(), header.encode("ascii"))
    parts = (header, "", b64url(iv), b64url(sealed[:-TAG_BYTES]), b64url(sealed[-TAG_BYTES:]))
    return ".".join(parts) + "\n"


def unwrap(text: str, key: bytes) -> Keyring:
    """The keyring that `wrap` has wrapped.

    Raises:
        KeyringError: it was wrapped by another key, is damaged, or is no keyring.
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
    if header["kid"] != _name_of(key):
        raise KeyringError("the keyring was wrapped by another key than the one of keyring_kek")
    # The algorithm is ours, and never read from the file to choose one (RFC 8725, section 3.1).
    shape = {name: value for name, value in header.items() if name != "kid"}
    if shape != _SHAPE or empty or len(nonce) != IV_BYTES or len(b64url_decode(tag)) != TAG_BYTES:
        raise KeyringError(_DAMAGED)
    try:
        content = AESGCM(key).decrypt(nonce, data, parts[0].encode("ascii"))
    except InvalidTag as error:
        raise KeyringError(_DAMAGED) from error
    return Keyring.from_jwks(content.decode(errors="replace"))


def _name_of(key: bytes) -> str:
    """RFC 7638, for a key of type `oct` (RFC 7638, section 3.2).

    Raises:
        KeyringError: it is not 256 bits long.
    """
    if len(key) != KEY_BYTES:
        raise KeyringError("the key that wraps the keyring must be 256 bits long")
    return b64url(sha256(b'{"k":"%b","kty":"oct"}' % b64url(key).encode("ascii")).digest())
