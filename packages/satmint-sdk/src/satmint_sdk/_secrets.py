"""Secrets, and hiding tokens in text."""

from __future__ import annotations

import re
from typing import Final, TypeVar, cast

HIDDEN: Final = "[hidden]"

# A SAT, refresh token or proof (three or five base64url parts, the first one a JSON object,
# complete or truncated), an API token, a Click-to-Call token. Any text of these formats is hidden.
_TOKEN: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}|PT[0-9a-fA-F]{16,}|c2c_[0-9A-Za-z]{8,}"
)

J = TypeVar("J")


class SecretText:
    """A secret text: only `reveal` returns it, neither `str` nor `repr`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret text. Every call is easy to find in review."""
        return self._text

    def __repr__(self) -> str:
        return f"SecretText({HIDDEN})"

    __str__ = __repr__


def scrub(text: str) -> str:
    """Hide everything in `text` that has the format of a token."""
    return _TOKEN.sub(HIDDEN, text)


def one_line(text: str) -> str:
    """Make one printable line without tokens from untrusted text."""
    return scrub("".join(char if char.isprintable() else " " for char in text).strip())


def scrub_json(value: J) -> J:
    """Hide tokens in every string inside a JSON value."""
    if isinstance(value, str):
        return cast("J", scrub(value))
    if isinstance(value, list):
        return cast("J", [scrub_json(item) for item in value])
    if isinstance(value, dict):
        return cast("J", {scrub_json(key): scrub_json(item) for key, item in value.items()})
    return value
