"""Checking proofs of possession (RFC 9449, section 4.3), and those that go over a WebSocket."""

import hmac
from dataclasses import dataclass
from typing import Final

import msgspec

from satmint.dpop._opening import open_proof
from satmint.dpop._rfc3986 import normal_path, normal_url
from satmint.dpop._rfc7515 import Members
from satmint.dpop.nonces import Nonces
from satmint.dpop.refusal import ProofCause, ProofRefused
from satmint.model.base64url import b64url
from satmint.model.secrets import digest

LEAST_OLDEST: Final = 120
"""Seconds. The vendor's SDK sends one and the same proof for over a minute after failures."""

_LONGEST_JTI: Final = 256
_LATEST_IAT: Final = 1 << 53
_RPC_KIND: Final = "request"


@dataclass(frozen=True, slots=True)
class ProofRules:
    """What is asked of every proof."""

    oldest: int = 300
    """Seconds that a proof may be old."""
    ahead: int = 60
    """Seconds that the clock of who made it may be ahead of ours."""
    strict: bool = False
    """Whether `htu` must be a full URL (RFC 9449), where the vendor's SDK sends the bare path."""

    def __post_init__(self) -> None:
        if self.oldest < LEAST_OLDEST:
            raise ValueError(f"a proof must be good for at least {LEAST_OLDEST} seconds")
        if self.ahead < 0:
            raise ValueError("the seconds that a proof may be ahead cannot be negative")


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """An endpoint, by every name that it has."""

    method: str
    path: str
    """Its path on this server, which is what the vendor's SDK signs."""
    urls: frozenset[str]
    """Every external URL under which it is known: from configuration or a trusted proxy, never
    from a raw `Host`, or a proof made for another server would do for this one."""


class Proof(msgspec.Struct, frozen=True):
    """A proof that stood every check that can be made without a store."""

    jkt: str
    """Thumbprint of the key that signed it (RFC 7638)."""
    jti: str
    iat: int
    """Unix seconds, as who made it saw them."""
    target: str
    """What it is for, in one spelling however the proof spells it. No HTTP request's is equal to
    any RPC's."""


def check_http_proof(
    text: str,
    target: HttpTarget,
    rules: ProofRules,
    now: int,
    *,
    token: str,
    ath_required: bool,
    nonces: Nonces | None = None,
) -> Proof:
    """The proof that `text` is, if it was made for this request.

    Not checked here: whether the key is the token's, and whether the proof was used before.

    Args:
        text: A compact JWS.
        target: The endpoint that was called.
        rules: How strictly.
        now: Unix seconds.
        token: The access token that came with it.
        ath_required: Whether it must name the token; if it names one, it must be this one.
        nonces: Where given, it must carry one that is current.

    Raises:
        ProofRefused: a check failed; its cause is that of the first.
    """
    opened = open_proof(text)
    claims = opened.claims
    jti, iat = _common(claims)
    htm, htu = claims.get("htm"), claims.get("htu")
    # An RPC's members have no place here: neither kind of proof may ever pass for the other.
    if not isinstance(htm, str) or not isinstance(htu, str) or "mth" in claims or "rpc" in claims:
        raise ProofRefused(ProofCause.CLAIMS)
    if htm != target.method or not _names(htu, target, rules):
        raise ProofRefused(ProofCause.TARGET)
    _check_time(iat, rules, now)
    _check_ath(claims, token, required=ath_required)
    _check_nonce(claims, nonces, now)
    return Proof(opened.jkt, jti, iat, f"{target.method} {target.path}")


def check_rpc_proof(
    text: str,
    method: str,
    rules: ProofRules,
    now: int,
    *,
    token: str,
    nonces: Nonces | None = None,
) -> Proof:
    """The proof that `text` is, if it was made for this JSON-RPC request of the gateway.

    Not checked here: whether the key is the token's, and whether the proof was used before.

    Args:
        text: A compact JWS.
        method: The RPC method that was called.
        rules: How strictly.
        now: Unix seconds.
        token: The access token that came with it; the proof need not name it.
        nonces: Where given, it must carry one that is current.

    Raises:
        ProofRefused: a check failed; its cause is that of the first.
    """
    opened = open_proof(text)
    claims = opened.claims
    jti, iat = _common(claims)
    mth = claims.get("mth")
    if (
        claims.get("rpc") != _RPC_KIND
        or not isinstance(mth, str)
        or "htm" in claims
        or "htu" in claims
    ):
        raise ProofRefused(ProofCause.CLAIMS)
    if mth != method:
        raise ProofRefused(ProofCause.TARGET)
    _check_time(iat, rules, now)
    _check_ath(claims, token, required=False)
    _check_nonce(claims, nonces, now)
    return Proof(opened.jkt, jti, iat, f"rpc {method}")


def _common(claims: Members) -> tuple[str, int]:
    """`jti` and `iat`, which both kinds of proof have."""
    jti, iat = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 1 <= len(jti.encode()) <= _LONGEST_JTI:
        raise ProofRefused(ProofCause.CLAIMS)
    # In Python `True` is an integer, and an integer can have thousands of digits.
    if not isinstance(iat, int) or isinstance(iat, bool) or not 0 <= iat < _LATEST_IAT:
        raise ProofRefused(ProofCause.CLAIMS)
    return jti, iat


def _names(htu: str, target: HttpTarget, rules: ProofRules) -> bool:
    """Whether `htu` names the endpoint."""
    if htu.startswith("/"):
        # Two slashes would begin the name of a host (RFC 3986, section 4.2).
        if rules.strict or htu.startswith("//"):
            return False
        return normal_path(htu) == target.path
    normal = normal_url(htu)
    return normal is not None and normal in map(normal_url, target.urls)


def _check_time(iat: int, rules: ProofRules, now: int) -> None:
    if not -rules.oldest <= iat - now <= rules.ahead:
        raise ProofRefused(ProofCause.TIME, iat - now)


def _check_ath(claims: Members, token: str, *, required: bool) -> None:
    if "ath" not in claims and not required:
        return
    ath = claims.get("ath")
    expected = b64url(digest(token))
    if not (isinstance(ath, str) and ath.isascii() and hmac.compare_digest(ath, expected)):
        raise ProofRefused(ProofCause.ATH)


def _check_nonce(claims: Members, nonces: Nonces | None, now: int) -> None:
    """Last of all: who is given a new nonce has nothing else to mend."""
    if nonces is None:
        return
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not nonces.accepts(nonce, now):
        raise ProofRefused(ProofCause.NONCE)
