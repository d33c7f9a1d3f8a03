"""Proofs that two processes use the same keyring, which reveal nothing of it.

`satmint doctor` sends a challenge through the public URL; a server of the deployment answers it.
Both are message authentication codes with a key that is derived for this purpose alone. So nobody
else can ask, and no other server can answer.
"""

import re
from hmac import compare_digest
from typing import Final

from satmint.jose.derived_entropy import derived_mac
from satmint.jose.keyring import Keyring
from satmint.model.base64url import b64url, b64url_decode
from satmint.model.entropy import Entropy

MAX_AGE_SECONDS: Final = 120
"""How far the time of a challenge may be from the server's clock, in either direction."""
_FORMAT: Final = re.compile(
    r"([A-Za-z0-9_-]{1,64})\.([0-9]{1,12})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})", re.ASCII
)
_SALT_BYTES: Final = 16
_QUESTION: Final = "deployment-question"
_ANSWER: Final = "deployment-answer"


def new_challenge(keyring: Keyring, entropy: Entropy, now: int) -> str:
    """A challenge that servers with this keyring answer.

    Args:
        keyring: The keyring; its active key is used.
        entropy: For the salt.
        now: Unix seconds.
    """
    salt = entropy.take(_SALT_BYTES)
    stated = f"{keyring.active.id}.{now}.{b64url(salt)}"
    mac = derived_mac(keyring.active.secret, salt, _QUESTION, stated.encode())
    return f"{stated}.{b64url(mac)}"


def answer_challenge(keyring: Keyring, challenge: str, now: int) -> str | None:
    """The answer to a challenge. None: it is not one of this keyring, or is too old.

    Args:
        keyring: The keyring of the server.
        challenge: What was received.
        now: Unix seconds.
    """
    found = _FORMAT.fullmatch(challenge)
    if found is None or abs(now - int(found[2])) > MAX_AGE_SECONDS:
        return None
    stated, _, mac = challenge.rpartition(".")
    for key in keyring.keys:
        if key.id == found[1]:
            salt = b64url_decode(found[3])
            expected = b64url(derived_mac(key.secret, salt, _QUESTION, stated.encode()))
            return _answer(key.secret, salt, challenge) if compare_digest(expected, mac) else None
    return None


def is_answer(keyring: Keyring, challenge: str, answer: str) -> bool:
    """Whether `answer` is the one of a server with the keyring of the challenge."""
    found = _FORMAT.fullmatch(challenge)
    key = None if found is None else next((k for k in keyring.keys if k.id == found[1]), None)
    if found is None or key is None:
        return False
    expected = _answer(key.secret, b64url_decode(found[3]), challenge)
    return compare_digest(expected.encode(), answer.encode())


def _answer(secret: bytes, salt: bytes, challenge: str) -> str:
    return b64url(derived_mac(secret, salt, _ANSWER, challenge.encode()))
