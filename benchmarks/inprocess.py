"""What tokens and proofs cost without any HTTP: CPU microseconds, medians of several runs."""

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from tests.kit.proofs import Signer

from benchmarks.running import DEVICE_PATH
from satmint.assembly import assembled
from satmint.dpop import HttpTarget, ProofRules, check_http_proof
from satmint.flows.service_context import ServiceContext
from satmint.model.claims import Claims, Kind, TokenType, token_id
from satmint.model.rotation import Head
from satmint.settings import Settings

OPEN: Final = "open a SAT"
PROOF: Final = "check an RS256 proof"
VERIFY: Final = "the signature of that alone"

_RUNS: Final = 7


class Cost(msgspec.Struct, frozen=True):
    """CPU microseconds of one call."""

    what: str
    median: float
    least: float


def measure(place: Path, seconds: float) -> list[Cost]:
    """Time the making and opening of tokens and the checking of proofs, for about `seconds`."""
    return asyncio.run(_measure(place, seconds))


async def _measure(place: Path, seconds: float) -> list[Cost]:
    settings = Settings(database=f"sqlite:///{place}/satmint.db", keyring=str(place / "keys.json"))
    async with assembled(settings, create_keyring=True) as service:
        services = service.services
        now = services.clock.now()
        claims = _claims(services, now)
        head = Head(claims.gen, claims.iat, claims.exp)
        sat = services.issuer.seal_access_token(claims, None, now)
        if services.cipher.open(sat, TokenType.SAT).claims != claims:
            raise AssertionError("a SAT does not say what was sealed into it")
        measured: dict[str, Callable[[], object]] = {
            OPEN: lambda: services.cipher.open(sat, TokenType.SAT),
            "seal a SAT": lambda: services.issuer.seal_access_token(claims, None, now),
            "a whole pair": lambda: services.issuer.seal_pair(claims, head, None, now),
            **_proving(sat, now),
        }
        budget = seconds / len(measured) / _RUNS
        return [_cost(what, call, budget) for what, call in measured.items()]


def _proving(sat: str, now: int) -> dict[str, Callable[[], object]]:
    """A proof of a browser's key, and the bare verification of the same signature."""
    signer = Signer.generate("RS256")
    proof = signer.http_proof(DEVICE_PATH, sat, iat=now)
    target = HttpTarget("POST", DEVICE_PATH, frozenset())
    rules = ProofRules()
    if not isinstance(signer.private, rsa.RSAPrivateKey):
        raise TypeError("an RS256 key is an RSA key")
    public = signer.private.public_key()
    signed, _, signature = proof.rpartition(".")
    data, raw = signed.encode(), urlsafe_b64decode(signature + "==")
    padding, sha256 = PKCS1v15(), SHA256()
    return {
        PROOF: lambda: check_http_proof(proof, target, rules, now, token=sat, ath_required=True),
        VERIFY: lambda: public.verify(raw, data, padding, sha256),
    }


def _cost(what: str, call: Callable[[], object], budget: float) -> Cost:
    began = process_time()
    for _ in range(500):
        call()
    count = max(500, int(500 * budget / (process_time() - began)))
    runs = []
    for _ in range(_RUNS):
        began = process_time()
        for _ in range(count):
            call()
        runs.append((process_time() - began) / count * 1e6)
    return Cost(what, median(runs), min(runs))


def _claims(services: ServiceContext, now: int) -> Claims:
    session = services.new_id()
    return Claims(
        iss=services.policy.issuer,
        sub=services.new_id(),
        prj=services.new_id(),
        sid=session,
        gen=1234,
        jti=token_id(session, 1234, TokenType.SAT),
        iat=now,
        exp=now + 7200,
        epo=0,
        kind=Kind.SUBSCRIBER,
        scope=(),
    )
