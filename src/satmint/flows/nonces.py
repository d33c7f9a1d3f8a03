"""Server nonces (RFC 9449, sections 8 and 9) that every node with the same keyring agrees on."""

from typing import Final

from satmint.dpop import Nonces
from satmint.jose import Keyring, derive_mac_key

_NONCE_PURPOSE: Final = "dpop-nonce"


class RingNonces(Nonces):
    """Nonces by the active key of a keyring; those by a retired key are taken as well.

    So nodes that share a keyring know each other's, and a rotation invalidates none.
    """

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        super().__init__(derive_mac_key(keyring.active.secret, _NONCE_PURPOSE))
        self._others = [
            Nonces(derive_mac_key(key.secret, _NONCE_PURPOSE))
            for key in keyring.keys
            if key is not keyring.active
        ]

    def accepts(self, nonce: str, now: int) -> bool:
        """See `Nonces.accepts`."""
        return super().accepts(nonce, now) or any(
            other.accepts(nonce, now) for other in self._others
        )
