"""One attack for each check: a good proof, changed in one thing, is refused for just that."""

import hmac
import json
from typing import Final

import pytest

from satmint.dpop import HttpTarget, Proof, ProofCause, ProofRules
from tests.kit.clock import NOW
from tests.kit.proofs import ABSENT, ALGORITHMS, Signer, ath_of, b64url, segment
from tests.unit.dpop.valid_proof import (
    BROWSER,
    CONNECT,
    PATH,
    SAT,
    THIEF,
    URL,
    check,
    check_connect,
    good,
    refused,
)

STRICT: Final = ProofRules(strict=True)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_good_proof_names_its_key_and_its_target(alg: str) -> None:
    signer = Signer.generate(alg)
    for htu in (PATH, URL):
        text = signer.http_proof(htu, SAT, jti="a-1", iat=NOW - 7)
        assert check(text) == Proof(signer.jkt, "a-1", NOW - 7, f"POST {PATH}")
    text = signer.rpc_proof(CONNECT, jti="a-1", iat=NOW - 7)
    assert check_connect(text) == Proof(signer.jkt, "a-1", NOW - 7, f"rpc {CONNECT}")


def test_two_proofs_in_one_header() -> None:
    refused(ProofCause.MALFORMED, check, f"{good()}, {good()}")


def test_proof_that_never_ends() -> None:
    refused(ProofCause.MALFORMED, check, good(extra="x" * 8192))


def test_signature_left_out() -> None:
    refused(ProofCause.MALFORMED, check, good().rpartition(".")[0] + ".")


def test_second_spelling_of_the_same_proof() -> None:
    refused(ProofCause.MALFORMED, check, good() + "==")


def test_claim_given_twice() -> None:
    claims = b'{"htu":"/elsewhere",' + json.dumps({"htu": PATH}).encode()[1:]
    refused(ProofCause.JSON, check, BROWSER.compact(BROWSER.header(), claims))


def test_algorithm_given_twice() -> None:
    header = b'{"alg":"none",' + json.dumps(BROWSER.header()).encode()[1:]
    refused(ProofCause.JSON, check, BROWSER.compact(header, {}))


def test_time_that_is_not_a_number() -> None:
    claims = f'{{"jti":"a","htm":"POST","htu":"{PATH}","iat":NaN}}'
    refused(ProofCause.JSON, check, BROWSER.compact(BROWSER.header(), claims.encode()))


def test_nesting_without_end() -> None:
    claims = b'{"x":' + b"[" * 5000
    refused(ProofCause.JSON, check, BROWSER.compact(BROWSER.header(), claims))


def test_other_kind_of_token_signed_by_the_same_key() -> None:
    refused(ProofCause.TYPE, check, good(header={"typ": "JWT"}))


def test_critical_extension_that_nobody_understands() -> None:
    refused(ProofCause.TYPE, check, good(header={"crit": ["b64"], "b64": False}))


def test_algorithm_downgraded_to_none() -> None:
    header, claims, _ = good(header={"alg": "none"}).split(".")
    refused(ProofCause.ALGORITHM, check, f"{header}.{claims}.AA")


def test_public_key_taken_for_a_secret() -> None:
    header = BROWSER.header({"alg": "HS256"})
    data = f"{segment(header)}.{segment({})}"
    secret = json.dumps(header["jwk"], separators=(",", ":")).encode()
    mac = b64url(hmac.digest(secret, data.encode(), "sha256"))
    refused(ProofCause.ALGORITHM, check, f"{data}.{mac}")


def test_algorithm_of_another_type_of_key() -> None:
    refused(ProofCause.ALGORITHM, check, good(header={"alg": "RS256"}))


def test_private_key_sent_along() -> None:
    refused(ProofCause.KEY, check, good(jwk={"d": b64url(bytes(32))}))


def test_rsa_key_that_can_be_factored() -> None:
    text = Signer.generate("RS256", bits=1024).http_proof(PATH, SAT)
    refused(ProofCause.KEY, check, text)


def test_point_that_is_not_on_the_curve() -> None:
    refused(ProofCause.KEY, check, good(jwk={"y": BROWSER.key["x"], "x": BROWSER.key["y"]}))


def test_key_under_a_second_thumbprint() -> None:
    signer = Signer.generate("RS256")
    modulus = signer.private.private_numbers().public_numbers.n  # type: ignore[union-attr]
    longer = b64url(modulus.to_bytes(257, "big"))
    refused(ProofCause.KEY, check, signer.http_proof(PATH, SAT, jwk={"n": longer}))


def test_key_swapped_for_the_victims() -> None:
    """The thief has a SAT and knows the key's public half, which is in every proof."""
    text = THIEF.http_proof(PATH, SAT, header={"jwk": BROWSER.key})
    refused(ProofCause.SIGNATURE, check, text)


def test_claims_swapped_under_a_good_signature() -> None:
    header, _, signature = good().split(".")
    _, claims, _ = good(iat=NOW + 1).split(".")
    refused(ProofCause.SIGNATURE, check, f"{header}.{claims}.{signature}")


