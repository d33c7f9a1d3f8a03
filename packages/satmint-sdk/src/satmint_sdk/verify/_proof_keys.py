"""The keys of proofs (RFC 7518, sections 3 and 6; RFC 8037; RFC 9864, section 2.2).

Only the canonical encoding of a key is accepted, so a key has one thumbprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from satmint_sdk.verify import _base64url
from satmint_sdk.verify.errors import RefusalCause

_KEY_TYPES: Final = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_MEMBERS: Final = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
"""What enters a thumbprint, in its order (RFC 7638, section 3.2; RFC 8037, section 2)."""
_PRIVATE: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
_RSA_BITS: Final = range(2048, 4096 + 1)
_RSA_EXPONENT: Final = 65537
_COORDINATE_BYTES: Final = 32
_P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))

Verify = Callable[[bytes, bytes], None]
"""Verifies a signature over a signing input; raises `InvalidSignature`."""


class KeyRefused(Exception):
    """The key is not accepted."""

    def __init__(self, cause: RefusalCause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class ProofKey(NamedTuple):
    """A public key with its one algorithm, and its thumbprint."""

    jkt: str
    verify: Verify


def load_key(alg: object, jwk: object) -> ProofKey:
    """Load the key of a proof's header; members that no check needs are ignored.

    Raises:
        KeyRefused: The algorithm is not supported, or does not fit; or the key is not accepted.
    """
    key_type = _KEY_TYPES.get(alg) if isinstance(alg, str) else None
    if key_type is None:
        raise KeyRefused(RefusalCause.PROOF_ALGORITHM)
    if not isinstance(jwk, dict):
        raise KeyRefused(RefusalCause.PROOF_KEY)
    if (jwk.get("kty"), jwk.get("crv") if key_type[1] else None) != key_type:
        raise KeyRefused(RefusalCause.PROOF_ALGORITHM)
    if not _PRIVATE.isdisjoint(jwk):
        raise KeyRefused(RefusalCause.PROOF_KEY)
    try:
        verify = _LOAD[key_type[0]](jwk, str(alg))
        return ProofKey(_thumbprint(jwk), verify)
    except (ValueError, TypeError):
        raise KeyRefused(RefusalCause.PROOF_KEY) from None


def _thumbprint(jwk: Mapping[str, Any]) -> str:
    members = {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"))
    return _base64url.encode(hashlib.sha256(canonical.encode()).digest())


def _rsa(jwk: Mapping[str, Any], alg: str) -> Verify:
    n, e = _number(jwk.get("n")), _number(jwk.get("e"))
    if n.bit_length() not in _RSA_BITS or n % 2 == 0 or e != _RSA_EXPONENT:
        raise ValueError("not an RSA key that is accepted")
    key, digest = rsa.RSAPublicNumbers(e, n).public_key(), SHA256()
    # RFC 7518, section 3.5: the salt is as long as the hash.
    pss = padding.PSS(padding.MGF1(SHA256()), salt_length=SHA256.digest_size)
    scheme = pss if alg == "PS256" else padding.PKCS1v15()

    def verify(signature: bytes, signed: bytes) -> None:
        key.verify(signature, signed, scheme, digest)

    return verify


def _p256(jwk: Mapping[str, Any], _alg: str) -> Verify:
    x, y = (int.from_bytes(_coordinate(jwk.get(name)), "big") for name in ("x", "y"))
    # The library reduces coordinates modulo the prime: some keys would have two encodings.
    if x >= _P256_PRIME or y >= _P256_PRIME:
        raise ValueError("not an EC key that is accepted")
    # Rejects points that are not on the curve.
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    scheme = ec.ECDSA(SHA256())

    def verify(signature: bytes, signed: bytes) -> None:
        # RFC 7518, section 3.4: R and S, 32 bytes each, not DER.
        if len(signature) != 2 * _COORDINATE_BYTES:
            raise InvalidSignature
        r, s = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
        der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        key.verify(der, signed, scheme)

    return verify


def _ed25519(jwk: Mapping[str, Any], _alg: str) -> Verify:
    point = _coordinate(jwk.get("x"))
    if not _is_valid_point(point):
        raise ValueError("not an Ed25519 key that is accepted")
    return Ed25519PublicKey.from_public_bytes(point).verify


_LOAD: Final = {"RSA": _rsa, "EC": _p256, "OKP": _ed25519}


def _is_valid_point(encoded: bytes) -> bool:
    """Whether bytes are the canonical encoding of a curve point that is not of small order.

    RFC 8032, section 5.1.3. With a point of small order, a signature can be forged that is valid
    for every message.
    """
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    if y >= _P or y in _SMALL_ORDER:
        return False
    # x² = (y² - 1) / (d·y² + 1) has a root just where the product of the two is a square.
    squared = y * y % _P
    product = (squared - 1) * (_D * squared + 1) % _P
    return pow(product, (_P - 1) // 2, _P) == 1


def _octets(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return _base64url.decode(value)


def _number(value: object) -> int:
    """A Base64urlUInt (RFC 7518, section 2), without leading zero octets."""
    octets = _octets(value)
    if not octets or octets[0] == 0:
        raise ValueError("not a canonical number")
    return int.from_bytes(octets, "big")


def _coordinate(value: object) -> bytes:
    """A coordinate, of the curve's full size (RFC 7518, section 6.2.1.2)."""
    octets = _octets(value)
    if len(octets) != _COORDINATE_BYTES:
        raise ValueError("not a coordinate")
    return octets
