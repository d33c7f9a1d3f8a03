"""Strict JSON parsing: RFC 8259 without its ambiguities.

Python's parser accepts `NaN`, duplicate members, unpaired surrogates and UTF-16. Each of them has
been used to bypass checks, so none is accepted here.
"""

import json
from math import isfinite
from typing import Any, Final, NoReturn

import msgspec

_WHITE_SPACE: Final = " \t\r\n"
"""RFC 8259, section 2."""
_BACKSLASH, _BRACKET = b"\\["


class NotStrictJson(ValueError):
    """The bytes are not JSON, or two parsers could interpret them differently.

    The message is empty in the first case and a fixed sentence in the second; neither it nor the
    exception's cause contains any part of the bytes.
    """


def parse_strict_json(data: bytes, max_depth: int | None = None) -> Any:  # noqa: ANN401 - any JSON
    """Parse JSON in UTF-8.

    Args:
        data: JSON.
        max_depth: Maximum nesting of objects and arrays; None for the interpreter's limit.

    Raises:
        NotStrictJson: the data is not UTF-8 or not JSON, has duplicate members, non-finite
            numbers, unpaired surrogates or NUL, or is nested too deeply.
    """
    if _BACKSLASH not in data and _BRACKET not in data and data.count(b"{") == 1:
        members = _read_flat(data)
        if members is not None:
            return members
    try:
        return _read_any(data, max_depth)
    except NotStrictJson:
        raise
    except (ValueError, RecursionError):
        # Not chained: the parser's own errors contain all of the data.
        raise NotStrictJson from None


def _read_any(data: bytes, max_depth: int | None) -> Any:  # noqa: ANN401 - any JSON
    text = data.decode("utf-8").strip(_WHITE_SPACE)
    value, end = _decoder.raw_decode(text)
    if end != len(text):
        raise NotStrictJson
    # Checked only if there are enough brackets, including those within strings.
    if max_depth is not None and data.count(b"{") + data.count(b"[") > max_depth:
        _reject_depth(value, max_depth)
    if b"\\u" in data:
        _reject_invalid_characters(value)
    return value


def _read_flat(data: bytes) -> dict[str, Any] | None:
    """Parse a flat object with a parser that is four times as fast; None if it may not be strict.

    That parser is lenient only about duplicate members and about invalid characters, which need a
    backslash. Without backslashes, every quotation mark delimits a name or a string: if there are
    exactly as many as the parsed members need, no member was duplicated.
    """
    try:
        members = _fast(data)
    except ValueError:
        return None  # the other parser reports the error
    if not isinstance(members, dict):
        return None
    strings = list(map(type, members.values())).count(str)
    return members if data.count(b'"') == 2 * (len(members) + strings) else None


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrictJson("a member is repeated")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise NotStrictJson("a number is too large")
    return number


def _reject_constant(name: str) -> NoReturn:
    raise NotStrictJson(f"{name} is not a number")


_fast: Final = msgspec.json.Decoder().decode
_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_float=_finite, parse_constant=_reject_constant
)


def _reject_invalid_characters(value: object) -> None:
    """Reject NUL and unpaired surrogates, which only escapes can produce."""
    match value:
        case str():
            if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise NotStrictJson("a string contains NUL or an unpaired surrogate")
        case list():
            for item in value:
                _reject_invalid_characters(item)
        case dict():
            for name, item in value.items():
                _reject_invalid_characters(name)
                _reject_invalid_characters(item)
        case _:
            pass


def _reject_depth(value: object, levels: int) -> None:
    if isinstance(value, dict | list):
        if levels == 0:
            raise NotStrictJson("it is nested too deeply")
        for item in value.values() if isinstance(value, dict) else value:
            _reject_depth(item, levels - 1)