def test_proof_without_an_id_could_be_replayed() -> None:
    text = BROWSER.compact(BROWSER.header(), {"htm": "POST", "htu": PATH, "iat": NOW})
    refused(ProofCause.CLAIMS, check, text)


def test_time_that_is_true() -> None:
    claims = {"jti": "a", "htm": "POST", "htu": PATH, "iat": True}
    refused(ProofCause.CLAIMS, check, BROWSER.compact(BROWSER.header(), claims), now=1)


def test_proof_for_a_websocket_shown_over_http() -> None:
    refused(ProofCause.CLAIMS, check, BROWSER.rpc_proof(CONNECT))
    refused(ProofCause.CLAIMS, check, BROWSER.rpc_proof(CONNECT, htm="POST", htu=PATH))
    refused(ProofCause.CLAIMS, check, good(mth=CONNECT))
    refused(ProofCause.CLAIMS, check, good(rpc="request"))


def test_proof_for_http_shown_over_a_websocket() -> None:
    refused(ProofCause.CLAIMS, check_connect, good())
    refused(ProofCause.CLAIMS, check_connect, BROWSER.rpc_proof(CONNECT, htm="POST"))
    refused(ProofCause.CLAIMS, check_connect, BROWSER.rpc_proof(CONNECT, htu=PATH))


def test_answer_shown_as_a_request() -> None:
    refused(ProofCause.CLAIMS, check_connect, BROWSER.rpc_proof(CONNECT, rpc="response"))


def test_proof_for_another_method() -> None:
    refused(ProofCause.TARGET, check, good(method="DELETE"))
    refused(ProofCause.TARGET, check_connect, BROWSER.rpc_proof("signalwire.reauthenticate"))


def test_proof_for_another_endpoint() -> None:
    other = PATH.replace("refresh", "token")
    refused(ProofCause.TARGET, check, good(other))
    refused(ProofCause.TARGET, check, good(URL.replace(PATH, other)))


def test_proof_for_another_server() -> None:
    refused(ProofCause.TARGET, check, good(URL.replace("example.com", "evil.example")))
    refused(ProofCause.TARGET, check, good(f"//evil.example{PATH}"))


def test_bare_path_where_the_full_url_is_asked_for() -> None:
    assert check(good()).target == f"POST {PATH}"
    refused(ProofCause.TARGET, check, good(), rules=STRICT)
    assert check(good(URL), rules=STRICT).target == f"POST {PATH}"


def test_proof_kept_for_later() -> None:
    text = good(iat=NOW)
    assert check(text, now=NOW + 300).iat == NOW
    assert refused(ProofCause.TIME, check, text, now=NOW + 301).skew == -301


def test_proof_made_ahead_of_time() -> None:
    text = good(iat=NOW)
    assert check(text, now=NOW - 60).iat == NOW
    assert refused(ProofCause.TIME, check, text, now=NOW - 61).skew == 61


def test_proof_kept_for_later_on_a_websocket() -> None:
    text = BROWSER.rpc_proof(CONNECT)
    assert refused(ProofCause.TIME, check_connect, text, now=NOW + 301).skew == -301


def test_proof_for_another_token() -> None:
    refused(ProofCause.ATH, check, good(), token=f"{SAT}x")
    refused(ProofCause.ATH, check, good(ath=ath_of("stolen")), ath_required=False)
    text = BROWSER.rpc_proof(CONNECT, ath=ath_of("stolen"))
    refused(ProofCause.ATH, check_connect, text)


def test_token_not_named_where_it_must_be() -> None:
    text = BROWSER.http_proof(PATH)
    assert check(text, ath_required=False).jkt == BROWSER.jkt
    refused(ProofCause.ATH, check, text, ath_required=True)
    refused(ProofCause.ATH, check, good(ath=ABSENT))


def test_token_named_where_it_need_not_be() -> None:
    assert check(good(), ath_required=False).jkt == BROWSER.jkt
    assert check_connect(BROWSER.rpc_proof(CONNECT, ath=ath_of(SAT))).jkt == BROWSER.jkt


def test_endpoint_without_a_name_outside_is_known_by_its_path_alone() -> None:
    nameless = HttpTarget("POST", PATH, frozenset())
    assert check(good(), nameless).target == f"POST {PATH}"
    refused(ProofCause.TARGET, check, good(URL), nameless)
    refused(ProofCause.TARGET, check, good(""), nameless)


def test_nonsense_among_an_endpoint_s_names_names_nothing() -> None:
    """They may come from a proxy's header."""
    nonsense = ("", "x", "https://a b/", URL.replace("/", "\\"), f"ftp://fabric.example.com{PATH}")
    target = HttpTarget("POST", PATH, frozenset({*nonsense, URL}))
    for htu in nonsense:
        refused(ProofCause.TARGET, check, good(htu), target)
    assert check(good(URL), target).target == f"POST {PATH}"


def test_name_of_an_endpoint_may_be_spelt_in_any_way() -> None:
    target = HttpTarget("POST", PATH, frozenset({f"{URL.upper()[:26]}:443{PATH}?query#fragment"}))
    assert check(good(URL), target, STRICT).target == f"POST {PATH}"
    assert check(good(f"{URL}?other"), target, STRICT).target == f"POST {PATH}"
