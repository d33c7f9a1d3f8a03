"""joserfc opens what the kit signs, and we accept what joserfc signs."""

from typing import Any, Final

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from satmint.dpop import ALGORITHMS, Proof, ProofCause
from tests.kit.clock import NOW
from tests.kit.proofs import Signer, ath_of
from tests.unit.dpop.valid_proof import CONNECT, PATH, SAT, URL, check, check_connect, refused

KEYS: Final[dict[str, Key]] = {
    "RS256": RSAKey.generate_key(2048),
    "PS256": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
}


class Registry(jws.JWSRegistry):
    """joserfc's, with room for an RSA key in the header."""

    max_header_length = 8192


REGISTRY: Final = Registry(algorithms=[*ALGORITHMS, "RS384"], strict_check_header=False)


pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
"""RFC 9864 names its curve; RFC 9449's browsers do not."""


def joserfc_proof(key: str, claims: dict[str, Any], alg: str | None = None) -> str:
    """A proof that joserfc signs, with the key for `key`."""
    jwk = KEYS[key].as_dict(private=False)
    header = {"typ": "dpop+jwt", "alg": alg or key, "jwk": jwk}
    return jwt.encode(header, claims, KEYS[key], registry=REGISTRY)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_we_accept_what_joserfc_signs(alg: str) -> None:
    jkt = KEYS[alg].thumbprint()
    claims = {"jti": "a", "htm": "POST", "htu": URL, "iat": NOW, "ath": ath_of(SAT)}
    assert check(joserfc_proof(alg, claims)) == Proof(jkt, "a", NOW, f"POST {PATH}")
    claims = {"jti": "a", "rpc": "request", "mth": CONNECT, "iat": NOW}
    assert check_connect(joserfc_proof(alg, claims)) == Proof(jkt, "a", NOW, f"rpc {CONNECT}")


def test_what_joserfc_signs_with_another_hash_is_refused() -> None:
    claims = {"jti": "a", "htm": "POST", "htu": URL, "iat": NOW, "ath": ath_of(SAT)}
    refused(ProofCause.ALGORITHM, check, joserfc_proof("RS256", claims, alg="RS384"))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_joserfc_opens_what_the_kit_signs(alg: str) -> None:
    signer = Signer.generate(alg)
    key = import_key(signer.key)
    assert key.thumbprint() == signer.jkt
    for text in (signer.http_proof(PATH, SAT), signer.rpc_proof(CONNECT)):
        opened = jwt.decode(text, key, registry=REGISTRY)
        assert opened.header == signer.header()
        assert opened.claims["iat"] == NOW
        assert opened.claims.get("ath") in (None, ath_of(SAT))
