"""JWK thumbprints: the examples of the RFCs, and joserfc as a second opinion."""

import json
from typing import Any, Final

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from satmint.jose import thumbprint
from satmint.model.naming import is_fingerprint
from tests.vectors.generate import FILE

EXAMPLES: Final = json.loads(FILE.with_name("thumbprints.json").read_text())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_example_of_the_rfc(example: dict[str, Any]) -> None:
    assert thumbprint(example["jwk"]) == example["thumbprint"]


@pytest.mark.parametrize(
    "key",
    [
        ECKey.generate_key("P-256"),
        ECKey.generate_key("P-521"),
        OKPKey.generate_key("Ed25519"),
        OctKey.generate_key(256),
        RSAKey.import_key({**EXAMPLES[0]["jwk"]}),
    ],
    ids=lambda key: key.key_type,
)
def test_joserfc_comes_to_the_same(key: ECKey | OKPKey | OctKey | RSAKey) -> None:
    made = thumbprint(key.as_dict())
    assert made == key.thumbprint()
    assert is_fingerprint(made)


def test_members_that_are_not_required_do_not_enter() -> None:
    jwk = ECKey.generate_key("P-256").as_dict(private=True)
    public = {name: jwk[name] for name in ("y", "x", "kty", "crv")}
    assert thumbprint({**jwk, "use": "sig", "kid": "x", "ext": True}) == thumbprint(public)


@pytest.mark.parametrize(
    ("jwk", "message"),
    [
        ({}, "unknown key type"),
        ({"kty": None}, "unknown key type"),
        ({"kty": "rsa"}, "unknown key type"),
        ({"kty": ["RSA"]}, "unknown key type"),
        ({"kty": "RSA", "n": "AQAB"}, "a required member is missing"),
        ({"kty": "RSA", "n": "AQAB", "e": 65537}, "a required member is missing"),
        ({"kty": "EC", "crv": "P-256", "x": "AA"}, "a required member is missing"),
        ({"kty": "EC", "crv": "P-256", "x": "AA", "y": None}, "a required member is missing"),
    ],
)
def test_what_is_no_key_has_no_thumbprint(jwk: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        thumbprint(jwk)


def test_lone_surrogate_in_a_member_has_no_thumbprint() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        thumbprint({"kty": "oct", "k": "\ud800"})
