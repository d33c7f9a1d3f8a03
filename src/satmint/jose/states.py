"""Sealing what a client keeps for the server between two connections of the gateway."""

from collections.abc import Callable
from typing import Final

import msgspec

from satmint.jose.keyring import Keyring
from satmint.jose.sealing import CannotOpen
from satmint.jose.vault import Vault
from satmint.model.entropy import Entropy
from satmint.model.live import ResumeState

MAX_STATE_CHARS: Final = 2048
PURPOSE: Final = b"satmint/v1/State"

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(ResumeState, strict=True).decode


class StateSafe:
    """Seals states with the keyring's active key; opens them with all of its keys."""

    def __init__(self, keyring: Callable[[], Keyring], entropy: Entropy) -> None:
        """Prepare to seal.

        Args:
            keyring: Tells the keyring of the moment.
            entropy: For salts and IVs.
        """
        self._vault = Vault(keyring, entropy, PURPOSE, MAX_STATE_CHARS)

    def seal(self, state: ResumeState) -> str:
        """`state` as text that nobody else can read or change."""
        return self._vault.seal(_encode(state))

    def open(self, text: str) -> ResumeState:
        """The state that `text` is.

        Not checked here: expiry, and whose it is.

        Raises:
            CannotOpen: it is none of ours, whatever is wrong with it.
        """
        try:
            return _decode(self._vault.open(text))
        except ValueError as error:  # JSON of another kind, or none
            raise CannotOpen from error
