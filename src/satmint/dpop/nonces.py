"""Server nonces without storage (RFC 9449, sections 8 and 9).

A nonce is a MAC over the current time step: all processes with the key agree, and a restart loses
nothing.
"""

import hmac
from typing import Final

from satmint.model.base64url import b64url

NONCE_STEP_SECONDS: Final = 150
"""A nonce is valid for one to two steps: long enough for a proof that is re-sent after a lost
response (77 s), and not longer than a proof."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 18


class Nonces:
    """Generates and checks nonces."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            raise ValueError("the key of the nonces must be at least 256 bits long")
        self._key = key

    def current(self, now: int) -> str:
        """The current nonce.

        Args:
            now: Unix seconds.
        """
        return self._nonce_at(now // NONCE_STEP_SECONDS)

    def accepts(self, nonce: str, now: int) -> bool:
        """Whether it is the nonce of this step or the previous one.

        Args:
            nonce: The proof's nonce.
            now: Unix seconds.
        """
        encoded, step = nonce.encode("utf-8", "surrogatepass"), now // NONCE_STEP_SECONDS
        this, previous = (
            hmac.compare_digest(encoded, self._nonce_at(at).encode()) for at in (step, step - 1)
        )
        return this or previous

    def _nonce_at(self, step: int) -> str:
        mac = hmac.digest(self._key, b"satmint/v1/dpop-nonce %d" % step, "sha256")
        return b64url(mac[:_NONCE_BYTES])
