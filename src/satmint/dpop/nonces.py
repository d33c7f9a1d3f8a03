"""Server nonces that cost no storage (RFC 9449, sections 8 and 9).

A nonce is the MAC of the time, in steps: every process that has the key agrees, and a restart
loses nothing.
"""

import hmac
from typing import Final

from satmint.model.base64url import b64url

NONCE_STEP_SECONDS: Final = 150
"""A nonce is good for one to two steps: long enough for a proof that is sent again after a lost
answer (77 s), and no longer than a proof itself."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 18


class Nonces:
    """Makes nonces and knows them again."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            raise ValueError("the key of the nonces must be at least 256 bits long")
        self._key = key

    def current(self, now: int) -> str:
        """The nonce for the next proofs.

        Args:
            now: Unix seconds.
        """
        return self._at(now // NONCE_STEP_SECONDS)

    def accepts(self, nonce: str, now: int) -> bool:
        """Whether it is the nonce of this step or of the one before.

        Args:
            nonce: From a proof.
            now: Unix seconds.
        """
        given, step = nonce.encode("utf-8", "surrogatepass"), now // NONCE_STEP_SECONDS
        this, former = (
            hmac.compare_digest(given, self._at(at).encode()) for at in (step, step - 1)
        )
        return this or former

    def _at(self, step: int) -> str:
        mac = hmac.digest(self._key, b"satmint/v1/dpop-nonce %d" % step, "sha256")
        return b64url(mac[:_NONCE_BYTES])
