"""Checking proofs, written from RFC 9449 and RFC 7638 and not from the SDK."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kit.tokens import b64


@dataclass(frozen=True)
class Proof:
    thumbprint: str
    header: dict[str, Any]
    claims: dict[str, Any]


def unb64(text: str) -> bytes:
    assert "=" not in text
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text: str) -> int:
    return int.from_bytes(unb64(text), "big")


def open_proof(proof: str) -> Proof:
    """Verify form and signature.

    Raises:
        cryptography.exceptions.InvalidSignature: It was not signed by the key in it.
    """
    head, body, signature = proof.split(".")
    header, claims = json.loads(unb64(head)), json.loads(unb64(body))
    assert header.keys() == {"typ", "alg", "jwk"}
    assert header["typ"] == "dpop+jwt"
    jwk = header["jwk"]
    signed, raw = f"{head}.{body}".encode(), unb64(signature)
    if header["alg"] == "ES256":
        assert jwk.keys() == {"kty", "crv", "x", "y"}
        assert (jwk["kty"], jwk["crv"], len(raw)) == ("EC", "P-256", 64)
        point = ec.EllipticCurvePublicNumbers(
            number(jwk["x"]), number(jwk["y"]), ec.SECP256R1()
        ).public_key()
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        point.verify(der, signed, ec.ECDSA(hashes.SHA256()))
    else:
        assert jwk.keys() == {"kty", "n", "e"}
        assert (jwk["kty"], header["alg"]) == ("RSA", "RS256")
        rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key().verify(
            raw, signed, padding.PKCS1v15(), hashes.SHA256()
        )
    canonical = json.dumps(dict(sorted(jwk.items())), separators=(",", ":")).encode()
    return Proof(b64(hashlib.sha256(canonical).digest()), header, claims)
