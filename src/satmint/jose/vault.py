"""Sealing small things that only this deployment may read, and that are no tokens.

Text is `<master key id>.<salt>.<IV, ciphertext and tag>`: three parts, where a token has five. The
key is derived for one purpose and one text alone (RFC 5869). So nothing sealed here can be taken
for a token or for something of another purpose, and no key ever meets two IVs.
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
from satmint.jose.sealing import SALT_BYTES, CannotOpen
from satmint.model.base64url import NotBase64Url, b64url, b64url_decode
from satmint.model.entropy import Entropy

_SHAPE: Final = re.compile(
    r"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]+)", re.ASCII
)


class Vault:
    """Seals with the keyring's active key; opens with all of its keys."""

    def __init__(
        self, keyring: Callable[[], Keyring], entropy: Entropy, purpose: bytes, longest: int
    ) -> None:
        """Prepare to seal things of one purpose.

        Args:
            keyring: Tells the keyring of the moment.
            entropy: For salts and IVs.
            purpose: What is sealed; never the same for two kinds of things.
            longest: Characters of a text; what is longer is none of ours.
        """
        self._keyring = keyring
        self._entropy = entropy
        self._purpose = purpose
        self._longest = longest
        # As for tokens: an unknown key id fails like a bad tag, in the same time.
        self._decoy = entropy.take(KEY_BYTES)

    def seal(self, content: bytes) -> str:
        """`content` as text that nobody else can read or change."""
        master = self._keyring().active
        salt, iv = self._entropy.take(SALT_BYTES), self._entropy.take(IV_BYTES)
        kid = f"{master.id}.{b64url(salt)}"
        sealed = self._key(master.secret, salt).encrypt(iv, content, self._aad(kid))
        return f"{kid}.{b64url(iv + sealed)}"

    def open(self, text: str) -> bytes:
        """What `text` holds.

        Raises:
            CannotOpen: it is none of ours, whatever is wrong with it.
        """
        shape = _SHAPE.fullmatch(text) if len(text) <= self._longest else None
        if shape is None:
            raise CannotOpen
        master_id, salt, sealed = shape.groups()
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
