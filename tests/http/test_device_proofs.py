"""Each check of a proof, by a proof with one thing changed: refused, and nothing is written.

The good one is sent afterwards, and goes.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from structlog.testing import capture_logs

from satmint.flows.proofs import PROOF_CAUSES
from satmint.model.base64url import b64url, b64url_decode
from tests.http.device_answers import PATHS, other_than, refused
from tests.kit.clock import NOW
from tests.kit.devices import REFRESH, TOKEN, Browser, a_browser, a_seen_browser
from tests.kit.proofs import ABSENT, Signer, ath_of
from tests.kit.service import BASE_URL, Server, a_service, said

SMALL_RSA: Final = Signer.generate("RS256", 1024)
"""Made once: an RSA key takes its time."""

Spoil = Callable[[Browser, str], object]
"""Makes a proof for the SAT of a browser and a path, with one thing changed in it."""


@pytest.fixture
async def browser(server: Server) -> Browser:
    """Signed in with the fingerprint of its key; its SAT is in use."""
    return await a_seen_browser(server)


def changed(**changes: Any) -> Spoil:  # noqa: ANN401 - whatever JSON holds
    """A proof with another payload."""
    return lambda browser, path: browser.proof(path, browser.token, **changes)


def headed(**header: object) -> Spoil:
    """A proof with another header."""
    return changed(header=header)


def keyed(**jwk: object) -> Spoil:
    """A proof with another key in its header."""
    return changed(jwk=jwk)


def signed_by(signer: Signer) -> Spoil:
    """A proof by another key that says it is by that key."""
    return lambda browser, path: replace(browser, signer=signer).proof(path, browser.token)


def texted(edit: Callable[[str], str]) -> Spoil:
    """A proof whose text is changed after it was signed."""
    return lambda browser, path: edit(browser.proof(path, browser.token))


def raw(header: bytes | None = None, payload: bytes | None = None) -> Spoil:
    """A proof of other bytes, signed as they are."""

    def make(browser: Browser, path: str) -> str:
        good = browser.proof(path, browser.token).split(".")
        head = b64url_decode(good[0]) if header is None else header
        body = b64url_decode(good[1]) if payload is None else payload
        return browser.signer.compact(head, body)

    return make


def doubled(member: str) -> Spoil:
    """A proof whose payload has one member twice."""

    def make(browser: Browser, path: str) -> str:
        good = browser.proof(path, browser.token).split(".")
        payload = b64url_decode(good[1]).replace(b"{", b'{"%b":"x",' % member.encode(), 1)
        return browser.signer.compact(b64url_decode(good[0]), payload)

    return make


def with_signature(text: str, signature: str) -> str:
    return ".".join([*text.split(".")[:2], signature])


def with_other_payload(text: str) -> str:
    header, payload, signature = text.split(".")
    other = b64url_decode(payload).replace(b'"htm":"POST"', b'"htm":"POST" ')
    return f"{header}.{b64url(other)}.{signature}"


def flipped(text: str) -> str:
    """One bit of the signature is another."""
    signature = bytearray(b64url_decode(text.split(".")[2]))
    signature[7] ^= 1
    return with_signature(text, b64url(bytes(signature)))


def as_der(browser: Browser, path: str) -> str:
    """An ECDSA signature in the form that is not JOSE's (RFC 7518, section 3.4)."""
    text = browser.proof(path, browser.token)
    both = b64url_decode(text.split(".")[2])
    r, s = (int.from_bytes(half, "big") for half in (both[:32], both[32:]))
    return with_signature(text, b64url(encode_dss_signature(r, s)))


def hmac_with_public_key(browser: Browser, path: str) -> str:
    """The classic confusion: the public key's text as the secret of an HMAC."""
    header = browser.signer.header({"alg": "HS256"})
    payload = b64url_decode(browser.proof(path, browser.token).split(".")[1])
    signing_input = browser.signer.compact(header, payload).rpartition(".")[0]
    mac = hmac.digest(browser.signer.jkt.encode(), signing_input.encode(), "sha256")
    return f"{signing_input}.{b64url(mac)}"


