"""Secrets, and hiding tokens in text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Generic, TypeVar, cast

HIDDEN: Final = "[hidden]"

# A SAT, refresh token or proof (three or five base64url parts, the first one a JSON object,
# complete or truncated), an API token, a Click-to-Call token. Any text of these formats is hidden.
_TOKEN: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}|PT[0-9a-fA-F]{16,}|c2c_[0-9A-Za-z]{8,}"
)

J = TypeVar("J")
S = TypeVar("S")


class Secret(Generic[S]):
    """A secret: only `reveal` returns it, neither `str` nor `repr`."""

    __slots__ = ("_value",)

    def __init__(self, value: S) -> None:
        self._value = value

    def reveal(self) -> S:
        """The secret. Every call is easy to find in review."""
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({HIDDEN})"

    __str__ = __repr__


class SecretText(Secret[str]):
    """A secret text."""

    __slots__ = ()


class HiddenMapping(Mapping[str, str]):
    """A mapping with secrets in it, such as the environment, whose `repr` shows none of them.

    Reporters of errors show the variables of a frame, and some of them the environment in it.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, str]) -> None:
        self._members = members

    def __getitem__(self, name: str) -> str:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"<{len(self._members)} hidden members>"


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
