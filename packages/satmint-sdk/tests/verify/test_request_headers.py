"""What is read of a request's headers and path, whatever they are."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk._secrets import SecretText
from satmint_sdk.verify import RefusalCause, TokenRefused, VerifiedToken
from satmint_sdk.verify._requests import (
    MAX_HEADER_CHARS,
    RequestParts,
    Rules,
    encoded_path,
    read_credentials,
)
from satmint_sdk.verify._urls import normal_url

TOKEN: Final = "eyJhIjoxfQ..aXY.dGV4dA.dGFn"
PROOF: Final = "a.b.c"
HEADERS: Final = st.lists(st.text(st.characters(max_codepoint=255), max_size=40), max_size=3)
SCHEMES: Final = st.sampled_from(["Bearer", "DPoP", "bearer", "Basic", "Bearer ", "", "Digest x,"])


def parts(authorization: list[str], dpop: list[str]) -> RequestParts:
    return RequestParts(
        [SecretText(one) for one in authorization], [SecretText(one) for one in dpop], "GET", "/"
    )


def cause(authorization: list[str], dpop: list[str]) -> RefusalCause:
    with pytest.raises(TokenRefused) as refused:
        read_credentials(parts(authorization, dpop), None)
    assert refused.value.challenge
    assert TOKEN not in str(refused.value) + refused.value.challenge
    return refused.value.cause


@pytest.mark.parametrize(
    ("value", "dpop"),
    [
        (f"Bearer {TOKEN}", []),
        (f"bearer   {TOKEN} ", []),
        (f"Bearer {TOKEN}", [PROOF]),
        (f"DPoP {TOKEN}", [PROOF]),
        (f"DPOP {TOKEN}", [f" {PROOF}\t"]),
    ],
)
def test_token_and_proof_are_read_with_either_scheme(value: str, dpop: list[str]) -> None:
    found = read_credentials(parts([value], dpop), None)
    assert found.token.reveal() == TOKEN
    assert (found.proof.reveal() if found.proof else None) == (PROOF if dpop else None)
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    ("authorization", "dpop", "expected"),
    [
        ([], [], "token_missing"),
        ([], [PROOF], "token_missing"),
        (["Basic eDp5"], [], "token_missing"),
        ([f"Bearer\t{TOKEN}"], [], "token_missing"),
        ([""], [], "credentials_malformed"),
        (["Bearer"], [], "credentials_malformed"),
        (["Bearer  "], [], "credentials_malformed"),
        ([f"Bearer {TOKEN}, Bearer {TOKEN}"], [], "credentials_malformed"),
        ([f"Bearer {TOKEN},{TOKEN}"], [], "credentials_malformed"),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], [], "credentials_malformed"),
        ([f"Bearer {TOKEN}\xe4"], [], "credentials_malformed"),
        (["Bearer " + "a" * MAX_HEADER_CHARS], [], "credentials_malformed"),
        ([f"DPoP {TOKEN}"], [], "proof_missing"),
        ([f"DPoP {TOKEN}"], [""], "proof_malformed"),
        ([f"Bearer {TOKEN}"], [" "], "proof_malformed"),
        ([f"DPoP {TOKEN}"], [PROOF, PROOF], "proof_malformed"),
    ],
)
def test_other_headers_are_refused(
    authorization: list[str], dpop: list[str], expected: str
) -> None:
    assert cause(authorization, dpop) == expected


@given(SCHEMES, HEADERS, HEADERS)
def test_anything_is_either_read_or_refused(
    scheme: str, authorization: list[str], dpop: list[str]
) -> None:
    values = [f"{scheme} {one}" for one in authorization]
    found = refused = None
    try:
        found = read_credentials(parts(values, dpop), None)
    except TokenRefused as error:
        refused = error
    if refused is not None:
        assert refused.status in (400, 401)
        assert refused.challenge.isascii()
    if found is not None:
        assert len(values) == 1
        assert found.token.reveal().isascii()
        assert (found.proof is None) is (not dpop)


@given(st.binary(max_size=40), st.none() | st.binary(max_size=60))
def test_path_that_is_checked_is_always_that_of_the_application(
    path: bytes, sent: bytes | None
) -> None:
    whole = b"/" + path
    encoded = encoded_path(whole, sent)
    assert unquote_to_bytes(encoded) == whole
    assert not {"?", "#"} & set(encoded)
    assert normal_url(f"https://api.example.com{encoded}") is not None


def test_path_is_taken_as_it_was_sent_if_it_is_the_same() -> None:
    assert encoded_path(b"/a/b", b"/a%2Fb?x=/other") == "/a%2Fb"
    assert encoded_path(b"/a/b", b"/other") == "/a/b"
    assert encoded_path(b"/a#b", b"/a#b") == "/a%23b"  # a proof for `/a` is not for it
    assert encoded_path(b"/a%b", b"/a%b") == "/a%25b"
    assert encoded_path(b"/a b", b"/a b") == "/a%20b"


@pytest.mark.parametrize(
    "path", [b".example.net/me", b":8443/me", b"@example.net/me", b"http://example.net/me", b"*"]
)
def test_path_never_continues_the_host(path: bytes) -> None:
    """Some servers let targets without a slash through, and some frameworks put it there."""
    for sent in (path, None):
        url = normal_url(f"https://api.example.com{encoded_path(path, sent)}")
        assert url is not None
        assert url.startswith("https://api.example.com/")


def test_rules_add_up() -> None:
    token = VerifiedToken(
        subscriber="u", project="p", session="s", kind="guest", scope=frozenset({"a", "b"}),
        addresses=("one", "two"), expiry=0, jkt=None,
    )  # fmt: skip
    rules = Rules.of("https://api.example.com/", "a", "one", None)
    assert rules.base_url == "https://api.example.com"
    assert rules.check(token, {}, None) is token
    both = rules.requiring(["b"], None, "room")
    assert both.check(token, {"room": "two"}, None) is token
    for refusing, params, expected in (
        (both, {"room": "three"}, "address_not_allowed"),
        (both.requiring("c", None, None), {"room": "two"}, "scope_missing"),
        (rules.requiring((), "three", None), {}, "address_not_allowed"),
    ):
        with pytest.raises(TokenRefused) as refused:
            refusing.check(token, params, "example")
        assert (refused.value.status, refused.value.cause) == (403, expected)
        assert 'realm="example"' in refused.value.challenge
