"""JSON without its ambiguities: RFC 8259, read as narrowly as it allows.

Python's own reader takes `NaN`, repeated members, unpaired surrogates and UTF-16. Each has been
somebody's way around a check, so none is accepted here.
"""

import json
from math import isfinite
from typing import Any, Final, NoReturn

import msgspec

_WHITE_SPACE: Final = " \t\r\n"
"""RFC 8259, section 2."""
_BACKSLASH, _BRACKET = b"\\["


class NotStrictJson(ValueError):
    """The bytes are no JSON, or such that two readers could understand them differently.

    The message is empty in the first case and a fixed sentence in the second; neither it nor what
    caused it carries any part of the bytes.
    """


def read_strictly(data: bytes, deepest: int | None = None) -> Any:  # noqa: ANN401 - any JSON
    """The value that `data` spells, in UTF-8.

    Args:
        data: JSON.
        deepest: How many objects and arrays may stand within each other; None for no other bound
            than the interpreter's.

    Raises:
        NotStrictJson: it is no UTF-8 or no JSON, repeats a member, has a number that is none, an
            unpaired surrogate or NUL, or is nested too deeply.
    """
    if _BACKSLASH not in data and _BRACKET not in data and data.count(b"{") == 1:
        members = _read_flat(data)
        if members is not None:
            return members
    try:
        return _read_any(data, deepest)
    except NotStrictJson:
        raise
    except (ValueError, RecursionError):
        # Not chained: the reader's own errors hold all that was read.
        raise NotStrictJson from None


def _read_any(data: bytes, deepest: int | None) -> Any:  # noqa: ANN401 - any JSON
    text = data.decode("utf-8").strip(_WHITE_SPACE)
    value, end = _decoder.raw_decode(text)
    if end != len(text):
        raise NotStrictJson
    # Looked at only where there are enough brackets, be they within strings.
    if deepest is not None and data.count(b"{") + data.count(b"[") > deepest:
        _refuse_depth(value, deepest)
    if b"\\u" in data:
        _refuse_odd_characters(value)
    return value


def _read_flat(data: bytes) -> dict[str, Any] | None:
    """An object of plain values alone, by a reader that is four times as fast, if it is strict.

    That reader passes over repeated members alone, and odd characters, which need a backslash.
    Without a backslash every quotation mark begins or ends a name or a string: where there are just
    as many as the members need that were read, none of them was repeated.
    """
    try:
        members = _fast(data)
    except ValueError:
        return None  # the other reader knows what to say
    if not isinstance(members, dict):
        return None
    strings = list(map(type, members.values())).count(str)
    return members if data.count(b'"') == 2 * (len(members) + strings) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrictJson("a member is repeated")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise NotStrictJson("a number is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise NotStrictJson(f"{name} is no number")


_fast: Final = msgspec.json.Decoder().decode
_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse_constant
)


def _refuse_odd_characters(value: object) -> None:
    """Refuse NUL and unpaired surrogates, which only an escape can spell."""
    match value:
        case str():
            if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise NotStrictJson("a string holds NUL or an unpaired surrogate")
        case list():
            for item in value:
                _refuse_odd_characters(item)
        case dict():
            for name, item in value.items():
                _refuse_odd_characters(name)
                _refuse_odd_characters(item)
        case _:
            pass


def _refuse_depth(value: object, levels: int) -> None:
    if isinstance(value, dict | list):
        if levels == 0:
            raise NotStrictJson("it is nested too deeply")
        for item in value.values() if isinstance(value, dict) else value:
            _refuse_depth(item, levels - 1)
