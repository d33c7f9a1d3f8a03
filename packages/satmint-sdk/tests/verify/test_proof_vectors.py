"""The verifier's checks of proofs are held to the vectors of the server's.

The vectors are for endpoints of the server, most of which take a path as `htu` and some no `ath`; a
verifier takes full URLs only, and always wants `ath`. What comes before these checks is the same.
"""

from __future__ import annotations

import json
import traceback
from base64 import urlsafe_b64decode
from typing import Any, Final

import pytest

from kit.server import REPOSITORY
from satmint_sdk.verify import RefusalCause
from satmint_sdk.verify._proofs import Proof, ProofRefused, ProofRules, check_proof

Case = dict[str, Any]

FILE: Final = REPOSITORY / "tests" / "vectors" / "proofs.json"
VECTORS: Final = json.loads(FILE.read_text())
REQUESTS: Final[dict[str, Case]] = VECTORS["requests"]
CASES: Final[list[Case]] = VECTORS["cases"]
AFTER_CLAIMS: Final = ("accepted", "proof_target", "proof_time", "proof_ath")
"""Verdicts that depend on the request."""
USUAL: Final = ProofRules()
ANOTHER_URL: Final = "https://fabric.example.com/elsewhere"


def is_as_verified(request: Case) -> bool:
    """Whether the server asks for what a verifier asks for."""
    return bool(request["strict"] and request.get("ath_required"))


def check(case: Case, url: str, method: str | None = None, rules: ProofRules = USUAL) -> Proof:
    request = REQUESTS[case["request"]]
    return check_proof(
        case["proof"],
        method=method or request.get("method", "POST"),
        url=url,
        token=request["token"],
        rules=rules,
        now=request["now"],
    )


def verdict_of(case: Case, url: str, rules: ProofRules = USUAL) -> str:
    try:
        check(case, url, rules=rules)
    except ProofRefused as refused:
        return refused.cause.value
    return "accepted"


def urls_of(case: Case) -> list[str]:
    return list(REQUESTS[case["request"]].get("urls", [ANOTHER_URL]))


def claims_of(case: Case) -> Case:
    part = case["proof"].split(".")[1]
    claims: Case = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


SAME: Final = [case for case in CASES if is_as_verified(REQUESTS[case["request"]])]
EARLY: Final = [case for case in CASES if case["verdict"] not in AFTER_CLAIMS]
OTHERS: Final = [case for case in CASES if case not in SAME and case not in EARLY]


@pytest.mark.parametrize("case", SAME, ids=lambda case: case["name"])
def test_verdict_is_that_of_the_server(case: Case) -> None:
    (url,) = urls_of(case)
    for _ in range(2):  # the second time its key is known already
        if case["verdict"] == "accepted":
            assert check(case, url) == Proof(case["jkt"], case["jti"], case["iat"])
            continue
        with pytest.raises(ProofRefused) as refusal:
            check(case, url)
        assert refusal.value.cause.value == case["verdict"]
        assert refusal.value.skew == case.get("skew")


@pytest.mark.parametrize("verdict", sorted({case["verdict"] for case in EARLY}))
def test_checks_that_do_not_depend_on_the_request_refuse_as_the_server_does(verdict: str) -> None:
    RefusalCause(verdict)
    for case in EARLY:
        if case["verdict"] != verdict:
            continue
        found = {verdict_of(case, url) for url in urls_of(case)}
        if case["request"] == "connect":  # over HTTP, the claims of the other kind are missing
            assert found <= {"proof_claims", "proof_target"}, case["name"]
        else:
            assert found == {verdict}, case["name"]


def test_proofs_for_the_server_are_refused_or_name_this_url_and_token() -> None:
    found = 0
    for case in OTHERS:
        request, claims = REQUESTS[case["request"]], claims_of(case)
        for url in urls_of(case):
            verdict = verdict_of(case, url)
            if "rpc" in request:
                assert verdict == "proof_claims", case["name"]
            elif isinstance(claims["htu"], str) and claims["htu"].startswith("/"):
                assert verdict == "proof_target", case["name"]
            elif verdict == "accepted":
                assert case["verdict"] == "accepted", case["name"]
                assert "ath" in claims, case["name"]
                found += 1
    assert found >= 12


@pytest.mark.parametrize("case", SAME, ids=lambda case: case["name"])
def test_proof_for_one_request_is_no_proof_for_another(case: Case) -> None:
    (url,) = urls_of(case)
    for other, method in ((ANOTHER_URL, None), ("", None), ("/", None), (url, "DELETE")):
        with pytest.raises(ProofRefused):
            check(case, other, method)


def refusal_of(case: Case) -> ProofRefused | None:
    try:
        check(case, urls_of(case)[0])
    except ProofRefused as refused:
        return refused
    return None


def test_refusal_says_nothing_of_the_proof() -> None:
    for case in CASES:
        refused = refusal_of(case)
        if refused is None:
            continue
        text = "".join(traceback.format_exception_only(refused)) + repr(vars(refused))
        parts = case["proof"].split(".")
        assert not any(len(part) >= 12 and part[:12] in text for part in parts), case["name"]
        assert refused.__cause__ is None
        assert refused.__suppress_context__ or refused.__context__ is None


def test_a_token_is_no_proof() -> None:
    for request in REQUESTS.values():
        with pytest.raises(ProofRefused) as refusal:
            check_proof(
                request["token"],
                method="GET",
                url=ANOTHER_URL,
                token=request["token"],
                rules=USUAL,
                now=request["now"],
            )
        assert refusal.value.cause is RefusalCause.PROOF_MALFORMED


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        (ProofRules(10, 5), "proof_time"),
        (ProofRules(300, 60), "accepted"),
        (ProofRules(301, 61), "accepted"),
    ],
)
def test_age_that_is_allowed_can_be_set(rules: ProofRules, verdict: str) -> None:
    for name in ("resource-iat-300", "resource-iat+60"):
        (case,) = (case for case in CASES if case["name"] == name)
        assert verdict_of(case, urls_of(case)[0], rules) == verdict
