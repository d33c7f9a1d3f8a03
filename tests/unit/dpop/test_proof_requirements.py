"""What may be asked of a proof."""

import pytest

from satmint.dpop import ALGORITHMS, ProofCause, ProofRules
from tests.kit import proofs
from tests.kit.clock import NOW
from tests.kit.proofs import Signer
from tests.unit.dpop.valid_proof import BROWSER, CONNECT, PATH, SAT, URL, check, good, refused


def test_rules_are_those_that_the_vendors_sdk_lives_with() -> None:
    assert ProofRules() == ProofRules(max_age=300, max_ahead=60, strict=False)


def test_proof_is_never_too_old_before_the_sdk_stops_sending_it_again() -> None:
    assert ProofRules(max_age=120).max_age == 120
    with pytest.raises(ValueError, match=r"^max_age must be at least 120 seconds$"):
        ProofRules(max_age=119)


def test_clock_that_is_right_is_never_ahead() -> None:
    rules = ProofRules(max_ahead=0)
    assert check(good(iat=NOW), rules=rules).iat == NOW
    assert refused(ProofCause.TIME, check, good(iat=NOW + 1), rules=rules).skew == 1
    message = "^max_ahead must not be negative$"
    with pytest.raises(ValueError, match=message):
        ProofRules(max_ahead=-1)


@pytest.mark.parametrize(("max_age", "ahead"), [(120, 0), (300, 60), (86_400, 3600)])
def test_window_is_closed_at_both_ends(max_age: int, ahead: int) -> None:
    rules = ProofRules(max_age=max_age, max_ahead=ahead)
    for within in (-max_age, 1 - max_age, 0, ahead):
        assert check(good(iat=NOW + within), rules=rules).iat == NOW + within
    for without in (-max_age - 1, ahead + 1):
        refusal = refused(ProofCause.TIME, check, good(iat=NOW + without), rules=rules)
        assert refusal.skew == without


def test_proof_is_newer_than_the_time_before_which_used_ones_may_be_forgotten() -> None:
    rules = ProofRules(after=NOW - 10)
    assert check(good(iat=NOW - 9), rules=rules).iat == NOW - 9
    assert refused(ProofCause.TIME, check, good(iat=NOW - 10), rules=rules).skew == -10


def test_skew_is_told_of_no_other_check() -> None:
    for cause, text in (
        (ProofCause.TYPE, good(header={"typ": "JWT"}, iat=NOW - 301)),
        (ProofCause.TARGET, good("/", iat=NOW - 301)),
        (ProofCause.ATH, good(ath="x")),
        (ProofCause.CLAIMS, BROWSER.rpc_proof(CONNECT, iat=NOW - 301)),
    ):
        assert refused(cause, check, text).skew is None


def test_algorithms_are_listed_as_a_challenge_names_them() -> None:
    assert ALGORITHMS == proofs.ALGORITHMS == ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")


def test_target_is_one_however_it_was_spelt() -> None:
    spelt = [PATH, f"{PATH}?a", f"https://fabric.example.com{PATH}", PATH.replace("a", "%61")]
    assert {check(good(htu)).target for htu in spelt} == {f"POST {PATH}"}


def test_each_check_has_a_cause_with_a_word_of_its_own() -> None:
    assert [cause.value for cause in ProofCause] == [
        "proof_malformed",
        "proof_json",
        "proof_type",
        "proof_algorithm",
        "proof_key",
        "proof_signature",
        "proof_claims",
        "proof_target",
        "proof_time",
        "proof_ath",
        "proof_nonce",
    ]


def test_a_key_may_sign_under_either_name_of_its_algorithm() -> None:
    """RFC 9864: `Ed25519` in place of `EdDSA`; the key, so its thumbprint, is the same."""
    older = Signer.generate("EdDSA")
    newer = Signer("Ed25519", older.private)
    assert check(older.http_proof(URL, SAT)).jkt == check(newer.http_proof(URL, SAT)).jkt
    for alg in ("Ed448", "ed25519", "eddsa"):
        refused(ProofCause.ALGORITHM, check, older.http_proof(URL, SAT, header={"alg": alg}))
