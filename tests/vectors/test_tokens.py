"""Every vector has its verdict, and every refusal is one and the same."""

import json
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satmint.jose import CannotOpen, Keyring, TokenCipher
from satmint.model.claims import TokenType, decode_claims
from tests.kit.entropy import SeededEntropy
from tests.vectors import generate

VECTORS: Final = json.loads(generate.FILE.read_text())
CASES: Final = VECTORS["cases"]
GOOD: Final = [case for case in CASES if case["verdict"] == "opens"]
PARTS: Final = sorted({part for case in GOOD for part in case["token"].split(".")})
SAFE: Final = TokenCipher(Keyring.from_jwks(json.dumps(VECTORS["keyring"])), SeededEntropy())
REFUSED: Final = {"name", "why", "open_as", "token", "verdict"}
OPENED: Final = REFUSED | {"claims", "ch"}

Case = dict[str, Any]


def test_committed_vectors_are_what_the_script_makes() -> None:
    assert generate.FILE.read_text() == generate.text()


def test_vectors_are_many_and_each_has_a_name_of_its_own() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)
    assert sum(case["verdict"] == "opens" for case in CASES) >= 9
    assert sum(case["verdict"] == "cannot_open" for case in CASES) >= 120


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_vector(case: Case) -> None:
    typ = TokenType(case["open_as"])
    match case["verdict"]:
        case "opens":
            assert case.keys() == OPENED
            opened = SAFE.open(case["token"], typ)
            assert opened.claims == decode_claims(json.dumps(case["claims"]).encode())
            assert opened.ch == case["ch"]
        case "cannot_open":
            assert case.keys() == REFUSED
            with pytest.raises(CannotOpen) as refusal:
                SAFE.open(case["token"], typ)
            assert type(refusal.value) is CannotOpen
            assert refusal.value.args == ("not a token of this deployment",)
            assert vars(refusal.value) == {}
        case unknown:
            pytest.fail(f"a verdict that nobody knows: {unknown}")


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_what_opens_as_one_type_does_not_open_as_the_other(case: Case) -> None:
    (other,) = set(TokenType) - {TokenType(case["open_as"])}
    with pytest.raises(CannotOpen):
        SAFE.open(case["token"], other)


@pytest.mark.parametrize("typ", TokenType)
@given(text=st.text(max_size=300) | st.text("AQgw-_.=", max_size=300))
@example(text="....")
@example(text="\ud800.\ud800.\ud800.\ud800.\ud800")
def test_any_text_opens_or_is_refused(text: str, typ: TokenType) -> None:
    with pytest.raises(CannotOpen):
        SAFE.open(text, typ)


@given(
    case=st.sampled_from(GOOD),
    at=st.integers(0, 400),
    character=st.sampled_from("AQgwxyz019-_.=+/ \n\0\u0661"),
)
def test_a_good_token_with_any_character_changed_is_refused(
    case: Case, at: int, character: str
) -> None:
    token = case["token"]
    spoiled = token[:at] + character + token[at + 1 :]
    if spoiled != token:
        with pytest.raises(CannotOpen):
            SAFE.open(spoiled, TokenType(case["open_as"]))


@given(parts=st.lists(st.sampled_from(PARTS), min_size=5, max_size=5))
@example(parts=GOOD[0]["token"].split("."))
def test_parts_of_good_tokens_put_together_anew_open_only_where_they_were_one(
    parts: list[str],
) -> None:
    token = ".".join(parts)
    for typ in TokenType:
        if any(case["token"] == token and case["open_as"] == typ for case in GOOD):
            SAFE.open(token, typ)
        else:
            with pytest.raises(CannotOpen):
                SAFE.open(token, typ)
