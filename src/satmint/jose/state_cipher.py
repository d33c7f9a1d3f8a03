"""Encrypts the resume state, which a client keeps between two gateway connections."""

from collections.abc import Callable
from typing import Final

import msgspec

from satmint.jose.keyring import Keyring
from satmint.jose.secret_box import SecretBox
from satmint.jose.token_cipher import CannotOpen
from satmint.model.entropy import Entropy
from satmint.model.live import ResumeState

MAX_STATE_CHARS: Final = 2048
PURPOSE: Final = b"satmint/v1/State"

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(ResumeState, strict=True).decode


class StateCipher:
    """Encrypts resume states with the keyring's active key; decrypts with all of its keys."""

    def __init__(self, keyring: Callable[[], Keyring], entropy: Entropy) -> None:
        """Prepare the cipher.

        Args:
            keyring: Returns the current keyring.
            entropy: For salts and IVs.
        """
        self._secret_box = SecretBox(keyring, entropy, PURPOSE, MAX_STATE_CHARS)

    def seal(self, state: ResumeState) -> str:
        """Encrypt `state` to a sealed text."""
        return self._secret_box.seal(_encode(state))

    def open(self, text: str) -> ResumeState:
        """Decrypt a resume state.

        Not checked here: expiry and owner.

        Raises:
            CannotOpen: the text is invalid, for any reason.
        """
        try:
            return _decode(self._secret_box.open(text))
        except ValueError as error:  # other JSON, or not JSON
            raise CannotOpen from error
