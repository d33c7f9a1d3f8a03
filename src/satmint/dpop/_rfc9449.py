"""Checks proofs of possession over HTTP (RFC 9449, section 4.3) and on the gateway."""

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

MIN_MAX_AGE_SECONDS: Final = 120
"""The lowest permitted `max_age`: the vendor's SDK re-sends a proof for over a minute."""

_MAX_JTI_BYTES: Final = 256
_MAX_IAT: Final = 1 << 53
_RPC_KIND: Final = "request"


@dataclass(frozen=True, slots=True)
class ProofRules:
    """The requirements on every proof."""

    max_age: int = 300
    """Maximum age of a proof in seconds."""
    max_ahead: int = 60
    """Seconds that a proof may be ahead of the server's clock."""
    strict: bool = False
    """Whether `htu` must be a full URL (RFC 9449), where the vendor's SDK sends the bare path."""
    after: int = 0
    """Unix seconds: a proof must be newer. Whether an older one was used may be forgotten."""

    def __post_init__(self) -> None:
        if self.max_age < MIN_MAX_AGE_SECONDS:
            raise ValueError(f"max_age must be at least {MIN_MAX_AGE_SECONDS} seconds")
        if self.max_ahead < 0:
            raise ValueError("max_ahead must not be negative")


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """An endpoint, with all of its URLs."""

    method: str
    path: str
    """The path on this server, which the vendor's SDK signs."""
    urls: frozenset[str]
    """All external URLs: from configuration or a trusted proxy, never from a raw `Host`, or a proof
    for another server would be accepted."""


class Proof(msgspec.Struct, frozen=True):
    """A proof that passed all checks that need no store."""

    jkt: str
    """Thumbprint of the signing key (RFC 7638)."""
    jti: str
    iat: int
    """Unix seconds, by the clock of the proof's maker."""
    target: str
    """The request that it is for, in normal form; never equal for an HTTP request and an RPC."""


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
    """Check a proof for an HTTP request.

    Not checked here: whether the key is the token's, and whether the proof was used before.

    Args:
        text: A compact JWS.
        target: The called endpoint.
        rules: The requirements.
        now: Unix seconds.
        token: The access token of the request.
        ath_required: Whether `ath` is required; if present, it must match the token.
        nonces: If given, the proof must carry a current nonce.

    Raises:
        ProofRefused: a check failed; its cause is that of the first.
    """
    opened = open_proof(text)
    claims = opened.claims
    jti, iat = _jti_and_iat(claims)
    htm, htu = claims.get("htm"), claims.get("htu")
    # Members of an RPC proof are rejected: neither kind may ever pass for the other.
    if not isinstance(htm, str) or not isinstance(htu, str) or "mth" in claims or "rpc" in claims:
        raise ProofRefused(ProofCause.CLAIMS)
    if htm != target.method or not _names_target(htu, target, rules):
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
    """Check a proof for a JSON-RPC request on the gateway.

    Not checked here: whether the key is the token's, and whether the proof was used before.

    Args:
        text: A compact JWS.
        method: The called RPC method.
        rules: The requirements.
        now: Unix seconds.
        token: The access token of the request; `ath` is optional.
        nonces: If given, the proof must carry a current nonce.

    Raises:
        ProofRefused: a check failed; its cause is that of the first.
    """
    opened = open_proof(text)
    claims = opened.claims
    jti, iat = _jti_and_iat(claims)
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


def _jti_and_iat(claims: Members) -> tuple[str, int]:
    """`jti` and `iat`, which both kinds of proof require."""
    jti, iat = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 1 <= len(jti.encode()) <= _MAX_JTI_BYTES:
        raise ProofRefused(ProofCause.CLAIMS)
    # In Python `True` is an integer, and integers are unbounded.
    if not isinstance(iat, int) or isinstance(iat, bool) or not 0 <= iat < _MAX_IAT:
        raise ProofRefused(ProofCause.CLAIMS)
    return jti, iat


def _names_target(htu: str, target: HttpTarget, rules: ProofRules) -> bool:
    """Whether `htu` is a URL of the endpoint."""
    if htu.startswith("/"):
        # Two slashes would start a host (RFC 3986, section 4.2).
        if rules.strict or htu.startswith("//"):
            return False
        return normal_path(htu) == target.path
    normal = normal_url(htu)
    return normal is not None and normal in map(normal_url, target.urls)


def _check_time(iat: int, rules: ProofRules, now: int) -> None:
    if not -rules.max_age <= iat - now <= rules.max_ahead or iat <= rules.after:
        raise ProofRefused(ProofCause.TIME, iat - now)


def _check_ath(claims: Members, token: str, *, required: bool) -> None:
    if "ath" not in claims and not required:
        return
    ath = claims.get("ath")
    expected = b64url(digest(token))
    if not (isinstance(ath, str) and ath.isascii() and hmac.compare_digest(ath, expected)):
        raise ProofRefused(ProofCause.ATH)


def _check_nonce(claims: Members, nonces: Nonces | None, now: int) -> None:
    """The last check: a client that gets a new nonce has nothing else to correct."""
    if nonces is None:
        return
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not nonces.accepts(nonce, now):
        raise ProofRefused(ProofCause.NONCE)