def rpc(browser: Browser, _path: str) -> str:
    return browser.signer.rpc_proof("signalwire.connect", iat=browser.server.clock.now())


CHECKS: Final[Mapping[str, tuple[str, Spoil]]] = {
    # 1: the form
    "no text": ("proof_malformed", lambda _browser, _path: ""),
    "two parts": ("proof_malformed", texted(lambda text: text.rpartition(".")[0])),
    "four parts": ("proof_malformed", texted(lambda text: f"{text}.e30")),
    "five parts, as a token": ("proof_malformed", lambda browser, _path: browser.token),
    "empty header": ("proof_malformed", texted(lambda text: text[text.index(".") :])),
    "empty payload": ("proof_malformed", texted(lambda text: re.sub(r"\..*\.", "..", text))),
    "empty signature": ("proof_malformed", texted(lambda text: with_signature(text, ""))),
    "padding": ("proof_malformed", texted(lambda text: f"{text}==")),
    "a space": ("proof_malformed", texted(lambda text: f" {text}")),
    "a line's end": ("proof_malformed", texted(lambda text: f"{text}\n")),
    "the other base64": ("proof_malformed", texted(lambda text: f"{text[:-1]}+")),
    "more than 8 KiB": ("proof_malformed", changed(padding="x" * 8192)),
    # 2: JSON
    "a header that is no JSON": ("proof_json", raw(header=b"{")),
    "a header that is a list": ("proof_json", raw(header=b"[]")),
    "a payload that is no JSON": ("proof_json", raw(payload=b"x")),
    "a payload that is a string": ("proof_json", raw(payload=b'"x"')),
    "a payload with NaN": ("proof_json", raw(payload=b'{"iat":NaN}')),
    "a payload with Infinity": ("proof_json", raw(payload=b'{"iat":Infinity}')),
    "a payload nested deeply": ("proof_json", changed(x=[[[[[[[[[1]]]]]]]]])),
    "jti twice": ("proof_json", doubled("jti")),
    "htu twice": ("proof_json", doubled("htu")),
    # 3: what it is
    "no typ": ("proof_type", headed(typ=ABSENT)),
    "typ of a JWT": ("proof_type", headed(typ="JWT")),
    "typ of a SAT": ("proof_type", headed(typ="SAT")),
    "crit": ("proof_type", headed(crit=["exp"])),
    "empty crit": ("proof_type", headed(crit=[])),
    # 4: the algorithm
    "no alg": ("proof_algorithm", headed(alg=ABSENT)),
    "alg none": ("proof_algorithm", headed(alg="none")),
    "alg None": ("proof_algorithm", headed(alg="None")),
    "alg HS256": ("proof_algorithm", headed(alg="HS256")),
    "alg HS256 with the public key": ("proof_algorithm", hmac_with_public_key),
    "alg ES384": ("proof_algorithm", headed(alg="ES384")),
    "alg of another type of key": ("proof_algorithm", headed(alg="RS256")),
    "alg EdDSA for a key on P-256": ("proof_algorithm", headed(alg="EdDSA")),
    "alg Ed25519 for a key on P-256": ("proof_algorithm", headed(alg="Ed25519")),
    # 5: the key
    "no key": ("proof_key", headed(jwk=ABSENT)),
    "a key by name": ("proof_key", headed(jwk=ABSENT, kid="1")),
    "a key from elsewhere": ("proof_key", headed(jwk=ABSENT, jku="https://evil.test/keys")),
    "a private key": ("proof_key", keyed(d="AAAA")),
    "a secret key": ("proof_algorithm", headed(jwk={"kty": "oct", "k": "AAAA"})),
    "a point off the curve": ("proof_key", keyed(y=b64url(bytes(31) + b"\x01"))),
    "a coordinate cut short": ("proof_key", keyed(x="AAAA")),
    "an RSA key of 1024 bits": ("proof_key", signed_by(SMALL_RSA)),
    # 6: the signature
    "another payload": ("proof_signature", texted(with_other_payload)),
    "a flipped bit": ("proof_signature", texted(flipped)),
    "a signature of zeros": (
        "proof_signature",
        texted(lambda text: with_signature(text, b64url(bytes(64)))),
    ),
    "a signature as DER": ("proof_signature", as_der),
    "another key, swapped in": ("proof_signature", keyed(**Signer.generate().key)),
    # 7: the claims
    "no jti": ("proof_claims", changed(jti=ABSENT)),
    "an empty jti": (
        "proof_claims",
        lambda b, p: b.signer.compact(
            b.signer.header(),
            {"jti": "", "htm": "POST", "htu": p, "iat": NOW, "ath": ath_of(b.token)},
        ),
    ),
    "a jti that is a number": ("proof_claims", changed(jti=1)),
    "a jti of 257 bytes": ("proof_claims", changed(jti="x" * 257)),
    "no htm": ("proof_claims", changed(htm=ABSENT)),
    "no htu": ("proof_claims", changed(htu=ABSENT)),
    "a list of htu": ("proof_claims", lambda b, p: changed(htu=[p])(b, p)),
    "no iat": ("proof_claims", changed(iat=ABSENT)),
    "iat as text": ("proof_claims", changed(iat=str(NOW))),
    "iat as a fraction": ("proof_claims", changed(iat=NOW + 0.5)),
    "iat as a truth": ("proof_claims", changed(iat=True)),
    "a proof for the gateway": ("proof_claims", rpc),
    "a proof for both": ("proof_claims", changed(rpc="request", mth="signalwire.connect")),
    # 8: the target
    "another method": ("proof_target", changed(htm="GET")),
    "the method in lower case": ("proof_target", changed(htm="post")),
    "the other endpoint": ("proof_target", lambda b, p: changed(htu=other_than(p))(b, p)),
    "another server": ("proof_target", lambda b, p: changed(htu=f"https://evil.test{p}")(b, p)),
    "another server, as a path": (
        "proof_target",
        lambda b, p: changed(htu=f"//evil.test{p}")(b, p),
    ),
    "another port": ("proof_target", lambda b, p: changed(htu=f"{BASE_URL}:81{p}")(b, p)),
    "another scheme": ("proof_target", lambda b, p: changed(htu=f"https://mint.test{p}")(b, p)),
    "a path below": ("proof_target", lambda b, p: changed(htu=f"{p}/x")(b, p)),
    "the path with a slash": ("proof_target", lambda b, p: changed(htu=f"{p}/")(b, p)),
    # 9: the time
    "too old": ("proof_time", changed(iat=NOW - 301)),
    "too far ahead": ("proof_time", changed(iat=NOW + 61)),
    "in milliseconds": ("proof_time", changed(iat=NOW * 1000)),
    # 10: the token
    "the hash of another token": ("proof_ath", changed(ath=ath_of("x"))),
    "a hash that is no text": ("proof_ath", changed(ath=None)),
    "the hash with padding": ("proof_ath", lambda b, p: changed(ath=ath_of(b.token) + "=")(b, p)),
}


