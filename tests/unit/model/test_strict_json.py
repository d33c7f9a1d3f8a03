"""JSON without its ambiguities, as all who read it share it."""

import contextlib
import json
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satmint.model import strict_json
from satmint.model.strict_json import NotStrictJson, parse_strict_json

ODD: Final = "a string contains NUL or an unpaired surrogate"
DEEP: Final = "it is nested too deeply"
REPEATED: Final = "a member is repeated"
LARGE: Final = "a number is too large"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ""),
        (b"{", ""),
        (b"{}x", ""),
        (b"\xff", ""),
        (b"\x0b{}", ""),
        (b"\xc2\xa0{}", ""),
        (b"[" * 100_000, ""),
        (b"9" * 5000, ""),
        (b'{"a":1,"a":1}', REPEATED),
        (b'{"a":"","a":""}', REPEATED),
        (b'{"a":1,"b":"","a":""}', REPEATED),
        (b'{"a":"b","a":1}', REPEATED),
        (b'{"a":{"b":1,"b":1}}', REPEATED),
        (b'{"a":"\\\\","a":1}', REPEATED),
        (b'{"a":NaN}', "NaN is not a number"),
        (b"-Infinity", "-Infinity is not a number"),
        (b"1e999", LARGE),
        (b'{"a":-1e999}', LARGE),
        (b'"\\u0000"', ODD),
        (b'{"\\udc00":1}', ODD),
        (b"[[[]]]", DEEP),
        (b'{"a":{"b":{}}}', DEEP),
        (b'[0,[1,{"a":1}]]', DEEP),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(
    data: bytes, message: str
) -> None:
    with pytest.raises(NotStrictJson) as refusal:
        parse_strict_json(data, max_depth=2)
    assert str(refusal.value) == message
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b' \t\r\n{"a" : "b"}\n', {"a": "b"}),
        (b"7", 7),
        (b"null", None),
        (b'"{"', "{"),
        (b'"[[[["', "[[[["),
        (b"[[]]", [[]]),
        (b"[[],[],[]]", [[], [], []]),
        (b'[{"a":1},{"a":2},{}]', [{"a": 1}, {"a": 2}, {}]),
        (b'{"a":{"b":1},"c":[{},0]}', None),
        (b'{"a":"\\"","b":"\\\\"}', {"a": '"', "b": "\\"}),
        (b'{"a":18446744073709551616}', {"a": 1 << 64}),
        (b'{"a":1.0,"b":1e5,"c":-0}', {"a": 1.0, "b": 1e5, "c": 0}),
    ],
)
def test_what_all_readers_understand_alike_is_read(data: bytes, value: object) -> None:
    if value is None and data != b"null":
        with pytest.raises(NotStrictJson, match=f"^{DEEP}$"):
            parse_strict_json(data, max_depth=2)
        assert parse_strict_json(data, max_depth=3) == json.loads(data) == parse_strict_json(data)
    else:
        assert parse_strict_json(data, max_depth=2) == value


@pytest.mark.parametrize("max_depth", [None, 8, 5000])
def test_no_depth_ends_in_anything_but_a_value_or_a_refusal(max_depth: int | None) -> None:
    """One reader's stack may reach further than another's."""
    read = 0
    for depth in range(1, 1100, 3):
        for text in ('"\\u0041"', "{}"):
            data = f"{'[' * depth}{text}{']' * depth}".encode()
            with contextlib.suppress(NotStrictJson):
                parse_strict_json(data, max_depth)
                read += 1
    assert read > (200 if max_depth != 8 else 0)


@pytest.mark.parametrize("blank", [*"\x00\x0b\x0c\x1c\x1f\x85\xa0\u2028\ufeff", "X"])
@pytest.mark.parametrize("data", ["{}", "[]", '{"a":{}}'])
def test_only_four_characters_are_white_space(blank: str, data: str) -> None:
    for spoiled in (blank + data, data + blank):
        with pytest.raises(NotStrictJson, match=r"^$"):
            parse_strict_json(spoiled.encode())
    assert parse_strict_json(f" \t\r\n{data} \t\r\n".encode()) == json.loads(data)


PIECES: Final = st.sampled_from(
    [
        *'{}[],":\\ \t\n\0',
        *("a", '"a":', '"b":', '"a":1', '"a":"x"', "null", "true", "7", "-1.5e3", "1e999", "NaN"),
        *("\\u0000", "\\ud800", "\\ud83d\\ude00", "\\u0061", "\\\\", '\\"', "é", "\ufeff"),
        str(1 << 64),
    ]
)
DATA: Final = st.binary(max_size=40) | st.lists(PIECES, max_size=12).map(
    lambda pieces: "".join(pieces).encode()
)
MEMBERS: Final = st.lists(
    st.tuples(st.sampled_from(["a", "b", "", "c d"]), st.sampled_from(['"x"', '""', "1", "null"])),
    max_size=4,
).map(lambda pairs: "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}")


def read(data: bytes) -> Any:  # noqa: ANN401 - any JSON, or what was said against it
    try:
        return parse_strict_json(data)
    except NotStrictJson as refusal:
        return repr(refusal)


@given(DATA | MEMBERS.map(str.encode))
@example(b'{"a":1,"a":"x"}')
@example(b'{"a":"x","a":1}')
@example(b'{"a":"x,","a":":"}')
def test_both_readers_say_the_same(data: bytes) -> None:
    """There is a fast one for objects of plain values; it must be no less strict."""
    usual = read(data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(strict_json, "_read_flat", lambda _: None)
        assert repr(read(data)) == repr(usual)


def test_fast_reader_is_the_one_for_plain_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(strict_json, "_decoder")
    flat = b'{"jti":"a","htm":"POST","iat":1700000000,"ath":null}'
    assert parse_strict_json(flat) == json.loads(flat)
    for other in (b'{"a":{}}', b'{"a":[]}', b'{"a":"\\n"}', b"7", b'{"a":1,"a":1}'):
        with pytest.raises(NameError):
            parse_strict_json(other)


@pytest.mark.parametrize("wrapped", ['["{}"]', '{{"a":"{}"}}', '{{"{}":1}}', '[[{{"a":["{}"]}}]]'])
@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udfff"])
def test_character_that_no_text_has_is_refused_at_any_depth(wrapped: str, escape: str) -> None:
    with pytest.raises(NotStrictJson, match="NUL or an unpaired surrogate"):
        parse_strict_json(wrapped.format(escape).encode())
    assert parse_strict_json(wrapped.format("\\u00e9").encode()) is not None


def test_number_with_a_fraction_is_read_beside_any_other_value() -> None:
    assert parse_strict_json(b'[1.5,-2e3,{"a":0.25}]') == [1.5, -2000.0, {"a": 0.25}]


def test_as_many_levels_as_allowed_are_read_and_no_more() -> None:
    assert parse_strict_json(b"[[1]]", 2) == [[1]]
    assert parse_strict_json(b'["[[["]', 1) == ["[[["]
    for data, levels in ((b"[[1]]", 1), (b"[[[1]]]", 2), (b'{"a":[1]}', 1)):
        with pytest.raises(NotStrictJson, match="nested too deeply"):
            parse_strict_json(data, levels)
