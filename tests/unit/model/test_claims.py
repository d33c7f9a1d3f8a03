"""Claims: what is written is what is read, and nothing else is."""

from typing import Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.claims import (
    Claims,
    Confirmation,
    Kind,
    TokenType,
    decode_claims,
    device_token_id,
    encode_claims,
    token_id,
)
from tests.kit.clock import NOW

SESSION: Final = UUID("6f1c7c1e-5d0f-4f5e-9c43-0b8d7a1f2e3d")
CLAIMS: Final = Claims(
    iss="satmint",
    sub=UUID(int=1),
    prj=UUID(int=2),
    sid=SESSION,
    gen=0,
    jti=token_id(SESSION, 0, TokenType.SAT),
    iat=NOW,
    exp=NOW + 7200,
    epo=0,
    kind=Kind.SUBSCRIBER,
    scope=(),
)
TEXT: Final = encode_claims(CLAIMS).decode()


def test_claims_stand_in_a_fixed_order_and_absent_ones_take_no_room() -> None:
    written = encode_claims(CLAIMS).decode()
    assert written == (
        '{"iss":"satmint","sub":"00000000-0000-0000-0000-000000000001",'
        '"prj":"00000000-0000-0000-0000-000000000002",'
        '"sid":"6f1c7c1e-5d0f-4f5e-9c43-0b8d7a1f2e3d","gen":0,'
        f'"jti":"{CLAIMS.jti}","iat":1700000000,"exp":1700007200,"epo":0,'
        '"kind":"subscriber","scope":[]}'
    )


ids = st.uuids()
claims_of_any_kind = st.builds(
    Claims,
    iss=st.text(max_size=20),
    sub=ids,
    prj=ids,
    sid=ids,
    gen=st.integers(0, 1 << 40),
    jti=st.text(max_size=40),
    iat=st.integers(0, 1 << 53),
    exp=st.integers(0, 1 << 53),
    epo=st.integers(0, 1 << 40),
    kind=st.sampled_from(Kind),
    scope=st.lists(st.just("sat:refresh"), max_size=1).map(tuple),
    cnf=st.none() | st.builds(Confirmation, jkt=st.text(max_size=43)),
    addr=st.none() | st.lists(ids, min_size=1, max_size=10).map(tuple),
    app=st.none() | ids,
)


@given(claims_of_any_kind)
def test_claims_are_read_as_they_were_written(claims: Claims) -> None:
    assert decode_claims(encode_claims(claims)) == claims


@pytest.mark.parametrize(
    ("member", "spelled"),
    [
        ('"exp":1700007200', '"exp":NaN'),
        ('"exp":1700007200', '"exp":Infinity'),
        ('"exp":1700007200', '"exp":1e999'),
        ('"exp":1700007200', '"exp":true'),
        ('"exp":1700007200', '"exp":"1700007200"'),
        ('"exp":1700007200', '"exp":1700007200.5'),
        ('"exp":1700007200', '"exp":null'),
        (',"exp":1700007200', ""),
        ('"gen":0', '"gen":false'),
        ('"kind":"subscriber"', '"kind":"root"'),
        ('"scope":[]', '"scope":"sat:refresh"'),
        ('"scope":[]', '"scope":[1]'),
        ('"scope":[]', '"scope":[],"cnf":{}'),
        ('"scope":[]', '"scope":[],"cnf":"jkt"'),
        ('"scope":[]', '"scope":[],"addr":["x"]'),
        ("00000000-0000-0000-0000-000000000001", "1"),
        ("{", "[{"),
        ("}", "},"),
        ('"iss":"satmint"', '"iss":"\\ud800"'),
    ],
)
def test_claims_of_the_wrong_type_are_none(member: str, spelled: str) -> None:
    assert member in TEXT
    assert decode_claims(TEXT.replace(member, spelled, 1).encode()) is None


@given(st.binary())
def test_any_plaintext_is_claims_or_none(plaintext: bytes) -> None:
    assert decode_claims(plaintext) is None


def test_thumbprint_is_that_of_the_confirmation() -> None:
    bound = msgspec.structs.replace(CLAIMS, cnf=Confirmation("x" * 43))
    assert (CLAIMS.jkt, bound.jkt) == (None, "x" * 43)


def test_token_id_follows_from_what_it_stands_for_and_tells_it_apart() -> None:
    other = UUID(int=SESSION.int + 1)
    made = [
        token_id(session, generation, typ)
        for session in (SESSION, other)
        for generation in (0, 1, 11)
        for typ in TokenType
    ]
    assert made == [
        token_id(session, generation, typ)
        for session in (SESSION, other)
        for generation in (0, 1, 11)
        for typ in TokenType
    ]
    assert len(set(made)) == len(made)
    assert made[0].startswith(SESSION.hex)


def test_id_of_a_token_names_its_session_and_its_generation_or_proof() -> None:
    assert token_id(SESSION, 7, TokenType.SAT) == f"{SESSION.hex}-7-{TokenType.SAT}"
    proof = bytes(range(32))
    assert device_token_id(SESSION, proof) == f"{SESSION.hex}-000102030405060708090a0b0c0d0e0f"
    assert device_token_id(UUID(int=1), proof[1:]).startswith(f"{'0' * 31}1-0102")
