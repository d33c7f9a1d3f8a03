"""JSON without what parsers disagree about: duplicate members, NaN, unpaired surrogates, depth."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, Final, NoReturn

_MAX_DEPTH: Final = 8


def read_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: It is none, or not strict. The error contains nothing of it.
    """
    try:
        found = json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - the text is wrong
    _check(found, _MAX_DEPTH)
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is repeated")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: object, levels: int) -> None:
    """Refuse what is nested too deeply, and characters that only escapes can produce."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a string contains NUL or an unpaired surrogate")
    elif isinstance(value, dict | list):
        if levels == 0:
            raise ValueError("nested too deeply")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(item, levels - 1)
