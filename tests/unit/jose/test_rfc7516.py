"""The one shape of token: RFC 7516, compact, direct encryption, A256GCM."""

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.jose._rfc7516 import (
    MAX_TOKEN_CHARS,
    Header,
    Malformed,
    Segments,
    join,
    read_header,
    split,
)
from satmint.model.base64url import b64url, b64url_decode
from satmint.model.claims import TokenType

KID: Final = "active-1." + "A" * 22
HEADERS: Final = st.builds(
    Header,
    typ=st.sampled_from(TokenType),
    kid=st.from_regex(r"[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{21}[AQgw]", fullmatch=True),
    ch=st.none() | st.from_regex(r"[A-Za-z0-9.:-]{1,255}", fullmatch=True),
)


def read(segment: bytes) -> Header:
    """A header segment, come to where it is read by the way of a token."""
    return read_header(split(join(segment, bytes(12), bytes(17))).header)


@given(HEADERS)
def test_header_is_read_as_it_was_written(header: Header) -> None:
    segment = header.encode()
    assert len(segment) <= 1024
    assert read(segment) == header


@pytest.mark.parametrize(
    ("header", "written"),
    [
        (
            Header(TokenType.SAT, KID),
            f'{{"alg":"dir","enc":"A256GCM","typ":"SAT","kid":"{KID}"}}',
        ),
        (
            Header(TokenType.REFRESH, KID, "puc.example.com:8443"),
            (
                '{"alg":"dir","enc":"A256GCM","typ":"Refresh","ch":"puc.example.com:8443",'
                f'"kid":"{KID}"}}'
            ),
        ),
    ],
)
def test_members_of_the_header_stand_in_a_fixed_order(header: Header, written: str) -> None:
    assert b64url_decode(header.encode().decode()).decode() == written


def test_tokens_begin_so_that_a_scanner_can_match_them() -> None:
    for ch in (None, "puc.example.com"):
        sat, refresh = (Header(typ, KID, ch).encode() for typ in TokenType)
        assert sat.startswith(b"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIi")
        assert refresh.startswith(b"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiUmVmcmVzaCIs")


def test_longest_header_is_read_and_a_longer_one_is_not() -> None:
    written = json.dumps({"alg": "dir", "enc": "A256GCM", "typ": "SAT", "kid": KID}).encode()
    segment = b64url(written.ljust(768)).encode()
    assert len(segment) == 1024
    assert read(segment) == Header(TokenType.SAT, KID)
    with pytest.raises(Malformed):
        read(b64url(written.ljust(769)).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_header_of_ours_or_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(b64url(data).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.sampled_from(("alg", "enc", "typ", "kid", "ch", "zip", "crit", "")) | st.text(),
    json_values,
)
def test_any_member_changed_is_our_own_header_or_malformed(name: str, value: object) -> None:
    members = {"alg": "dir", "enc": "A256GCM", "typ": "SAT", "ch": "a.b", "kid": KID, name: value}
    try:
        header = read(b64url(json.dumps(members).encode()).encode())
    except Malformed:
        return
    assert json.loads(b64url_decode(header.encode().decode())) == members


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=17, max_size=100))
def test_token_is_taken_apart_as_it_was_put_together(iv: bytes, sealed: bytes) -> None:
    token = join(b"aGVhZGVy", iv, sealed)
    assert token.count(".") == 4
    assert token.split(".")[1] == ""
    assert split(token) == Segments(b"aGVhZGVy", iv, sealed)


def test_longest_token_is_taken_apart_and_one_character_more_is_not() -> None:
    iv, tag = "A" * 16, "A" * 22
    frame = f"aGVhZGVy..{iv}..{tag}"
    ciphertext = "A" * (MAX_TOKEN_CHARS - len(frame))
    longest = f"aGVhZGVy..{iv}.{ciphertext}.{tag}"
    assert len(longest) == MAX_TOKEN_CHARS == 8192
    assert len(split(longest).sealed) == len(ciphertext) * 3 // 4 + 16
    with pytest.raises(Malformed):
        split(f"aGVhZGVy..{iv}.{ciphertext}AA.{tag}")
