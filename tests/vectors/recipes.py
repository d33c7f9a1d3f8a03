"""Tokens put together by hand, so that each part of one can be spoiled by itself.

Nothing of satmint is used here, only HKDF and AES-GCM: a mistake in the server's own sealing cannot
hide behind the same mistake in the vectors. Keys, salts and IVs are fixed.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ISSUED: Final = 1_700_000_000
Json = dict[str, Any]


def octets(label: str, count: int) -> bytes:
    """`count` fixed bytes called `label`."""
    return sha256(label.encode()).digest()[:count]


def b64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


ACTIVE: Final = octets("active master key", 32)
RETIRED: Final = octets("retired master key", 32)
FOREIGN: Final = octets("master key of another deployment", 32)
SALT: Final = b64url(octets("salt", 16))
OTHER_SALT: Final = b64url(octets("another salt", 16))

KEYRING: Final = {
    "keys": [
        {
            "kty": "oct",
            "kid": "active-1",
            "k": b64url(ACTIVE),
            "satmint:state": "active",
            "satmint:created_at": ISSUED,
        },
        {
            "kty": "oct",
            "kid": "retired-0",
            "k": b64url(RETIRED),
            "satmint:state": "retired",
            "satmint:created_at": ISSUED - 86_400,
        },
    ]
}

SUBSCRIBER: Final[Json] = {
    "iss": "satmint",
    "sub": "32d94154-9297-418c-9a85-4a69e0c67c30",
    "prj": "8f2a4c1e-0b7d-4e55-9a3f-6d2b1c0e9f8a",
    "sid": "6f1c7c1e-5d0f-4f5e-9c43-0b8d7a1f2e3d",
    "gen": 0,
    "jti": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "iat": ISSUED,
    "exp": ISSUED + 7200,
    "epo": 0,
    "kind": "subscriber",
    "scope": [],
}
BOUND: Final = {
    **SUBSCRIBER,
    "scope": ["sat:refresh"],
    "cnf": {"jkt": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
    "app": "b1946ac9-2492-4d23-8f1b-3a5c7e9d0b2f",
}
GUEST: Final = {
    **SUBSCRIBER,
    "kind": "guest",
    "addr": ["c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f", "d4e3f2a1-b0c9-4d8e-9f70-6b5c4d3e2f10"],
}


@dataclass(frozen=True)
class Recipe:
    """What a token is made of; every part can be spoiled by itself."""

    typ: str = "SAT"
    """What the header says, and unless `derived_for` says otherwise what the key is for."""
    kid: str = f"active-1.{SALT}"
    ch: str | None = None
    master: bytes = ACTIVE
    salt: str = SALT
    derived_for: str | None = None
    iv: bytes = octets("iv", 12)
    claims: Json | None = None
    plaintext: bytes | None = None
    header: str | None = None
    """The header's JSON, where it is not the usual one."""
    raw_header: bytes | None = None
    tag_bytes: int = 16

    def header_text(self) -> str:
        if self.header is not None:
            return self.header
        members: Json = {"alg": "dir", "enc": "A256GCM", "typ": self.typ}
        if self.ch is not None:
            members["ch"] = self.ch
        return json.dumps({**members, "kid": self.kid}, separators=(",", ":"))

    def parts(self) -> list[str]:
        """The five parts of the token."""
        salt = urlsafe_decode(self.salt)
        info = b"satmint/v1/" + (self.derived_for or self.typ).encode()
        key = HKDF(SHA256(), 32, salt, info).derive(self.master)
        header = b64url(self.raw_header or self.header_text().encode())
        plaintext = self.plaintext
        if plaintext is None:
            plaintext = json.dumps(self.claims or SUBSCRIBER, separators=(",", ":")).encode()
        sealed = AESGCM(key).encrypt(self.iv, plaintext, header.encode())
        ciphertext, tag = sealed[:-16], sealed[-16:]
        return [header, "", b64url(self.iv), b64url(ciphertext), b64url(tag[: self.tag_bytes])]

    def token(self) -> str:
        return ".".join(self.parts())


def urlsafe_decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


GOOD: Final = Recipe()
USUAL: Final = json.loads(GOOD.header_text())


def header_with(**changes: object) -> str:
    """The usual header with some members changed; None takes one away."""
    members = {**USUAL, **changes}
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def with_part(at: int, change: Callable[[str], str], recipe: Recipe = GOOD) -> str:
    """A good token with one of its five parts spoiled after it was sealed."""
    parts = recipe.parts()
    parts[at] = change(parts[at])
    return ".".join(parts)


def flipped(at: int, position: int) -> str:
    """A good token in one part of which one bit of one byte is the other way."""

    def flip(part: str) -> str:
        data = bytearray(urlsafe_decode(part))
        data[position] ^= 1
        return b64url(bytes(data))

    return with_part(at, flip)


def other_spelling(part: str) -> str:
    """The same bytes with stray bits in the last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spelled = part[:-1] + alphabet[alphabet.index(part[-1]) + 1]
    if urlsafe_decode(spelled) != urlsafe_decode(part):
        raise AssertionError("this part has no stray bits")
    return spelled


def of_length(characters: int) -> str:
    """A token, sealed by the rules, that is so many characters long."""
    shortest = len(Recipe(claims={**SUBSCRIBER, "pad": ""}).token())
    estimate = (characters - shortest) * 3 // 4
    for padding in range(estimate - 3, estimate + 4):
        token = Recipe(claims={**SUBSCRIBER, "pad": "x" * padding}).token()
        if len(token) == characters:
            return token
    raise AssertionError("no padding makes a token of this length")


def padded_recipes() -> Iterator[Recipe]:
    """Good tokens whose header and claims are longer by one, two and three characters."""
    for padding in range(1, 4):
        yield Recipe(ch=f"{'a' * padding}.example", claims={**SUBSCRIBER, "iss": "a" * padding})


def another_token() -> Recipe:
    """A good token that differs in each part."""
    return Recipe(ch="puc.example.com", iv=octets("another iv", 12), claims=GUEST)


def salt_flipped(part: str) -> str:
    """The header with another salt in `kid`: well formed, and not what was sealed."""
    return b64url(urlsafe_decode(part).replace(SALT.encode(), OTHER_SALT.encode()))


def standard_alphabet(at: int) -> str:
    """A good token of which one part needs - or _, written with + and / instead."""
    recipes = (Recipe(iv=octets(f"iv {number}", 12)) for number in range(100))
    recipe = next(one for one in recipes if {"-", "_"} & set(one.parts()[at]))
    return with_part(at, lambda part: part.replace("-", "+").replace("_", "/"), recipe)


def split_elsewhere(moved: int) -> str:
    """A good token with bytes moved from the ciphertext to the tag, or if negative back."""
    parts = GOOD.parts()
    sealed = urlsafe_decode(parts[3]) + urlsafe_decode(parts[4])
    at = len(sealed) - 16 - moved
    return ".".join([*parts[:3], b64url(sealed[:at]), b64url(sealed[at:])])


def under_the_master_key() -> str:
    """A token encrypted with the master key itself."""
    parts = GOOD.parts()
    plaintext = json.dumps(SUBSCRIBER, separators=(",", ":")).encode()
    sealed = AESGCM(ACTIVE).encrypt(GOOD.iv, plaintext, parts[0].encode())
    return ".".join([*parts[:3], b64url(sealed[:-16]), b64url(sealed[-16:])])
