"""Proofs of possession, at their checks."""

import json
from pathlib import Path
from posixpath import normpath
from random import Random
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from satmint.dpop import (
    HttpTarget,
    Nonces,
    ProofRefused,
    ProofRules,
    check_http_proof,
    check_rpc_proof,
)
from tests.fuzz.mutations import as_json, encoded, spoil, spoil_members, value
from tests.fuzz.targets import ACCEPTED, Found, Target
from tests.kit.clock import NOW
from tests.kit.proofs import Signer, ath_of
from tests.vectors.proof_signers import ec_signer, ed25519_signer, rsa_signer

PATH: Final = "/api/fabric/subscriber/devices/refresh"
BASE: Final = "https://fabric.example.com"
METHOD: Final = "signalwire.connect"
TOKEN: Final = "eyJhbGciOiJkaXIifQ..AAAA.BBBB.CCCC"
HEADER_NAMES: Final = ("typ", "alg", "jwk", "crit", "kid", "jku", "x5u", "x5c", "b64", "zip")
CLAIM_NAMES: Final = ("jti", "htm", "htu", "iat", "ath", "nonce", "mth", "rpc", "exp", "nbf")
PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
ALGORITHMS: Final = (
    "none",
    "HS256",
    "RS256",
    "PS256",
    "ES256",
    "EdDSA",
    "Ed25519",
    "ES384",
    "rs256",
    "",
)


class Proofs(Target):
    """Nothing passes that was not signed as it stands, for this request, about now."""

    name = "proofs"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._signers: list[Signer] = [
            *(ec_signer("a browser"), ed25519_signer("a browser"), ec_signer("another browser")),
            rsa_signer("rsa-2048"),
        ]
        self._rules = (ProofRules(), ProofRules(strict=True))
        self._target = HttpTarget("POST", PATH, frozenset({BASE + PATH}))
        self._nonces = Nonces(b"k" * 32)
        self._seeds = [
            make
            for signer in self._signers
            for make in (
                signer.http_proof(PATH, TOKEN, jti="one"),
                signer.http_proof(BASE + PATH, TOKEN, jti="two"),
                signer.rpc_proof(METHOD, jti="three"),
            )
        ]
        self._bytes = [seed.encode() for seed in self._seeds]

    async def attempt(self, dice: Random) -> str:
        """See `Target.attempt`."""
        signer = dice.choices(self._signers, (5, 5, 1, 1))[0]
        rpc = dice.random() < 0.3
        signed: tuple[dict[str, Any], dict[str, Any]] | None = None
        match dice.randrange(8):
            case 0:
                text = dice.choice(self._seeds)
            case 1 | 2 | 3:
                text = spoil(dice, dice.choice(self._bytes), self._bytes).decode("latin-1")
            case 4:
                header = spoil_members(dice, signer.header(), HEADER_NAMES)
                if dice.random() < 0.3:
                    header["alg"] = dice.choice(ALGORITHMS)
                rest = dice.choice(self._bytes).split(b".", 1)[1]
                text = (encoded(as_json(dice, header)) + b"." + rest).decode()
            case _:
                text, signed = self._signed(dice, signer, rpc=rpc)
        rules, strict_nonce = dice.choice(self._rules), dice.random() < 0.05
        nonces = self._nonces if strict_nonce else None
        try:
            if rpc:
                check_rpc_proof(text, METHOD, rules, NOW, token=TOKEN, nonces=nonces)
            else:
                check_http_proof(
                    text, self._target, rules, NOW, token=TOKEN, ath_required=True, nonces=nonces
                )
        except ProofRefused as refused:
            return str(refused.cause)
        if signed is None and text not in self._seeds:
            raise Found(f"never signed: {text!r}")
        if signed is not None and (reason := _wrong(signer, *signed, rpc=rpc, rules=rules)):
            raise Found(f"{reason}: {text!r}")
        if strict_nonce and (signed is None or "nonce" not in signed[1]):
            raise Found(f"without a nonce: {text!r}")
        return ACCEPTED

    def _signed(
        self, dice: Random, signer: Signer, *, rpc: bool
    ) -> tuple[str, tuple[dict[str, Any], dict[str, Any]]]:
        """A proof that says something odd, and is signed as it stands; and what a reader makes
        of it."""
        header = signer.header()
        claims: dict[str, Any] = {"jti": "x", "iat": NOW}
        if rpc:
            claims |= {"rpc": "request", "mth": METHOD}
        else:
            htu = dice.choice((PATH, BASE + PATH, BASE.upper() + PATH, f"{BASE}:443{PATH}?a#b"))
            claims |= {"htm": "POST", "htu": htu, "ath": ath_of(TOKEN)}
        if dice.random() < 0.05:
            claims["nonce"] = self._nonces.current(NOW)
        if dice.random() < 0.4:
            header = spoil_members(dice, header, HEADER_NAMES)
            if dice.random() < 0.2 and isinstance(header.get("jwk"), dict):
                header["jwk"] = header["jwk"] | {dice.choice(sorted(PRIVATE)): value(dice, 1)}
        else:
            claims = spoil_members(dice, claims, CLAIM_NAMES)
            if dice.random() < 0.2:
                claims["iat"] = NOW + dice.choice((-301, -300, -1, 60, 61, 10**9))
        segments = encoded(as_json(dice, header)), encoded(as_json(dice, claims))
        signature = encoded(signer.sign(b".".join(segments)))
        text = b".".join([*segments, signature]).decode()
        return text, (header, claims)


def _wrong(
    signer: Signer, header: dict[str, Any], claims: dict[str, Any], *, rpc: bool, rules: ProofRules
) -> str:
    """Why this may not be accepted, by a reading of the specification that shares no code."""
    jwk = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or "crit" in header or header.get("alg") != signer.alg:
        return "header"
    if not isinstance(jwk, dict) or PRIVATE & jwk.keys() or not signer.key.items() <= jwk.items():
        return "key"
    jti, iat = claims.get("jti"), claims.get("iat")
    if type(jti) is not str or not 1 <= len(jti.encode()) <= 256:
        return "jti"
    if type(iat) is not int or not NOW - rules.max_age <= iat <= NOW + rules.max_ahead:
        return "iat"
    if "ath" in claims and claims["ath"] != ath_of(TOKEN):
        return "ath"
    if "NaN" in json.dumps([header, claims]):
        return "NaN"
    if rpc:
        good = claims.get("rpc") == "request" and claims.get("mth") == METHOD
        return "" if good and not {"htm", "htu"} & claims.keys() else "target"
    if "ath" not in claims or {"rpc", "mth"} & claims.keys() or claims.get("htm") != "POST":
        return "target"
    htu = claims.get("htu")
    return "" if isinstance(htu, str) and _same_url(htu, strict=rules.strict) else "htu"


def _same_url(htu: str, *, strict: bool) -> bool:
    """Whether it names the endpoint, read as loosely as RFC 3986 can be."""
    parts = urlsplit(htu)
    path = normpath(unquote(parts.path))
    if not parts.scheme:
        return not strict and not parts.netloc and path == PATH
    place = (parts.scheme.lower(), parts.hostname, parts.port or 443)
    return place == ("https", "fabric.example.com", 443) and path == PATH
