"""Server nonces (RFC 9449, sections 8 and 9), shared by all nodes with the same keyring."""

from typing import Final

from satmint.dpop import Nonces
from satmint.jose import Keyring, derive_mac_key

_NONCE_PURPOSE: Final = "dpop-nonce"


class KeyringNonces(Nonces):
    """Issues nonces of the active key of a keyring; also accepts nonces of its other keys.

    Therefore nodes that share a keyring accept each other's nonces, and a rotation invalidates
    none.
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


class NonceCache:
    """Caches the nonces of one keyring: deriving their keys costs more than using them."""

    def __init__(self, keyring: Keyring) -> None:
        self._nonces = KeyringNonces(keyring)

    def of(self, keyring: Keyring) -> KeyringNonces:
        """The nonces of `keyring`; derives their keys only if the keyring has changed."""
        if self._nonces.keyring is not keyring:
            self._nonces = KeyringNonces(keyring)
        return self._nonces
