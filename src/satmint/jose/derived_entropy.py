"""Bytes that are derived from a master key, in place of random ones that would have to be stored.

The same salt and purpose give the same bytes again, to who has the keyring; without it, they are as
good as random (RFC 5869).
"""

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from satmint.jose.keyring import KEY_BYTES


class DerivedEntropy:
    """See `Entropy`. What two calls of `take` return is independent."""

    def __init__(self, master: bytes, salt: bytes, purpose: str) -> None:
        """Prepare.

        Args:
            master: The secret of a master key.
            salt: Random; makes the bytes unique.
            purpose: Distinct for each use.
        """
        self._master = master
        self._salt = salt
        self._info = f"satmint/v1/derived/{purpose}"
        self._taken = 0

    def __repr__(self) -> str:
        return "DerivedEntropy(hidden)"

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        info = f"{self._info}/{self._taken}".encode()
        self._taken += 1
        return HKDF(SHA256(), count, self._salt, info).derive(self._master)


def derived_mac(master: bytes, salt: bytes, purpose: str, message: bytes) -> bytes:
    """HMAC-SHA-256 of `message` with a derived key; see `DerivedEntropy`."""
    key = DerivedEntropy(master, salt, purpose).take(KEY_BYTES)
    return hmac.digest(key, message, "sha256")
