"""Signers of proofs that make the same signature every time.

Keys are fixed: those of RSA in a file, the others made from their names. They guard nothing.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.kit.proofs import Signer, number_of
from tests.vectors.recipes import octets

KEYS: Final = json.loads(Path(__file__).with_name("proof_keys.json").read_text())


class FixedSigner(Signer):
    """A signer that rolls no dice."""

    def sign(self, data: bytes) -> bytes:
        """See `Signer.sign`."""
        match self.private:
            case rsa.RSAPrivateKey() if self.alg == "PS256":
                return pss(self.private, data, octets("salt of PSS", 32))
            case ec.EllipticCurvePrivateKey():
                scheme = ec.ECDSA(SHA256(), deterministic_signing=True)  # RFC 6979
                r, s = decode_dss_signature(self.private.sign(data, scheme))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
            case _:
                return super().sign(data)


def rsa_signer(name: str, alg: str = "RS256") -> FixedSigner:
    """The signer with the RSA key of that name."""
    return FixedSigner(alg, rsa_key(name))


def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The RSA key of that name."""
    members = {member: number_of(KEYS[name][member]) for member in ("n", "e", "d", "p", "q")}
    n, e, d, p, q = members.values()
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, n)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def ec_signer(name: str) -> FixedSigner:
    """A signer with a P-256 key of its own."""
    number = int.from_bytes(octets(name, 32), "big")
    return FixedSigner("ES256", ec.derive_private_key(number, ec.SECP256R1()))


def ed25519_signer(name: str) -> FixedSigner:
    """A signer with an Ed25519 key of its own."""
    return FixedSigner("EdDSA", ed25519.Ed25519PrivateKey.from_private_bytes(octets(name, 32)))


def pss(key: rsa.RSAPrivateKey, data: bytes, salt: bytes) -> bytes:
    """RSASSA-PSS with SHA-256 and a salt of one's own (RFC 8017, sections 8.1.1 and 9.1.1)."""
    numbers = key.private_numbers()
    n = numbers.public_numbers.n
    bits = n.bit_length() - 1
    size = (bits + 7) // 8
    hashed = sha256(bytes(8) + sha256(data).digest() + salt).digest()
    block = bytes(size - len(salt) - len(hashed) - 2) + b"\x01" + salt
    masked = int.from_bytes(block, "big") ^ int.from_bytes(mask(hashed, len(block)), "big")
    masked &= (1 << (bits - 8 * (len(hashed) + 1))) - 1
    encoded = masked.to_bytes(len(block), "big") + hashed + b"\xbc"
    signature = pow(int.from_bytes(encoded, "big"), numbers.d, n)
    return signature.to_bytes((n.bit_length() + 7) // 8, "big")


def mask(seed: bytes, size: int) -> bytes:
    """MGF1 with SHA-256 (RFC 8017, appendix B.2.1)."""
    blocks = (sha256(seed + at.to_bytes(4, "big")).digest() for at in range(size // 32 + 1))
    return b"".join(blocks)[:size]
