"""Nonces without a store (RFC 9449, sections 8 and 9)."""

import re
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satmint.dpop import Nonces, ProofCause
from tests.kit.clock import NOW
from tests.kit.proofs import ABSENT, ath_of
from tests.unit.dpop.valid_proof import (
    BROWSER,
    CONNECT,
    check,
    check_connect,
    good,
    refused,
)

STEP: Final = 150
"""Seconds; half the age at which a proof is refused."""
KEY: Final = bytes(range(32))
NONCES: Final = Nonces(KEY)
START: Final = NOW - NOW % STEP


def test_nonce_is_that_of_the_step() -> None:
    nonce = NONCES.current(START)
    assert NONCES.current(START + STEP - 1) == nonce
    assert len({NONCES.current(START + STEP * at) for at in range(-3, 4)}) == 7
    # RFC 9449, section 8.1; 144 bits.
    assert re.fullmatch(r"[!#-\[\]-~]{24}", nonce)


def test_nonce_is_good_for_one_to_two_steps_and_not_before() -> None:
    for made in (START, START + STEP - 1):
        nonce = NONCES.current(made)
        assert not NONCES.accepts(nonce, START - 1)
        assert NONCES.accepts(nonce, START)
        assert NONCES.accepts(nonce, START + 2 * STEP - 1)
        assert not NONCES.accepts(nonce, START + 2 * STEP)


def test_nonce_outlives_the_proofs_that_the_sdk_sends_again() -> None:
    for made in (START, START + STEP - 1):
        assert NONCES.accepts(NONCES.current(made), made + 77)


def test_every_process_with_the_key_agrees_and_no_other() -> None:
    nonce = NONCES.current(NOW)
    assert Nonces(KEY).accepts(nonce, NOW)
    assert not Nonces(bytes(32)).accepts(nonce, NOW)


def test_key_is_no_shorter_than_a_key_must_be() -> None:
    with pytest.raises(ValueError, match=r"^the key of the nonces must be at least 256 bits long$"):
        Nonces(bytes(31))


@given(st.text())
@example("")
@example("\ud800")
@example("\u0661")
def test_any_text_is_no_nonce(text: str) -> None:
    assert not NONCES.accepts(text, NOW)


def test_proof_without_a_nonce_is_refused_where_one_is_asked_for() -> None:
    refused(ProofCause.NONCE, check, good(), nonces=NONCES)
    refused(ProofCause.NONCE, check_connect, BROWSER.rpc_proof(CONNECT), nonces=NONCES)


@pytest.mark.parametrize("nonce", [ABSENT, None, "", 7, True, ["x"], "\u0661", "eyJ7S_zG.eyJH0-Z"])
def test_what_is_no_nonce_of_ours_is_refused(nonce: object) -> None:
    refused(ProofCause.NONCE, check, good(nonce=nonce), nonces=NONCES)


def test_current_and_former_nonce_are_accepted_and_none_before() -> None:
    for steps in (0, 1):
        nonce = NONCES.current(NOW - steps * STEP)
        assert check(good(nonce=nonce), nonces=NONCES).jkt == BROWSER.jkt
        text = BROWSER.rpc_proof(CONNECT, nonce=nonce)
        assert check_connect(text, nonces=NONCES).jkt == BROWSER.jkt
    stale = NONCES.current(NOW - 2 * STEP)
    refused(ProofCause.NONCE, check, good(nonce=stale), nonces=NONCES)
    refused(ProofCause.NONCE, check_connect, BROWSER.rpc_proof(CONNECT, nonce=stale), nonces=NONCES)


def test_new_nonce_is_given_only_to_whom_nothing_else_is_wrong() -> None:
    for cause, text in (
        (ProofCause.TIME, good(iat=NOW - 301)),
        (ProofCause.ATH, good(ath=ath_of("stolen"))),
        (ProofCause.TARGET, good("/")),
    ):
        refused(cause, check, text, nonces=NONCES)


def test_nonce_that_nobody_asked_for_is_ignored() -> None:
    assert check(good(nonce="x")).jkt == BROWSER.jkt
