"""Secrets that do not print themselves, and the formats of long-lived secrets."""

import re
from hashlib import sha256
from typing import Any, ClassVar, Final
from zlib import crc32

from satmint.model.entropy import Entropy

C2C_PREFIX: Final = "c2c_"
_API_TOKEN_SHAPE: Final = re.compile(r"PT[0-9a-f]{48}", re.ASCII)
_C2C_SHAPE: Final = re.compile(r"c2c_([0-9a-f]{24})([0-9a-f]{8})", re.ASCII)


class SecretText:
    """A secret text: only `reveal` returns it, neither `str` nor `repr`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret text. Every call is easy to find in review."""
        return self._text

    def digest(self) -> bytes:
        """SHA-256 of the secret, which is what the database stores.

        A plain hash is sufficient only because the secret has at least 96 random bits.
        """
        return digest(self._text)

    def __repr__(self) -> str:
        return "SecretText(hidden)"

    __str__ = __repr__


class HidesFields:
    """A struct that holds a secret: neither `repr` nor rich's pretty printer shows its fields."""

    __slots__ = ()

    shown: ClassVar[tuple[str, ...]] = ()
    """The fields that are shown all the same."""

    def __repr__(self) -> str:
        shown = [str(getattr(self, name)) for name in self.shown]
        return f"{type(self).__name__}({', '.join([*shown, 'hidden'])})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [*((name, getattr(self, name)) for name in self.shown), ("hidden", True)]


def digest(text: str) -> bytes:
    """SHA-256 of `text` as UTF-8; accepts lone surrogates too."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def new_api_token(entropy: Entropy) -> SecretText:
    """`PT` and 48 hexadecimal digits: 192 random bits."""
    return SecretText("PT" + entropy.take(24).hex())


def mask(api_token: str) -> str:
    """An API token without 41 of its 48 digits, `PTd49e…2be`: 164 random bits stay secret."""
    return f"{api_token[:6]}…{api_token[-3:]}"


def new_c2c_token(entropy: Entropy) -> SecretText:
    """`c2c_` and 32 hexadecimal digits: 96 random bits, then their CRC-32.

    The checksum lets a scanner tell a real leaked token from a look-alike, offline.
    """
    body = entropy.take(12).hex()
    return SecretText(f"{C2C_PREFIX}{body}{crc32((C2C_PREFIX + body).encode()):08x}")


def is_api_token(text: str) -> bool:
    """Whether `text` has the form of an API token."""
    return _API_TOKEN_SHAPE.fullmatch(text) is not None


def is_c2c_token(text: str) -> bool:
    """Whether `text` has the shape and the checksum of a Click-to-Call token."""
    shape = _C2C_SHAPE.fullmatch(text)
    return shape is not None and crc32((C2C_PREFIX + shape[1]).encode()) == int(shape[2], 16)
