"""Spoiling: what is good goes in, and something near it comes out."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

TOKEN_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ODD_BYTES: Final = b"\x00\t\n\r \"'+/=.,:;{}[]\\\x7f\x80\xc3\xff"
ODD_TEXTS: Final = (
    *("", " ", "\x00", "\ud800", "\u202e", "é", "\U0001f600", "None", "null", "..", "/", "//"),
    *("%00", "a" * 300, "A" * 9000, "-1", "1e9", "{}", "[]", "0", "true", "*", "' OR 1=1 --"),
    *("c2c_" + "0" * 32, "PT" + "0" * 48, "a.b.c.d.e", "a..b.c.d", "...."),
    *("00000000-0000-4000-8000-000000000000", "alice@example.com", "https://x.test/"),
)
ODD_NUMBERS: Final = (
    *(0, -1, 1, 59, 60, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 1.5, -0.0, 1e308),
    *(1_700_000_000, 1_700_000_299, 1_699_999_700, 1_700_000_060, 1_700_007_200),
)
ODD_JSON: Final = (
    *(b"{}", b"[]", b"null", b"0", b'""', b"{", b"}", b'{"a":1,"a":2}', b"NaN", b"[NaN]", b""),
    *(b"\xef\xbb\xbf{}", b"{}\x00", b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b"[" * 500),
    *(b'{"a":' * 200 + b"1" + b"}" * 200, b"{}{}", b"\xff\xfe{\x00}\x00", b'{"a":1e999}'),
)

Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]


def _flip(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :]


def _letter(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    letters = TOKEN_LETTERS if dice.random() < 0.8 else ODD_BYTES
    return data[:at] + bytes([dice.choice(letters)]) + data[at + 1 :]


def _insert(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data) + 1)
    letters = TOKEN_LETTERS if dice.random() < 0.5 else ODD_BYTES
    return data[:at] + bytes(dice.choices(letters, k=dice.choice((1, 1, 2, 9)))) + data[at:]


def _drop(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + data[at + dice.choice((1, 1, 2, 4, 40)) :]


def _repeat(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    piece = data[at : at + dice.randrange(1, 40)]
    return data[:at] + piece * dice.choice((1, 2, 30)) + data[at:]


def _swap(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    one, other = sorted(dice.randrange(len(data)) for _ in range(2))
    return data[:one] + data[other:] + data[one:other]


def _cut(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] if dice.random() < 0.5 else data[at:]


def _splice(dice: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = dice.choice(others)
    return data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other) + 1) :]


def _dotted(dice: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Another one's part in the place of one's own."""
    parts, other = data.split(b"."), dice.choice(others).split(b".")
    parts[dice.randrange(len(parts))] = dice.choice(other)
    return b".".join(parts)


def _noise(dice: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return dice.randbytes(dice.randrange(1, len(data) + 1))


BYTES: Final[tuple[Mutator, ...]] = (
    *(_flip, _letter, _letter, _insert, _drop, _repeat, _swap, _cut, _splice, _dotted, _noise),
)


def spoil(dice: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Something near `data`, now and then `data` itself.

    Args:
        dice: Rolled for everything.
        data: What is good.
        others: What else is good, to take parts from.
    """
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data = dice.choice(BYTES)(dice, data, others) or b"."
    return data


def value(dice: Random, depth: int = 2) -> Any:  # noqa: ANN401 - any JSON
    """Any JSON value."""
    match dice.randrange(9 if depth else 6):
        case 0:
            return None
        case 1:
            return dice.random() < 0.5
        case 2 | 3:
            return dice.choice(ODD_NUMBERS)
        case 4 | 5:
            return dice.choice(ODD_TEXTS)
        case 6:
            return [value(dice, depth - 1) for _ in range(dice.choice((0, 1, 2, 12)))]
        case 7:
            names = [dice.choice(ODD_TEXTS) for _ in range(dice.choice((0, 1, 3)))]
            return {name: value(dice, depth - 1) for name in names}
        case _:
            return float("nan") if dice.random() < 0.2 else dice.choice(ODD_TEXTS) * 2


def spoil_members(dice: Random, members: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A JSON object near this one: members left out, added, renamed or with another value."""
    changed = dict(members)
    for _ in range(dice.choice((1, 1, 2, 3))):
        name = dice.choice(list(changed) or list(names) or [""])
        match dice.randrange(6):
            case 0:
                changed.pop(name, None)
            case 1:
                changed[dice.choice(list(names) or ["x"])] = value(dice)
            case 2:
                changed[dice.choice((name.upper(), f"{name}s", name[::-1], "x", ""))] = value(dice)
            case 3:
                text = changed.get(name)
                if isinstance(text, str) and text:
                    data = spoil(dice, text.encode("utf-8", "replace"), [b"alice", b"."])
                    changed[name] = data.decode("utf-8", "replace")
                elif isinstance(text, dict):
                    changed[name] = spoil_members(dice, text, ("kid", "use", "d", "k", "x5c"))
                elif isinstance(text, list):
                    changed[name] = [*text, value(dice)]
                else:
                    changed[name] = value(dice)
            case _:
                changed[name] = value(dice)
    return changed


def as_json(dice: Random, thing: object) -> bytes:
    """Its JSON, at times in an unusual spelling, and at times with a member twice."""
    data = json.dumps(
        thing,
        ensure_ascii=dice.random() < 0.7,
        separators=(",", ":") if dice.random() < 0.8 else (" ,\n", "\t: "),
    ).encode("utf-8", "surrogatepass")
    if dice.random() < 0.1:
        return dice.choice(ODD_JSON)
    if dice.random() < 0.05 and data.startswith(b'{"'):
        return data[:-1] + b"," + data[1:]
    return data


def decoded(part: bytes) -> dict[str, Any] | None:
    """The JSON object of a base64url part, if that is what it is."""
    try:
        found = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (Base64Error, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def encoded(data: bytes) -> bytes:
    """A base64url part."""
    return urlsafe_b64encode(data).rstrip(b"=")
