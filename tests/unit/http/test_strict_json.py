"""JSON without its ambiguities."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satmint.http.strict_json import read_object
from satmint.model.refusals import Code, FieldError, Unprocessable

NOT_JSON = "The body is not valid JSON"
REPEATED = f"{NOT_JSON}: a member is repeated"
ODD = f"{NOT_JSON}: a string contains NUL or an unpaired surrogate"
NO_OBJECT = "The body must be a JSON object"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", NOT_JSON),
        (b"nonsense", NOT_JSON),
        (b"a=1&b=2", NOT_JSON),
        (b"{}{}", NOT_JSON),
        (b"{} x", NOT_JSON),
        (b"{'a':1}", NOT_JSON),
        (b'{"a":1,}', NOT_JSON),
        (b'{"a":01}', NOT_JSON),
        (b'{"a":.5}', NOT_JSON),
        (b'{"a":/**/1}', NOT_JSON),
        (b'{"a":"\n"}', NOT_JSON),
        (b'{"a":"\0"}', NOT_JSON),
        (b'{"a":"\\x41"}', NOT_JSON),
        (b'{"a":' + b"9" * 5000 + b"}", NOT_JSON),
        (b"[" * 60_000, NOT_JSON),
        (b'{"a":' * 12_000, NOT_JSON),
        (b"\xef\xbb\xbf{}", NOT_JSON),
        ('{"a":1}'.encode("utf-16"), NOT_JSON),
        (b'{"a":"\xff"}', NOT_JSON),
        (b'{"a":"\xed\xa0\x80"}', NOT_JSON),
        (b" ", NOT_JSON),
        (b'{"a":' + b"[" * 60_000, NOT_JSON),
        (b'{"a":"\xc0\x80"}', NOT_JSON),
        (b'{"a":NaN}', NOT_JSON),
        (b'{"a":[-Infinity]}', NOT_JSON),
        (b'{"a":1e999}', NOT_JSON),
        (b'{"a":NaN,"b":1}', f"{NOT_JSON}: NaN is not a number"),
        (b'{"a":Infinity,"b":1}', f"{NOT_JSON}: Infinity is not a number"),
        (b'{"b":1,"a":[-Infinity]}', f"{NOT_JSON}: -Infinity is not a number"),
        (b'{"a":1,"a":1}', REPEATED),
        (b'{"a":1,"\\u0061":2}', REPEATED),
        (b'{"a":{"b":1,"b":2}}', REPEATED),
        (b'{"a":[{"b":1,"b":2}]}', REPEATED),
        (b'{"a":"\\u0000"}', ODD),
        (b'{"\\u0000":1}', ODD),
        (b'{"a":"\\ud800"}', ODD),
        (b'{"a":"\\udc00\\ud800"}', ODD),
        (b'{"a":[["\\ud83d"]]}', ODD),
        (b'{"a":{"b":"\\uDFFF"}}', ODD),
        (b"[]", NO_OBJECT),
        (b"null", NO_OBJECT),
        (b"7", NO_OBJECT),
        (b'"a"', NO_OBJECT),
        (b"true", NO_OBJECT),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(
    body: bytes, message: str
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_object(body)
    assert refusal.value.field_errors == (FieldError(Code.NOT_A_VALID_JSON, message),)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", {}),
        (b"{}", {}),
        (b' \t\r\n{"a" : 1}\n', {"a": 1}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a":"\U0001f600"}'.encode(), {"a": "\U0001f600"}),
        (b'{"a":"\\u0041","b":[true,null,1.5,{}]}', {"a": "A", "b": [True, None, 1.5, {}]}),
        (b'{"a":"\\\\u0000"}', {"a": "\\u0000"}),
        (b'{"a":{"b":1},"c":{"b":2}}', {"a": {"b": 1}, "c": {"b": 2}}),
    ],
)
def test_what_all_readers_understand_alike_is_read(body: bytes, value: object) -> None:
    assert read_object(body) == value


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 60), 1 << 60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
    max_leaves=10,
)


@given(st.dictionaries(names, values), st.booleans())
def test_any_object_is_read_as_it_was_written(value: dict[str, object], escaped: bool) -> None:
    assert read_object(json.dumps(value, ensure_ascii=escaped).encode()) == value


PIECES = st.sampled_from(
    [
        *'{}[],":\\ \t\n\0',
        *(
            "a",
            "b",
            '"a":',
            '"a":1',
            "null",
            "true",
            "7",
            "-1.5e3",
            "0",
            "1e999",
            "NaN",
            "Infinity",
        ),
        *("\\u0000", "\\ud800", "\\ud83d\\ude00", "\\u0061", "\x7f", "é", "\ufeff"),
    ]
)


@given(st.binary() | st.lists(PIECES).map(lambda pieces: "".join(pieces).encode()))
@example(b'{"a":"\\ud800\\u0000"}')
@example(b'{"a":"\x7f"}')
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        value = read_object(body)
    except Unprocessable as refusal:
        (field_error,) = refusal.field_errors
        assert field_error.code is Code.NOT_A_VALID_JSON
    else:
        assert value == (json.loads(body) if body else {})
        assert "\0" not in repr(value)
        json.dumps(value, ensure_ascii=False).encode()


@given(st.lists(PIECES.filter(lambda piece: ":" not in piece)).map("".join))
def test_a_single_member_is_read_no_less_strictly_than_several(inner: str) -> None:
    """The reader for a single member is another one; both must say the same."""
    one, several = f'{{"a":{inner}}}'.encode(), f'{{"b":0,"a":{inner}}}'.encode()
    try:
        value = read_object(several)
    except Unprocessable:
        with pytest.raises(Unprocessable):
            read_object(one)
    else:
        if "1e999" not in inner:
            assert {**read_object(one), "b": 0} == value
