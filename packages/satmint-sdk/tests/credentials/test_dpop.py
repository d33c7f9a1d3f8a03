"""Keys and proofs, checked by code written from the RFCs."""

from __future__ import annotations

import pickle
import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from satmint_sdk.credentials import DPoPKey, StoreError
from satmint_sdk.credentials.bound._dpop import Algorithm
from satmint_sdk.testing import FakeClock, FakeEntropy
from satmint_sdk.testing._proofs import open_proof
from satmint_sdk.testing._tokens import b64

URL = "https://fabric.test/api/fabric/subscriber/devices/refresh"


@pytest.fixture(scope="module", params=["ES256", "RS256"])
def key(request: pytest.FixtureRequest) -> DPoPKey:
    algorithm: Algorithm = request.param
    return DPoPKey.generate(algorithm, clock=FakeClock())


def test_an_http_proof_says_what_it_is_for(key: DPoPKey) -> None:
    proof = open_proof(key.http_proof("POST", URL, access_token="abc"))
    assert proof.header["alg"] == key.algorithm
    assert proof.thumbprint == key.thumbprint
    assert len(key.thumbprint) == 43
    # RFC 9449, section 4.2: `ath` is the hash of the token's ASCII text; this is FIPS 180's "abc".
    ath = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert proof.claims == {
        "jti": proof.claims["jti"],
        "iat": 1_800_000_000,
        "htm": "POST",
        "htu": URL,
        "ath": b64(ath),
    }


def test_an_rpc_proof_cannot_be_taken_for_an_http_proof(key: DPoPKey) -> None:
    proof = open_proof(key.rpc_proof("signalwire.connect"))
    assert proof.claims.keys() == {"jti", "iat", "rpc", "mth"}
    assert (proof.claims["rpc"], proof.claims["mth"]) == ("request", "signalwire.connect")


def test_query_and_fragment_stay_out() -> None:
    key = DPoPKey.generate()
    proof = open_proof(key.http_proof("GET", "https://a.test:8443/x?token=secret#part"))
    assert proof.claims["htu"] == "https://a.test:8443/x"
    assert open_proof(key.http_proof("POST", "/api/x")).claims["htu"] == "/api/x"
    assert "ath" not in proof.claims


def test_no_two_proofs_are_alike() -> None:
    key = DPoPKey.generate()
    proofs = [key.http_proof("POST", URL) for _ in range(50)]
    assert len({open_proof(proof).claims["jti"] for proof in proofs}) == 50


def test_the_servers_time_may_be_signed() -> None:
    assert open_proof(DPoPKey.generate().rpc_proof("m", issued_at=5)).claims["iat"] == 5


def test_a_changed_proof_does_not_verify() -> None:
    head, body, signature = DPoPKey.generate().http_proof("POST", URL).split(".")
    other = DPoPKey.generate().http_proof("POST", URL).split(".")
    with pytest.raises(InvalidSignature):
        open_proof(f"{head}.{other[1]}.{signature}")
    assert open_proof(f"{head}.{body}.{signature}").claims["htm"] == "POST"


def test_the_thumbprint_of_the_rfc() -> None:
    """RFC 7638, section 3.1: the example's modulus and exponent give the example's thumbprint."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )

    class Numbers:
        n = int.from_bytes(__import__("base64").urlsafe_b64decode(modulus + "=="), "big")
        e = 65537

    class Key:
        def public_key(self) -> Key:
            return self

        def public_numbers(self) -> Numbers:
            return Numbers()

    lent = Key()
    assert DPoPKey(lent).thumbprint == (  # type: ignore[arg-type]
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )


def test_proofs_are_reproducible_with_a_clock_and_dice() -> None:
    drawn = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    twins = [DPoPKey(drawn, clock=FakeClock(), entropy=FakeEntropy(7)) for _ in range(2)]
    assert twins[0].http_proof("POST", URL) == twins[1].http_proof("POST", URL)


def test_an_unknown_algorithm_is_refused() -> None:
    algorithm: Algorithm = "HS256"  # type: ignore[assignment]
    with pytest.raises(ValueError) as refused:
        DPoPKey.generate(algorithm)
    assert str(refused.value) == "algorithm must be ES256 or RS256"


def test_a_key_is_saved_for_its_owner_alone_and_comes_back(key: DPoPKey, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key.save(path)
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = DPoPKey.load(path)
    assert (again.thumbprint, again.algorithm) == (key.thumbprint, key.algorithm)
    assert [entry.name for entry in tmp_path.iterdir()] == ["key.pem"]


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    DPoPKey.generate().save(path)
    path.chmod(0o640)
    with pytest.raises(PermissionError) as refused:
        DPoPKey.load(path)
    assert str(refused.value) == f"{path} contains a secret and is open to others: chmod 600 it"


def test_the_first_to_save_decides_which_key_everybody_has(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    first = DPoPKey.load_or_generate(path)
    assert DPoPKey.load_or_generate(path).thumbprint == first.thumbprint
    assert DPoPKey.load_or_generate(path, "RS256").algorithm == "ES256"


def test_losing_the_race_for_the_first_key_means_using_the_winners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.pem"
    generate = DPoPKey.generate

    def overtaken(*_: object, **__: object) -> DPoPKey:
        winner.save(path)
        return generate()

    winner = generate()
    monkeypatch.setattr(DPoPKey, "generate", overtaken)
    assert DPoPKey.load_or_generate(path).thumbprint == winner.thumbprint


def test_a_key_is_saved_through_a_symbolic_link(key: DPoPKey, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    link = tmp_path / "key.pem"
    link.symlink_to("volume/key.pem")
    first = DPoPKey.load_or_generate(link)
    assert DPoPKey.load_or_generate(tmp_path / "volume" / "key.pem").thumbprint == first.thumbprint
    key.save(link)
    assert link.is_symlink()
    assert DPoPKey.load(tmp_path / "volume" / "key.pem").thumbprint == key.thumbprint


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    with pytest.raises(FileNotFoundError):
        DPoPKey.load(path)
    path.write_bytes(b"no key")
    path.chmod(0o600)
    with pytest.raises(StoreError) as refused:
        DPoPKey.load(path)
    assert str(refused.value) == f"{path} holds no private key that can be read"


@pytest.mark.parametrize(
    "drawn",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505 - weak on purpose
    ],
    ids=["P-384", "Ed25519", "RSA-1024"],
)
def test_a_key_that_the_server_would_refuse_is_refused_here(
    drawn: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
    tmp_path: Path,
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(
        drawn.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    with pytest.raises(StoreError) as refused:
        DPoPKey.load(path)
    assert str(refused.value) == f"{path} holds a key of a kind that proofs are not signed with"


def test_a_key_neither_prints_nor_pickles_itself() -> None:
    key = DPoPKey.generate()
    assert repr(key) == f"<DPoPKey ES256 {key.thumbprint}>"
    with pytest.raises(TypeError) as refused:
        pickle.dumps(key)
    assert str(refused.value) == "a key cannot be pickled; save it to a file"
