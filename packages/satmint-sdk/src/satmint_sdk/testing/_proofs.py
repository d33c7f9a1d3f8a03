"""Checks DPoP proofs; written from RFC 9449 and RFC 7638, not from this package's own signing."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any, Final

from satmint_sdk.testing._tokens import b64

_MEMBERS: Final = {"ES256": ("EC", {"kty", "crv", "x", "y"}), "RS256": ("RSA", {"kty", "n", "e"})}
"""By algorithm: the key's type, and the members of a public key of that type."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature is right.

    Attributes:
        thumbprint: RFC 7638 thumbprint of the key that signed it.
        header: Its header.
        claims: Its claims, not checked.
    """

    thumbprint: str
    header: dict[str, Any]
    claims: dict[str, Any]


def open_proof(proof: str) -> Proof:
    """Verify the form of a proof and its signature, which the key in its header must have made.

    Raises:
        ValueError: Its form is not that of a proof.
        cryptography.exceptions.InvalidSignature: Another key signed it.
    """
    head, body, signature = proof.split(".")
    header, claims = json.loads(_unb64(head)), json.loads(_unb64(body))
    if header.keys() != {"typ", "alg", "jwk"} or header["typ"] != "dpop+jwt":
        raise ValueError(f"not the header of a proof: {sorted(header)}")
    jwk, (kind, members) = header["jwk"], _MEMBERS[header["alg"]]
    if jwk.keys() != members or jwk["kty"] != kind:
        raise ValueError(f"not a public key for {header['alg']}: {sorted(jwk)}")
    _verify(jwk, f"{head}.{body}".encode(), _unb64(signature))
    canonical = json.dumps(dict(sorted(jwk.items())), separators=(",", ":")).encode()
    return Proof(b64(hashlib.sha256(canonical).digest()), header, claims)


def _verify(jwk: dict[str, str], signed: bytes, raw: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if jwk["kty"] == "RSA":
        rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key().verify(
            raw, signed, padding.PKCS1v15(), hashes.SHA256()
        )
        return
    if (jwk["crv"], len(raw)) != ("P-256", 64):
        raise ValueError("an ES256 signature has 64 bytes, by a key on P-256")
    point = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), ec.SECP256R1())
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    point.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))


def _unb64(text: str) -> bytes:
    if "=" in text:
        raise ValueError("base64url is written without padding (RFC 7515, section 2)")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_unb64(text), "big")
