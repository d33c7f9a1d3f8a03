"""JWK thumbprints (RFC 7638), and RFC 8037 section 2 for OKP keys."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from satmint.model.base64url import b64url

_REQUIRED: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
    "oct": ("k", "kty"),
}
"""The members that are hashed, in lexicographic order (RFC 7638, section 3.2)."""


def thumbprint(jwk: Mapping[str, object]) -> str:
    """The SHA-256 thumbprint of a JWK: base64url, 43 characters.

    Members that are not required for the key type are ignored (RFC 7638, section 3.1).

    Raises:
        ValueError: an unknown key type, or a required member that is absent or not a string.
    """
    names = _REQUIRED.get(str(jwk.get("kty")))
    if names is None:
        raise ValueError("unknown key type")
    members = {name: jwk.get(name) for name in names}
    if not all(isinstance(value, str) for value in members.values()):
        raise ValueError("a required member is missing")
    canonical = json.dumps(members, separators=(",", ":"), ensure_ascii=False)
    return b64url(sha256(canonical.encode()).digest())
