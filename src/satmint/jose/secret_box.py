"""Encrypts small secrets, other than tokens, that only this deployment may read.

A sealed text is `<master key id>.<salt>.<IV, ciphertext and tag>`: three parts, where a token has
five. The key is derived for one purpose and one text (RFC 5869). So a sealed text cannot pass for a
token or for a text of another purpose, and no key is used with two IVs.
"""

import re
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from satmint.jose._rfc7516 import IV_BYTES
from satmint.jose.keyring import KEY_BYTES, Keyring
from satmint.jose.token_cipher import SALT_BYTES, CannotOpen
from satmint.model.base64url import NotBase64Url, b64url, b64url_decode
from satmint.model.entropy import Entropy

_FORMAT: Final = re.compile(
    r"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]+)", re.ASCII
)


class SecretBox:
    """Encrypts with the keyring's active key; decrypts with all of its keys."""

    def __init__(
        self, keyring: Callable[[], Keyring], entropy: Entropy, purpose: bytes, max_chars: int
    ) -> None:
        """Prepare a box for one purpose.

        Args:
            keyring: Returns the current keyring.
            entropy: For salts and IVs.
            purpose: Distinct for each kind of content.
            max_chars: Maximum characters of a sealed text; longer texts are rejected.
        """
        self._keyring = keyring
        self._entropy = entropy
        self._purpose = purpose
        self._max_chars = max_chars
        # As for tokens: an unknown key id fails like an invalid tag, in the same time.
        self._decoy = entropy.take(KEY_BYTES)

    def seal(self, content: bytes) -> str:
        """Encrypt `content` to a sealed text."""
        master = self._keyring().active
        salt, iv = self._entropy.take(SALT_BYTES), self._entropy.take(IV_BYTES)
        kid = f"{master.id}.{b64url(salt)}"
        sealed = self._key(master.secret, salt).encrypt(iv, content, self._aad(kid))
        return f"{kid}.{b64url(iv + sealed)}"

    def open(self, text: str) -> bytes:
        """Decrypt a sealed text.

        Raises:
            CannotOpen: the text is invalid, for any reason.
        """
        match = _FORMAT.fullmatch(text) if len(text) <= self._max_chars else None
        if match is None:
            raise CannotOpen
        master_id, salt, sealed = match.groups()
        known = {key.id: key.secret for key in self._keyring().keys}
        try:
            key = self._key(known.get(master_id, self._decoy), b64url_decode(salt))
            data = b64url_decode(sealed)
            return key.decrypt(data[:IV_BYTES], data[IV_BYTES:], self._aad(f"{master_id}.{salt}"))
        except (NotBase64Url, InvalidTag, ValueError) as error:  # ValueError: too short
            raise CannotOpen from error

    def _key(self, master: bytes, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, self._purpose).derive(master))

    def _aad(self, kid: str) -> bytes:
        return b"%b %b" % (self._purpose, kid.encode("ascii"))
