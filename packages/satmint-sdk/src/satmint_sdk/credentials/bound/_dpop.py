"""A session's key and its proofs (RFC 9449, in the vendor's two formats)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NoReturn, Self
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._private_file import read_private, write_private
from satmint_sdk.credentials.errors import StoreError

Algorithm = Literal["ES256", "RS256"]

_COORDINATE: Final = 32
_RSA_BITS: Final = (2048, 4096)
_RSA_EXPONENT: Final = 65537
_JTI_BYTES: Final = 16


class DPoPKey:
    """A key pair; the private key leaves this object only by `save`.

    Create one with `generate`, `load` or `load_or_generate`. Threads may share it.

    Attributes:
        algorithm: `ES256` (P-256) or `RS256` (RSA, as in the browser SDK).
        thumbprint: RFC 7638 thumbprint: 43 characters, the `fingerprint` of token requests.
    """

    def __init__(
        self,
        private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        *,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        self._private = private
        self._clock = clock
        self._entropy = entropy
        self.algorithm: Final[Algorithm] = (
            "ES256" if isinstance(private, ec.EllipticCurvePrivateKey) else "RS256"
        )
        self._jwk: Final = _public_jwk(private)
        canonical = json.dumps(self._jwk, separators=(",", ":"), sort_keys=True)
        self.thumbprint: Final = _base64url(hashlib.sha256(canonical.encode()).digest())

    @classmethod
    def generate(
        cls,
        algorithm: Algorithm = "ES256",
        *,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> Self:
        """Generate a new key pair.

        Args:
            algorithm: `ES256`, or `RS256` with 2048 bits.
            clock: Dates the proofs.
            entropy: Makes the proofs unique. The key itself always comes from the system.

        Raises:
            ValueError: `algorithm` is neither.
        """
        if algorithm == "ES256":
            return cls(ec.generate_private_key(ec.SECP256R1()), clock=clock, entropy=entropy)
        if algorithm == "RS256":
            drawn = rsa.generate_private_key(public_exponent=_RSA_EXPONENT, key_size=_RSA_BITS[0])
            return cls(drawn, clock=clock, entropy=entropy)
        raise ValueError("algorithm must be ES256 or RS256")

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> Self:
        """Load a key that `save` has written.

        Raises:
            FileNotFoundError: There is no such file.
            PermissionError: Others than its owner may read or write it.
            StoreError: It holds no P-256 key, and no RSA key of 2048 to 4096 bits.
        """
        content = read_private(Path(path))
        if content is None:
            raise FileNotFoundError(str(path))
        try:
            private = serialization.load_pem_private_key(content, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as broken:
            raise StoreError(f"{path} holds no private key that can be read") from broken
        if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(
            private.curve, ec.SECP256R1
        ):
            return cls(private, clock=clock, entropy=entropy)
        if isinstance(private, rsa.RSAPrivateKey) and (
            _RSA_BITS[0] <= private.key_size <= _RSA_BITS[1]
        ):
            return cls(private, clock=clock, entropy=entropy)
        raise StoreError(f"{path} holds a key of a kind that proofs are not signed with")

    @classmethod
    def load_or_generate(
        cls,
        path: str | Path,
        algorithm: Algorithm = "ES256",
        *,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> Self:
        """Load the key at `path`, or generate and save one. Errors as in `load` and `save`."""
        try:
            return cls.load(path, clock=clock, entropy=entropy)
        except FileNotFoundError:
            key = cls.generate(algorithm, clock=clock, entropy=entropy)
        try:
            write_private(Path(path), key._pem(), entropy, replace=False)
        except FileExistsError:  # another process was first: use its key
            return cls.load(path, clock=clock, entropy=entropy)
        return key

    def save(self, path: str | Path) -> None:
        """Write the key to a file of mode 0600 (PKCS #8, PEM), replacing what is there.

        Raises:
            OSError: It could not be written; what was there is unchanged.
        """
        write_private(Path(path), self._pem(), self._entropy)

    def http_proof(
        self,
        method: str,
        url: str,
        *,
        access_token: str | None = None,
        issued_at: int | None = None,
        nonce: str | None = None,
    ) -> str:
        """Sign a proof for one HTTP request. Never send the same proof for another attempt.

        Args:
            method: HTTP method, in upper case.
            url: Where the request goes. Query and fragment are left out of the proof (RFC 9449
                section 4.2); a bare path is signed as it stands, as the vendor's browser SDK does.
            access_token: The token that goes with the request; its hash is signed as `ath`.
            issued_at: Seconds since the epoch, where the server's clock is known to differ.
            nonce: What the server wants to see in it (RFC 9449, section 8).
        """
        parts = urlsplit(url)
        claims: dict[str, object] = {
            "htm": method,
            "htu": parts._replace(query="", fragment="").geturl(),
        }
        if access_token is not None:
            claims["ath"] = _base64url(hashlib.sha256(access_token.encode("ascii")).digest())
        if nonce is not None:
            claims["nonce"] = nonce
        return self._sign(claims, issued_at)

    def rpc_proof(self, method: str, *, issued_at: int | None = None) -> str:
        """Sign a proof for one request on a WebSocket: `rpc` and `mth` instead of `htm` and `htu`.

        Args:
            method: RPC method, such as `signalwire.reauthenticate`.
            issued_at: Seconds since the epoch, where the server's clock is known to differ.
        """
        return self._sign({"rpc": "request", "mth": method}, issued_at)

    def _pem(self) -> bytes:
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def _sign(self, claims: dict[str, object], issued_at: int | None) -> str:
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self._jwk}
        payload = {
            "jti": _base64url(self._entropy.take(_JTI_BYTES)),
            "iat": int(self._clock.now().wall) if issued_at is None else issued_at,
            **claims,
        }
        signed = f"{_base64url(_json(header))}.{_base64url(_json(payload))}"
        return f"{signed}.{_base64url(self._signature(signed.encode()))}"

    def _signature(self, message: bytes) -> bytes:
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        der = self._private.sign(message, ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)  # RFC 7518, section 3.4 wants the bare numbers
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")

    def __repr__(self) -> str:
        return f"<DPoPKey {self.algorithm} {self.thumbprint}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled; save it to a file")


def _public_jwk(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> dict[str, str]:
    """Name exactly the members that enter a thumbprint (RFC 7638, section 3.2)."""
    if isinstance(private, ec.EllipticCurvePrivateKey):
        point = private.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _base64url(point.x.to_bytes(_COORDINATE, "big")),
            "y": _base64url(point.y.to_bytes(_COORDINATE, "big")),
        }
    numbers = private.public_key().public_numbers()
    return {"kty": "RSA", "n": _base64url_number(numbers.n), "e": _base64url_number(numbers.e)}


def _base64url_number(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
