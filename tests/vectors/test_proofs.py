"""Every proof has its verdict, and a refusal says nothing of it."""

import contextlib
import json
import traceback
from base64 import urlsafe_b64decode
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satmint.dpop import (
    HttpTarget,
    Proof,
    ProofCause,
    ProofRefused,
    ProofRules,
    check_http_proof,
    check_rpc_proof,
)
from tests.kit.proofs import b64url
from tests.vectors import generate_proofs
from tests.vectors.proof_cases import EC, ED, payload
from tests.vectors.proof_signers import FixedSigner

Case = dict[str, Any]

VECTORS: Final = json.loads(generate_proofs.FILE.read_text())
REQUESTS: Final[dict[str, Case]] = VECTORS["requests"]
CASES: Final[list[Case]] = VECTORS["cases"]
GOOD: Final = [case for case in CASES if case["verdict"] == "accepted"]
BAD: Final = [case for case in CASES if case["verdict"] != "accepted"]
PARTS: Final = sorted({part for case in GOOD for part in case["proof"].split(".")})
REFUSED: Final = {"name", "why", "request", "proof", "verdict"}
ACCEPTED: Final = REFUSED | {"jkt", "jti", "iat"}
HTTP: Final = {"method", "path", "urls", "token", "ath_required", "strict", "now"}
RPC: Final = {"rpc", "token", "strict", "now"}
WORDS: Final = 12
"""Characters of a proof that nobody writes by chance."""


def check(text: str, request: Case) -> Proof:
    rules, now, token = ProofRules(strict=request["strict"]), request["now"], request["token"]
    if "rpc" in request:
        assert request.keys() == RPC
        return check_rpc_proof(text, request["rpc"], rules, now, token=token)
    assert request.keys() == HTTP
    target = HttpTarget(request["method"], request["path"], frozenset(request["urls"]))
    return check_http_proof(
        text, target, rules, now, token=token, ath_required=request["ath_required"]
    )


def target_of(request: Case) -> str:
    if "rpc" in request:
        return f"rpc {request['rpc']}"
    return f"{request['method']} {request['path']}"


def test_committed_vectors_are_what_the_script_makes() -> None:
    assert generate_proofs.FILE.read_text() == generate_proofs.text()


def test_vectors_are_many_and_each_has_a_name_of_its_own() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)
    assert len(GOOD) >= 50
    assert len(BAD) >= 550


@pytest.mark.parametrize("cause", [cause for cause in ProofCause if cause is not ProofCause.NONCE])
def test_every_check_has_vectors(cause: ProofCause) -> None:
    assert sum(case["verdict"] == cause for case in CASES) >= 12


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_good_proof_is_accepted(case: Case) -> None:
    assert case.keys() == ACCEPTED
    request = REQUESTS[case["request"]]
    read = Proof(case["jkt"], case["jti"], case["iat"], target_of(request))
    assert check(case["proof"], request) == read
    # The second time its key is known already.
    assert check(case["proof"], request) == read


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_bad_proof_is_refused_for_the_first_thing_that_is_wrong(case: Case) -> None:
    assert case.keys() - {"skew"} == REFUSED
    with pytest.raises(ProofRefused) as refusal:
        check(case["proof"], REQUESTS[case["request"]])
    assert refusal.value.cause is ProofCause(case["verdict"])
    assert refusal.value.skew == case.get("skew")
    assert refusal.value.args == (case["verdict"],)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_refusal_says_nothing_of_the_proof(case: Case) -> None:
    with pytest.raises(ProofRefused) as refusal:
        check(case["proof"], REQUESTS[case["request"]])
    raised: BaseException | None = refusal.value
    said = ""
    while raised is not None:
        said += "".join(traceback.format_exception_only(raised)) + repr(vars(raised))
        raised = raised.__cause__
    for secret in secrets_of(case["proof"]):
        assert secret not in said


def secrets_of(proof: str) -> set[str]:
    """What could be recognised: stretches of its text, and of what its parts spell."""
    texts = [proof]
    for part in proof.split(".")[:2]:
        with contextlib.suppress(ValueError):
            texts.append(urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode())
    starts = [(text, at) for text in texts for at in range(0, len(text) - WORDS, WORDS)]
    return {text[at : at + WORDS] for text, at in starts}


def accepts(text: str, request: Case) -> bool:
    """Whether it is accepted; anything but a refusal goes on its way up."""
    try:
        check(text, request)
    except ProofRefused:
        return False
    return True


@pytest.mark.parametrize("name", REQUESTS)
@given(text=st.text(max_size=300) | st.text("AQgw-_.=", max_size=300))
@example(text="..")
@example(text="\ud800.\ud800.\ud800")
def test_any_text_is_refused(text: str, name: str) -> None:
    assert not accepts(text, REQUESTS[name])


@given(header=st.binary(max_size=200), payload=st.binary(max_size=200), sig=st.binary(max_size=80))
@example(header=b'{"typ":"dpop+jwt"}', payload=b"{}", sig=b"x")
@example(header=b'{"typ":"dpop+jwt","alg":"EdDSA","jwk":{}}', payload=b"{}", sig=b"x")
def test_any_bytes_in_the_parts_are_refused(header: bytes, payload: bytes, sig: bytes) -> None:
    text = f"{b64url(header)}.{b64url(payload)}.{b64url(sig)}"
    assert not accepts(text, REQUESTS["exchange"])


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
SIGNERS: Final = st.sampled_from([EC, ED])


@given(
    signer=SIGNERS,
    header=st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "crit", "kid"]), JSON),
    jwk=st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "use"]), JSON),
    claims=st.dictionaries(
        st.sampled_from(["jti", "htm", "htu", "iat", "ath", "mth", "rpc", "exp"]), JSON
    ),
)
def test_any_json_well_signed_is_accepted_or_refused(
    signer: FixedSigner, header: Case, jwk: Case, claims: Case
) -> None:
    """Whatever the members are, the answer is a verdict, and a target is never confused."""
    text = signer.compact(signer.header(header, jwk), payload(**claims))
    accepted = [
        name for name in ("exchange", "refresh", "connect") if accepts(text, REQUESTS[name])
    ]
    assert accepted in ([], ["exchange"])


@given(
    case=st.sampled_from(GOOD),
    at=st.integers(0, 1200),
    character=st.sampled_from("AQgwxyz019-_.=+/ \n\0\u0661"),
)
def test_good_proof_with_any_character_changed_is_refused(
    case: Case, at: int, character: str
) -> None:
    text = case["proof"]
    spoiled = text[:at] + character + text[at + 1 :]
    if spoiled != text:
        assert not accepts(spoiled, REQUESTS[case["request"]])


@given(parts=st.lists(st.sampled_from(PARTS), min_size=3, max_size=3))
@example(parts=GOOD[0]["proof"].split("."))
def test_parts_of_good_proofs_put_together_anew_are_accepted_only_where_they_were_one(
    parts: list[str],
) -> None:
    text = ".".join(parts)
    whole = any(case["proof"] == text for case in GOOD)
    assert any(accepts(text, request) for request in REQUESTS.values()) is whole


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_proof_for_one_request_is_no_proof_for_another(case: Case) -> None:
    made_for = target_of(REQUESTS[case["request"]])
    for request in REQUESTS.values():
        if target_of(request) != made_for:
            assert not accepts(case["proof"], request)