@pytest.mark.parametrize("name", CHECKS)
async def test_a_proof_with_one_thing_changed(server: Server, browser: Browser, name: str) -> None:
    cause, spoil = CHECKS[name]
    for path in PATHS:
        before = await server.rows()
        answer = await browser.send(path, browser.token, spoil(browser, path))
        refused(answer, cause)
        assert await server.rows() == before
        said(await browser.send(path, browser.token, browser.proof(path, browser.token)), 201)


def test_every_check_is_attacked() -> None:
    elsewhere = {"proof_missing", "proof_repeated", "proof_nonce", "key_mismatch", "proof_replayed"}
    assert {cause for cause, _ in CHECKS.values()} | elsewhere == set(PROOF_CAUSES)


@pytest.mark.parametrize(("iat", "skew"), [(NOW - 301, -301), (NOW - 712, -712), (NOW + 61, 61)])
async def test_a_clock_that_is_wrong_is_told_by_how_much(
    browser: Browser, iat: int, skew: int
) -> None:
    with capture_logs() as lines:
        answer = await browser.activate(proof=browser.proof(TOKEN, iat=iat))
    assert answer.headers["x-satmint-cause"] == f"proof_time; skew={skew}"
    (line,) = [line for line in lines if line["event"] == "refused"]
    assert (line["cause"], line["skew"]) == ("proof_time", skew)
    assert line["route"] == "create-device-token"


