"""The keyring: 256-bit master keys, of which exactly one writes and all read.

A JWK Set (RFC 7517, section 5) of `oct` keys; `satmint:state` says `active` or `retired`. It never
enters the database.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

from satmint.model.base64url import b64url, b64url_decode
from satmint.model.entropy import Entropy

KEY_BYTES: Final = 32
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_STATE: Final = "satmint:state"
_CREATED: Final = "satmint:created_at"


class KeyringError(ValueError):
    """The keyring cannot be used as it stands. The message names no key material."""


class KeyState(StrEnum):
    """What a master key is still good for."""

    ACTIVE = "active"
    """Makes new tokens, and opens its own."""
    RETIRED = "retired"
    """Only opens what was made with it."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A 256-bit secret from which working keys are derived. It never encrypts a token itself."""

    id: str
    state: KeyState
    created_at: int
    """Unix seconds."""
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The active key writes; every key reads."""

    keys: tuple[MasterKey, ...]

    def __post_init__(self) -> None:
        if len({key.id for key in self.keys}) != len(self.keys):
            raise KeyringError("two keys of the keyring share an id")
        if sum(key.state is KeyState.ACTIVE for key in self.keys) != 1:
            raise KeyringError("a keyring has exactly one active key")
        if any(len(key.secret) != KEY_BYTES for key in self.keys):
            raise KeyringError("every key of the keyring must be 256 bits long")

    @property
    def active(self) -> MasterKey:
        """The key from which new working keys are derived."""
        return next(key for key in self.keys if key.state is KeyState.ACTIVE)

    @classmethod
    def new(cls, entropy: Entropy, now: int) -> Self:
        """A keyring with one fresh key."""
        return cls((new_master_key(entropy, now),))

    def rotate(self, entropy: Entropy, now: int) -> Self:
        """A new active key; the former one goes on opening what it made."""
        former = (replace(key, state=KeyState.RETIRED) for key in self.keys)
        return replace(self, keys=(new_master_key(entropy, now), *former))

    def without(self, key_id: str) -> Self:
        """Forget a retired key: whatever was made with it stops opening at once.

        Raises:
            KeyringError: there is no such key, or it is the active one.
        """
        if key_id == self.active.id:
            raise KeyringError("the active key cannot be removed: rotate first")
        rest = tuple(key for key in self.keys if key.id != key_id)
        if len(rest) == len(self.keys):
            raise KeyringError("the keyring has no key of that id")
        return replace(self, keys=rest)

    def to_jwks(self) -> str:
        """The keyring as a JWK Set. Secret: it is the only thing that has to be kept so."""
        keys = [
            {
                "kty": "oct",
                "kid": key.id,
                "k": b64url(key.secret),
                _STATE: key.state.value,
                _CREATED: key.created_at,
            }
            for key in self.keys
        ]
        return json.dumps({"keys": keys}, indent=2) + "\n"

    @classmethod
    def from_jwks(cls, text: str) -> Self:
        """Read a JWK Set as `to_jwks` writes it.

        Raises:
            KeyringError: it is none, or not one that can serve.
        """
        try:
            entries = json.loads(text)["keys"]
            return cls(tuple(_master_keys(entries)))
        except KeyringError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise KeyringError("the keyring is no JWK Set of 256-bit oct keys") from error


def new_master_key(entropy: Entropy, now: int) -> MasterKey:
    """A fresh active key with a random id of 12 hexadecimal digits."""
    return MasterKey(entropy.take(6).hex(), KeyState.ACTIVE, now, entropy.take(KEY_BYTES))


def _master_keys(entries: Iterable[dict[str, object]]) -> Iterable[MasterKey]:
    for entry in entries:
        match entry:
            case {"kty": "oct", "kid": str(kid), "k": str(secret)}:
                state, created = str(entry.get(_STATE, "active")), entry.get(_CREATED, 0)
            case _:
                raise KeyringError("every key of the keyring must be an oct key with a kid")
        if _KEY_ID.fullmatch(kid) is None:
            raise KeyringError("a key id is 1 to 64 letters, digits, - and _")
        if isinstance(created, bool) or not isinstance(created, int):
            raise KeyringError("satmint:created_at must be an integer")
        yield MasterKey(kid, KeyState(state), created, b64url_decode(secret))
