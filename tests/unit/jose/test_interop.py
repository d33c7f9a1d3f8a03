"""joserfc opens what we seal, and we open what joserfc seals."""

from typing import Final
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from satmint.jose import CannotOpen, Keyring, TokenCipher
from satmint.model.base64url import b64url, b64url_decode
from satmint.model.claims import Claims, TokenType, decode_claims, encode_claims
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy
from tests.unit.jose.token_parts import header_of, kid_of
from tests.unit.model.test_claims import CLAIMS, claims_of_any_kind

RING: Final = Keyring.new(SeededEntropy("interop"), NOW)
SAFE: Final = TokenCipher(RING, SeededEntropy("interop"))
ALGORITHMS: Final = ["dir", "A256GCM"]
# joserfc is strict about members that no RFC names; `ch` is the vendor's.
REGISTRY: Final = jwe.JWERegistry(algorithms=ALGORITHMS, strict_check_header=False)
KINDS: Final = st.sampled_from(TokenType)
HOSTS: Final = st.sampled_from((None, "puc.example.com:8443"))


def working_key(kid: str, typ: TokenType) -> OctKey:
    """The key that `kid` names, derived by hand as spec 1.5 says."""
    master_id, _, salt = kid.partition(".")
    (master,) = (key.secret for key in RING.keys if key.id == master_id)
    info = f"satmint/v1/{typ.value}".encode()
    return OctKey.import_key(HKDF(SHA256(), 32, b64url_decode(salt), info).derive(master))


@given(claims_of_any_kind, KINDS, HOSTS)
def test_joserfc_opens_what_we_seal(claims: Claims, typ: TokenType, ch: str | None) -> None:
    token = SAFE.seal(claims, typ, ch, NOW)
    opened = jwe.decrypt_compact(token, working_key(kid_of(token), typ), registry=REGISTRY)
    assert opened.plaintext is not None
    assert decode_claims(opened.plaintext) == claims
    assert opened.protected == header_of(token)


@given(claims_of_any_kind, KINDS, HOSTS)
def test_we_open_what_joserfc_seals(claims: Claims, typ: TokenType, ch: str | None) -> None:
    kid = f"{RING.active.id}.{b64url(bytes(16))}"
    protected = {"alg": "dir", "enc": "A256GCM", "typ": typ.value, "kid": kid}
    if ch is not None:
        protected["ch"] = ch
    token = jwe.encrypt_compact(
        protected, encode_claims(claims), working_key(kid, typ), registry=REGISTRY
    )
    assert SAFE.open(token, typ) == (claims, ch)


def test_what_joserfc_seals_with_a_zip_is_refused() -> None:
    kid = f"{RING.active.id}.{b64url(bytes(16))}"
    protected = {"alg": "dir", "enc": "A256GCM", "typ": "SAT", "kid": kid, "zip": "DEF"}
    registry = jwe.JWERegistry(algorithms=[*ALGORITHMS, "DEF"], strict_check_header=False)
    token = jwe.encrypt_compact(
        protected, encode_claims(CLAIMS), working_key(kid, TokenType.SAT), registry=registry
    )
    with pytest.raises(CannotOpen):
        SAFE.open(token, TokenType.SAT)


def test_what_joserfc_seals_under_another_type_s_key_is_refused() -> None:
    kid = f"{RING.active.id}.{b64url(bytes(16))}"
    protected = {"alg": "dir", "enc": "A256GCM", "typ": "Refresh", "kid": kid}
    token = jwe.encrypt_compact(
        protected, encode_claims(CLAIMS), working_key(kid, TokenType.SAT), registry=REGISTRY
    )
    for typ in TokenType:
        with pytest.raises(CannotOpen):
            SAFE.open(token, typ)


def test_session_ids_are_uuids_on_the_wire() -> None:
    token = SAFE.seal(CLAIMS, TokenType.SAT, None, NOW)
    opened = jwe.decrypt_compact(
        token, working_key(kid_of(token), TokenType.SAT), registry=REGISTRY
    )
    assert opened.plaintext is not None
    assert f'"sid":"{UUID(int=CLAIMS.sid.int)}"'.encode() in opened.plaintext