@pytest.mark.parametrize(
    ("iat", "good"), [(-301, False), (-300, True), (-299, True), (60, True), (61, False)]
)
async def test_clock_around_the_age_of_a_proof(browser: Browser, iat: int, good: bool) -> None:
    answer = await browser.activate(proof=browser.proof(TOKEN, iat=NOW + iat))
    assert (answer.status_code == 201) is good


async def test_the_age_of_proofs_is_the_operators_to_say(tmp_path: Path) -> None:
    async with a_service(tmp_path, proof_age_seconds=120, proof_ahead_seconds=5) as server:
        browser = await a_browser(server)
        for iat, status in ((-121, 401), (-120, 201), (5, 201), (6, 401)):
            answer = await browser.activate(proof=browser.proof(TOKEN, iat=NOW + iat))
            assert answer.status_code == status


async def test_no_proof(server: Server, browser: Browser) -> None:
    sat = said(await browser.activate(), 201)["token"]
    before = await server.rows()
    for path in PATHS:
        for token in (browser.token, sat):
            refused(await browser.send(path, token), "proof_missing")
            refused(await browser.send(path, token, scheme="DPoP"), "proof_missing")
    assert await server.rows() == before


async def test_no_proof_of_a_session_that_names_no_key(server: Server) -> None:
    browser = await a_browser(server, bound=False)
    for path in PATHS:
        refused(await browser.send(path, browser.token), "proof_missing")
    assert (await server.row_of_session(server.claims(browser.token).sid))["jkt"] is None


async def test_two_proofs(server: Server, browser: Browser) -> None:
    """Which of two counts must never be a guess, even if both are good or the same."""
    before = await server.rows()
    for path in PATHS:
        one, two = (browser.proof(path, browser.token) for _ in range(2))
        for body, lines in (
            (one, [one]),
            (one, [two]),
            (one, ["x"]),
            ("x", [one]),
            ("", [one]),
            (one, [""]),
            (ABSENT, [one, two]),
            (ABSENT, [one, one]),
            (ABSENT, ["x", one]),
            (ABSENT, [one, "x"]),
        ):
            headers = [("DPoP", line) for line in lines]
            answer = await browser.send(path, browser.token, body, headers=headers)
            refused(answer, "proof_repeated")
        joined = await browser.send(path, browser.token, headers=[("DPoP", f"{one}, {two}")])
        refused(joined, "proof_malformed")
    assert await server.rows() == before


async def test_a_proof_without_the_sats_hash_renews_nothing(
    server: Server, browser: Browser
) -> None:
    """`devices/token` takes it, because the vendor's SDK leaves it out there."""
    before = await server.rows()
    refused(await browser.renew(browser.token, browser.proof(REFRESH)), "proof_ath")
    assert await server.rows() == before
    said(await browser.activate(proof=browser.proof(TOKEN)), 201)


async def test_a_host_that_the_caller_names_is_not_believed(browser: Browser) -> None:
    """A proof that was made for another server, relayed here under that server's name."""
    proof = browser.proof(f"https://evil.test{TOKEN}")
    for headers in (
        [("Host", "evil.test")],
        [("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "https")],
        [("Forwarded", "host=evil.test;proto=https")],
    ):
        answer = await browser.send(TOKEN, browser.token, proof, headers=headers)
        refused(answer, "proof_target")
