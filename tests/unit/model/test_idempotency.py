"""The syntax of idempotency keys."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.idempotency import (
    KEPT_SECONDS,
    MAX_KEY_CHARS,
    InvalidKey,
    KeyedRequest,
    read_key,
)

VISIBLE = [chr(code) for code in range(0x20, 0x7F)]
KEYS = st.text(st.sampled_from(VISIBLE), min_size=1, max_size=MAX_KEY_CHARS)


def quoted(key: str) -> str:
    """As a string of structured fields (RFC 9651, section 4.1.6)."""
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(KEYS)
def test_each_key_can_be_sent_as_a_quoted_string(key: str) -> None:
    assert read_key([quoted(key)]) == key
    assert read_key([f" \t{quoted(key)} "]) == key


@given(st.text(max_size=300) | KEYS)
def test_whatever_is_sent_is_a_key_or_refused(value: str) -> None:
    try:
        key = read_key([value])
    except InvalidKey:
        return
    assert 1 <= len(key) <= MAX_KEY_CHARS
    assert set(key) <= set(VISIBLE)
    assert read_key([quoted(key)]) == key


@given(KEYS, KEYS)
def test_no_two_keys_are_written_alike(one: str, other: str) -> None:
    assert (quoted(one) == quoted(other)) == (one == other)


@pytest.mark.parametrize("values", [[], ['"a"', '"a"'], ['"a"', '"b"']])
def test_there_is_exactly_one_header(values: list[str]) -> None:
    with pytest.raises(InvalidKey):
        read_key(values)


@pytest.mark.parametrize("value", ['"' * 300, '"' + "\\" * 301 + '"', "a" * 100_000])
def test_a_long_value_costs_no_more_than_its_length(value: str) -> None:
    with pytest.raises(InvalidKey):
        read_key([value])


def test_key_has_1_to_255_characters_and_a_refusal_says_so() -> None:
    assert (MAX_KEY_CHARS, KEPT_SECONDS) == (255, 86_400)
    for value in ("k" * 255, quoted("k" * 255), "k", quoted("k")):
        assert read_key([value]) == value.strip('"')
    for value in ("k" * 256, quoted("k" * 256), "", '""'):
        with pytest.raises(InvalidKey, match=r"of 1 to 255 visible ASCII characters$"):
            read_key([value])


def test_mac_of_a_body_is_not_in_the_repr() -> None:
    keyed = KeyedRequest(UUID(int=1), b"digest", b"mac of", "key", b"salt", UUID(int=2), 3)
    assert "mac of" not in repr(keyed)
