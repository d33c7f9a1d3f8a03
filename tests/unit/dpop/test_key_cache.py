"""Keys are kept between proofs, and no stranger can flush or poison what is kept."""

from collections.abc import Iterator
from typing import Final

import pytest

from satmint.dpop import ProofCause, _opening
from satmint.dpop._rfc7518 import ProofKey, load_key
from tests.kit.proofs import Signer, b64url
from tests.unit.dpop.valid_proof import BROWSER, PATH, SAT, THIEF, check, good, refused
from tests.vectors.proof_signers import rsa_signer

OTHERS: Final = [Signer.generate("EdDSA") for _ in range(5)]


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    kept = dict(_opening._cached_keys)
    _opening._cached_keys.clear()
    yield
    _opening._cached_keys.clear()
    _opening._cached_keys.update(kept)


def known() -> list[str]:
    return [key.jkt for key in _opening._cached_keys.values()]


def test_key_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[object] = []

    def watched(alg: object, jwk: object) -> ProofKey:
        loaded.append(jwk)
        return load_key(alg, jwk)

    monkeypatch.setattr(_opening, "load_key", watched)
    for _ in range(3):
        assert check(good()).jkt == BROWSER.jkt
    assert loaded == [BROWSER.jwk]


def test_keys_are_kept_up_to_a_bound_and_the_oldest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_opening, "_MAX_CACHED_HEADERS", 3)
    for signer in OTHERS:
        for _ in range(2):
            assert check(signer.http_proof(PATH, SAT)).jkt == signer.jkt
    assert known() == [signer.jkt for signer in OTHERS[2:]]


def test_at_most_1024_keys_are_cached() -> None:
    for _ in range(1024 + 1):
        signer = Signer.generate("EdDSA")
        assert check(signer.http_proof(PATH, SAT)).jkt == signer.jkt
    assert len(known()) == 1024


def test_key_that_verified_nothing_is_not_kept() -> None:
    check(good())
    for signer in OTHERS:
        header, claims, _ = signer.http_proof(PATH, SAT).split(".")
        refused(ProofCause.SIGNATURE, check, f"{header}.{claims}.{b64url(bytes(64))}")
    assert known() == [BROWSER.jkt]


def test_long_header_is_not_kept() -> None:
    text = good(header={"x": "x" * 1500})
    assert len(text.partition(".")[0]) > 2048
    assert check(text).jkt == BROWSER.jkt
    assert known() == []


def test_largest_rsa_key_is_kept() -> None:
    largest = rsa_signer("rsa-4096")
    assert check(largest.http_proof(PATH, SAT)).jkt == largest.jkt
    assert known() == [largest.jkt]


@pytest.mark.parametrize("familiar", [False, True])
def test_known_key_changes_no_verdict(familiar: bool) -> None:
    """Whether the header was seen before: the same checks fail, in the same order."""
    header, claims, signature = good(jti="a").split(".")
    _, others, _ = THIEF.http_proof(PATH, SAT, jti="b").split(".")
    empty = BROWSER.compact(BROWSER.header(), b"[]").split(".")
    if familiar:
        check(good())
    assert (header.encode() in _opening._cached_keys) is familiar
    for cause, text in (
        (ProofCause.MALFORMED, f"{header}.{claims}."),
        (ProofCause.MALFORMED, f"{header}=.{claims}.{signature}"),
        (ProofCause.JSON, ".".join(empty)),
        (ProofCause.JSON, f"{header}.{empty[1]}.{signature}"),
        (ProofCause.SIGNATURE, f"{header}.{others}.{signature}"),
        (ProofCause.TARGET, good("/")),
        (ProofCause.ATH, BROWSER.http_proof(PATH)),
    ):
        refused(cause, check, text)
    assert check(f"{header}.{claims}.{signature}").jti == "a"


def test_same_key_under_another_algorithm_is_another_key() -> None:
    """A key that was kept for one algorithm must not verify another's signatures."""
    pkcs1 = Signer.generate("RS256")
    pss = Signer("PS256", pkcs1.private)
    for _ in range(2):
        for signer, other in ((pkcs1, pss), (pss, pkcs1)):
            assert check(signer.http_proof(PATH, SAT)).jkt == pkcs1.jkt
            text = signer.http_proof(PATH, SAT, header={"alg": other.alg})
            refused(ProofCause.SIGNATURE, check, text)
