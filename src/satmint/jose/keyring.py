"""The keyring: 256-bit master keys. Exactly one encrypts new tokens; all decrypt.

A JWK Set (RFC 7517, section 5) of `oct` keys; `satmint:state` is `next`, `active` or `retired`. It
is never stored in the database.
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
_ACTIVE_SINCE: Final = "satmint:active_since"


class KeyringError(ValueError):
    """The keyring cannot be used. The message contains no key material."""


class KeyState(StrEnum):
    """The state of a master key."""

    NEXT = "next"
    """Prepared: decrypts only, so that every server has it before any encrypts with it."""
    ACTIVE = "active"
    """Encrypts new tokens, and decrypts."""
    RETIRED = "retired"
    """Decrypts only."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A 256-bit secret from which working keys are derived. It never encrypts tokens itself."""

    id: str
    state: KeyState
    created_at: int
    """Unix seconds."""
    secret: bytes = field(repr=False)
    active_since: int | None = None
    """Unix seconds; None if active since its creation, or not active yet."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The master keys: the active key encrypts, every key decrypts."""

    keys: tuple[MasterKey, ...]

    def __post_init__(self) -> None:
        if len({key.id for key in self.keys}) != len(self.keys):
            raise KeyringError("two keys of the keyring share an id")
        if sum(key.state is KeyState.ACTIVE for key in self.keys) != 1:
            raise KeyringError("a keyring has exactly one active key")
        if sum(key.state is KeyState.NEXT for key in self.keys) > 1:
            raise KeyringError("a keyring has at most one next key")
        if any(len(key.secret) != KEY_BYTES for key in self.keys):
            raise KeyringError("every key of the keyring must be 256 bits long")

    @property
    def active(self) -> MasterKey:
        """The key from which new working keys are derived."""
        return next(key for key in self.keys if key.state is KeyState.ACTIVE)

    @classmethod
    def new(cls, entropy: Entropy, now: int) -> Self:
        """A keyring with one new key."""
        return cls((new_master_key(entropy, now),))

    @property
    def prepared(self) -> MasterKey | None:
        """The prepared key, if there is one."""
        return next((key for key in self.keys if key.state is KeyState.NEXT), None)

    def add(self, entropy: Entropy, now: int) -> Self:
        """Prepare a key.

        Raises:
            KeyringError: there is a prepared key already.
        """
        if self.prepared is not None:
            raise KeyringError(f"{self.prepared.id} is prepared already: run `satmint keys rotate`")
        fresh = replace(new_master_key(entropy, now), state=KeyState.NEXT)
        return replace(self, keys=(fresh, *self.keys))

    def rotate(self, entropy: Entropy, now: int) -> Self:
        """Activate the prepared key, or create and activate a new one.

        The previous key still decrypts the tokens that it encrypted.
        """
        prepared = self.prepared
        if prepared is None:
            active = new_master_key(entropy, now)
        else:
            active = replace(prepared, state=KeyState.ACTIVE, active_since=now)
        previous = (
            replace(key, state=KeyState.RETIRED) for key in self.keys if key is not prepared
        )
        return replace(self, keys=(active, *previous))

    def remove(self, key_id: str) -> Self:
        """Remove a key: tokens that it encrypted become invalid at once.

        Raises:
            KeyringError: the key does not exist, or is the active one.
        """
        if key_id == self.active.id:
            raise KeyringError("the active key cannot be removed: rotate first")
        rest = tuple(key for key in self.keys if key.id != key_id)
        if len(rest) == len(self.keys):
            raise KeyringError("the keyring has no key with that id")
        return replace(self, keys=rest)

    def to_jwks(self) -> str:
        """The keyring as a JWK Set, which must be kept secret."""
        keys = [
            {
                "kty": "oct",
                "kid": key.id,
                "k": b64url(key.secret),
                _STATE: key.state.value,
                _CREATED: key.created_at,
                **({} if key.active_since is None else {_ACTIVE_SINCE: key.active_since}),
            }
            for key in self.keys
        ]
        return json.dumps({"keys": keys}, indent=2) + "\n"

    @classmethod
    def from_jwks(cls, text: str) -> Self:
        """Parse a JWK Set as written by `to_jwks`.

        Raises:
            KeyringError: the text is not a JWK Set, or not a valid keyring.
        """
        try:
            entries = json.loads(text)["keys"]
            return cls(tuple(_master_keys(entries)))
        except KeyringError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise KeyringError("the keyring is not a JWK Set of 256-bit oct keys") from error


def new_master_key(entropy: Entropy, now: int) -> MasterKey:
    """A new active key with a random id of 12 hexadecimal digits."""
    return MasterKey(entropy.take(6).hex(), KeyState.ACTIVE, now, entropy.take(KEY_BYTES))


def _master_keys(entries: Iterable[dict[str, object]]) -> Iterable[MasterKey]:
    for entry in entries:
        match entry:
            case {"kty": "oct", "kid": str(kid), "k": str(secret)}:
                state = KeyState(str(entry.get(_STATE, "active")))
            case _:
                raise KeyringError("every key of the keyring must be an oct key with a kid")
        if _KEY_ID.fullmatch(kid) is None:
            raise KeyringError("a key id is 1 to 64 letters, digits, - and _")
        created, since = _time(entry, _CREATED), _time(entry, _ACTIVE_SINCE)
        yield MasterKey(kid, state, created or 0, b64url_decode(secret), since)


def _time(entry: dict[str, object], name: str) -> int | None:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise KeyringError(f"{name} must be an integer")
    return value
