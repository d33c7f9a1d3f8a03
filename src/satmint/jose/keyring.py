"""The keyring: 256-bit master keys, of which exactly one writes and all read.

A JWK Set (RFC 7517, section 5) of `oct` keys; `satmint:state` says `next`, `active` or `retired`.
It never enters the database.
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
    """The keyring cannot be used as it stands. The message names no key material."""


class KeyState(StrEnum):
    """What a master key is still good for."""

    NEXT = "next"
    """Opens already, so that every server has it before the first one makes tokens with it."""
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
    active_since: int | None = None
    """Unix seconds; None: since it was made, or not yet."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The active key writes; every key reads."""

    keys: tuple[MasterKey, ...]

    def __post_init__(self) -> None:
        if len({key.id for key in self.keys}) != len(self.keys):
            raise KeyringError("two keys of the keyring share an id")
        if sum(key.state is KeyState.ACTIVE for key in self.keys) != 1:
            raise KeyringError("a keyring has exactly one active key")
        if sum(key.state is KeyState.NEXT for key in self.keys) > 1:
            raise KeyringError("a keyring has one next key at the most")
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

    @property
    def ready(self) -> MasterKey | None:
        """The key that lies ready, if there is one."""
        return next((key for key in self.keys if key.state is KeyState.NEXT), None)

    def add(self, entropy: Entropy, now: int) -> Self:
        """Lay a key ready.

        Raises:
            KeyringError: one does already.
        """
        if self.ready is not None:
            raise KeyringError(f"{self.ready.id} lies ready already")
        fresh = replace(new_master_key(entropy, now), state=KeyState.NEXT)
        return replace(self, keys=(fresh, *self.keys))

    def rotate(self, entropy: Entropy, now: int) -> Self:
        """Have the key that lies ready, or else a new one, take over from the active one.

        The former goes on opening what it made.
        """
        heir = self.ready
        if heir is None:
            active = new_master_key(entropy, now)
        else:
            active = replace(heir, state=KeyState.ACTIVE, active_since=now)
        former = (replace(key, state=KeyState.RETIRED) for key in self.keys if key is not heir)
        return replace(self, keys=(active, *former))

    def without(self, key_id: str) -> Self:
        """Forget a key: whatever was made with it stops opening at once.

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
                **({} if key.active_since is None else {_ACTIVE_SINCE: key.active_since}),
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
