"""DPoP proofs as a browser makes them, and proofs spoiled in any one place.

Nothing of `satmint.dpop` is used here, so that a mistake there cannot hide behind the same one.

    signer = Signer.generate("RS256")
    signer.http_proof("/api/fabric/subscriber/devices/refresh", token=sat, iat=clock.now())
    signer.rpc_proof("signalwire.connect", iat=clock.now())
    signer.http_proof("/", htm=ABSENT, extra=[1], header={"crit": []}, jwk={"kid": "x"})
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from satmint.model.entropy import SystemEntropy, random_uuid
from tests.kit.clock import NOW

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")

Json = dict[str, Any]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_REQUIRED: Final = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""In place of a member's value: the member is left out."""


@dataclass(frozen=True)
class Signer:
    """A key pair and the algorithm that it signs with."""

    alg: str
    private: PrivateKey

    @classmethod
    def generate(cls, alg: str = "ES256", bits: int = 2048) -> Self:
        """A fresh key. RSA takes its time: tests that need no RSA take another."""
        match alg:
            case "RS256" | "PS256":
                return cls(alg, rsa.generate_private_key(65537, bits))
            case "ES256":
                return cls(alg, ec.generate_private_key(ec.SECP256R1()))
            case "EdDSA" | "Ed25519":
                return cls(alg, ed25519.Ed25519PrivateKey.generate())
            case _:
                raise ValueError(alg)

    @cached_property
    def key(self) -> Json:
        """The public key as a JWK, of its required members alone."""
        match self.private:
            case rsa.RSAPrivateKey():
                numbers = self.private.public_key().public_numbers()
                return {"kty": "RSA", "n": uint(numbers.n), "e": uint(numbers.e)}
            case ec.EllipticCurvePrivateKey():
                point = self.private.public_key().public_numbers()
                x, y = uint(point.x, 32), uint(point.y, 32)
                return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
            case ed25519.Ed25519PrivateKey():
                x = b64url(self.private.public_key().public_bytes_raw())
                return {"kty": "OKP", "crv": "Ed25519", "x": x}

    @cached_property
    def jwk(self) -> Json:
        """The public key as WebCrypto exports it, with members that no thumbprint counts."""
        return {"alg": self.alg, "ext": True, "key_ops": ["verify"], **self.key}

    @cached_property
    def jkt(self) -> str:
        """Its thumbprint (RFC 7638): the `fingerprint` that a SAT is asked for with."""
        members = {name: self.key[name] for name in _REQUIRED[self.key["kty"]]}
        return b64url(sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    def http_proof(
        self,
        htu: str,
        token: str | None = None,
        method: str = "POST",
        iat: int = NOW,
        jti: str | None = None,
        *,
        header: Mapping[str, object] | None = None,
        jwk: Mapping[str, object] | None = None,
        **changes: object,
    ) -> str:
        """A proof for an HTTP request (RFC 9449, section 4.2).

        Args:
            htu: The URL, or the bare path that the vendor's SDK sends.
            token: The access token whose hash becomes `ath`; None leaves `ath` out.
            method: The request's.
            iat: Unix seconds.
            jti: By default a fresh one.
            header: Members of the header to add or change, or to leave out where `ABSENT`.
            jwk: The same, of the key.
            changes: The same, of the payload.
        """
        payload: Json = {"jti": jti or fresh_jti(), "htm": method, "htu": htu, "iat": iat}
        if token is not None:
            payload["ath"] = ath_of(token)
        return self.compact(self.header(header, jwk), changed(payload, changes))

    def rpc_proof(
        self,
        method: str,
        iat: int = NOW,
        jti: str | None = None,
        *,
        header: Mapping[str, object] | None = None,
        jwk: Mapping[str, object] | None = None,
        **changes: object,
    ) -> str:
        """A proof for a JSON-RPC request of the gateway; the arguments are as above."""
        payload = {"jti": jti or fresh_jti(), "rpc": "request", "mth": method, "iat": iat}
        return self.compact(self.header(header, jwk), changed(payload, changes))

    def header(
        self, changes: Mapping[str, object] | None = None, jwk: Mapping[str, object] | None = None
    ) -> Json:
        """A proof's header, changed as asked for."""
        usual = {"typ": "dpop+jwt", "alg": self.alg, "jwk": changed(self.jwk, jwk or {})}
        return changed(usual, changes or {})

    def compact(self, header: Json | bytes, payload: Json | bytes) -> str:
        """The JWS compact serialisation (RFC 7515, section 7.1), of JSON or of any bytes."""
        signed = f"{segment(header)}.{segment(payload)}"
        return f"{signed}.{b64url(self.sign(signed.encode('ascii')))}"

    def sign(self, data: bytes) -> bytes:
        """The signature as JOSE has it (RFC 7518, section 3; RFC 8037, section 3.1)."""
        match self.private:
            case rsa.RSAPrivateKey() if self.alg == "PS256":
                pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
                return self.private.sign(data, pss, SHA256())
            case rsa.RSAPrivateKey():
                return self.private.sign(data, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePrivateKey():
                r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(SHA256())))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
            case ed25519.Ed25519PrivateKey():
                return self.private.sign(data)


def changed(members: Mapping[str, object], changes: Mapping[str, object]) -> Json:
    """`members` with `changes`, without those that are `ABSENT`."""
    both = {**members, **changes}
    return {name: value for name, value in both.items() if value is not ABSENT}


def ath_of(token: str) -> str:
    """What `ath` says of a token (RFC 9449, section 4.2)."""
    return b64url(sha256(token.encode("ascii")).digest())


def fresh_jti() -> str:
    """A `jti` as the browser makes it, never the same twice."""
    return str(random_uuid(SystemEntropy()))


def segment(content: Json | bytes) -> str:
    """One part of a compact serialisation."""
    if isinstance(content, bytes):
        return b64url(content)
    return b64url(json.dumps(content, separators=(",", ":")).encode())


def uint(number: int, size: int | None = None) -> str:
    """A number as JWKs spell it (RFC 7518, section 2: Base64urlUInt)."""
    return b64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def number_of(text: str) -> int:
    """The number that `uint` spelt."""
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def b64url(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
