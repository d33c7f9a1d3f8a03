"""Keys and signatures (RFC 7518, sections 3 and 6; RFC 8037; RFC 9864, section 2.2).

Only the canonical encoding of a key is accepted, so a key has one thumbprint: otherwise a revoked
key could return with another one.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from satmint.dpop._rfc8032 import is_valid_public_point
from satmint.dpop.refusal import ProofCause, ProofRefused
from satmint.jose import thumbprint
from satmint.model.base64url import NotBase64Url, b64url_decode

_KEY_TYPES: Final = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""`kty` and `crv` of each algorithm's keys. `EdDSA` and `Ed25519` are two names of one algorithm
here: RFC 9864 deprecates the first, which browsers and libraries still send."""

ALGORITHMS: Final = tuple(_KEY_TYPES)

_PRIVATE: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
"""Members of private and secret keys (RFC 7518, sections 6.2.2, 6.3.2 and 6.4)."""
_RSA_BITS: Final = range(2048, 4096 + 1)
_RSA_EXPONENT: Final = 65537
_COORDINATE_BYTES: Final = 32
_P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1

Verify = Callable[[bytes, bytes], None]
"""Verifies a signature over a signing input; raises InvalidSignature."""


class ProofKey(NamedTuple):
    """A valid public key, with its one algorithm."""

    jkt: str
    """Its thumbprint (RFC 7638)."""
    verify: Verify


def load_key(alg: object, jwk: object) -> ProofKey:
    """Load the key of a proof's header.

    Members that no check needs (`ext`, `key_ops`, `use`, …) are ignored: WebCrypto adds them.

    Raises:
        ProofRefused: ALGORITHM or KEY.
    """
    key_type = _KEY_TYPES.get(alg) if isinstance(alg, str) else None
    if key_type is None:
        raise ProofRefused(ProofCause.ALGORITHM)
    if not isinstance(jwk, dict):
        raise ProofRefused(ProofCause.KEY)
    if (jwk.get("kty"), jwk.get("crv") if key_type[1] else None) != key_type:
        raise ProofRefused(ProofCause.ALGORITHM)
    if not _PRIVATE.isdisjoint(jwk):
        raise ProofRefused(ProofCause.KEY)
    try:
        verify = _LOAD[key_type[0]](jwk, str(alg))
    except ValueError as error:
        raise ProofRefused(ProofCause.KEY) from error
    return ProofKey(thumbprint(jwk), verify)


def _rsa(jwk: Mapping[str, object], alg: str) -> Verify:
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


def _p256(jwk: Mapping[str, object], _alg: str) -> Verify:
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


def _ed25519(jwk: Mapping[str, object], _alg: str) -> Verify:
    point = _coordinate(jwk.get("x"))
    if not is_valid_public_point(point):
        raise ValueError("not an Ed25519 key that is accepted")
    return Ed25519PublicKey.from_public_bytes(point).verify


_LOAD: Final = {"RSA": _rsa, "EC": _p256, "OKP": _ed25519}


def _octets(value: object) -> bytes:
    if not isinstance(value, str):
        raise NotBase64Url
    return b64url_decode(value)


def _number(value: object) -> int:
    """A Base64urlUInt (RFC 7518, section 2), without leading zero octets."""
    octets = _octets(value)
    if not octets or octets[0] == 0:
        raise NotBase64Url
    return int.from_bytes(octets, "big")


def _coordinate(value: object) -> bytes:
    """A coordinate, of the curve's full size (RFC 7518, section 6.2.1.2)."""
    octets = _octets(value)
    if len(octets) != _COORDINATE_BYTES:
        raise NotBase64Url
    return octets
