"""Checks proofs of possession (RFC 9449, section 4.3), in the order of satmint's own server."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from satmint_sdk._forks import renew_in_children
from satmint_sdk.verify import _base64url
from satmint_sdk.verify._strict_json import read_object
from satmint_sdk.verify._urls import normal_url
from satmint_sdk.verify.errors import RefusalCause

if TYPE_CHECKING:
    from satmint_sdk.verify._proof_keys import ProofKey

MAX_PROOF_CHARS: Final = 8192
_MAX_JTI_BYTES: Final = 256
_MAX_IAT: Final = 1 << 53
_MAX_CACHED_KEYS: Final = 1024
_MAX_CACHED_HEADER_CHARS: Final = 2048


class _CachedKeys:
    """Keys by header segment: a client sends the same one with every proof."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, ProofKey] = OrderedDict()
        self._lock = threading.Lock()
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Another thread of the parent may hold its lock."""
        self._lock = threading.Lock()

    def get(self, header: str) -> ProofKey | None:
        with self._lock:
            return self._keys.get(header)

    def put(self, header: str, key: ProofKey) -> None:
        if len(header) > _MAX_CACHED_HEADER_CHARS:
            return
        with self._lock:
            self._keys[header] = key
            if len(self._keys) > _MAX_CACHED_KEYS:
                self._keys.popitem(last=False)


_cached_keys: Final = _CachedKeys()


class ProofRefused(Exception):
    """A check has failed; later ones were not made."""

    def __init__(self, cause: RefusalCause, skew: int | None = None) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.skew = skew


@dataclass(frozen=True, slots=True)
class ProofRules:
    """How old a proof may be, and how far ahead of this machine's clock; in seconds."""

    max_age: int = 300
    max_ahead: int = 60


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that is good for a request, if it was not used before.

    Attributes:
        jkt: Thumbprint of its key.
        jti: Its id.
        iat: When it was made, in seconds since the epoch.
    """

    jkt: str
    jti: str
    iat: int


def check_proof(
    text: str, *, method: str, url: str, token: str, rules: ProofRules, now: float
) -> Proof:
    """Check a proof for an HTTP request.

    Not checked here: whether the key is the token's, and whether the proof was used before.

    Args:
        text: A compact JWS.
        method: The method of the request.
        url: The URL of the request, as the client knows it. Query and fragment do not count.
        token: The access token of the request.
        rules: How old it may be.
        now: Seconds since the epoch.

    Raises:
        ProofRefused: A check failed; its cause is that of the first.
    """
    key, claims = _opened(text)
    jti, iat, htm, htu = (claims.get(name) for name in ("jti", "iat", "htm", "htu"))
    if not isinstance(jti, str) or not 1 <= len(jti.encode()) <= _MAX_JTI_BYTES:
        raise ProofRefused(RefusalCause.PROOF_CLAIMS)
    # In Python `True` is an integer, and integers are unbounded.
    if not isinstance(iat, int) or isinstance(iat, bool) or not 0 <= iat < _MAX_IAT:
        raise ProofRefused(RefusalCause.PROOF_CLAIMS)
    # Members of satmint's proofs for WebSocket requests: neither kind may ever pass for the other.
    if not isinstance(htm, str) or not isinstance(htu, str) or "mth" in claims or "rpc" in claims:
        raise ProofRefused(RefusalCause.PROOF_CLAIMS)
    target = normal_url(url)
    if htm != method or target is None or normal_url(htu) != target:
        raise ProofRefused(RefusalCause.PROOF_TARGET)
    skew = int(iat - now)
    if not -rules.max_age <= skew <= rules.max_ahead:
        raise ProofRefused(RefusalCause.PROOF_TIME, skew)
    ath, expected = claims.get("ath"), ath_of(token)
    if not (isinstance(ath, str) and ath.isascii() and hmac.compare_digest(ath, expected)):
        raise ProofRefused(RefusalCause.PROOF_ATH)
    return Proof(key.jkt, jti, iat)


def ath_of(token: str) -> str:
    """The claim `ath` for an access token (RFC 9449, section 4.2)."""
    return _base64url.encode(hashlib.sha256(token.encode()).digest())


def _opened(text: str) -> tuple[ProofKey, dict[str, Any]]:
    """The key and the claims of a proof whose signature is valid."""
    from cryptography.exceptions import InvalidSignature

    header, payload, signature = _split(text)
    cached = _cached_keys.get(header)
    members = {} if cached is not None else _members(_decoded(header))
    claims = _members(_decoded(payload))
    key = _key_of(members) if cached is None else cached
    try:
        key.verify(_decoded(signature), f"{header}.{payload}".encode())
    except InvalidSignature:
        raise ProofRefused(RefusalCause.PROOF_SIGNATURE) from None
    # Only now: anybody could fill the cache with invented keys.
    if cached is None:
        _cached_keys.put(header, key)
    return key, claims


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(".", 3) if len(text) <= MAX_PROOF_CHARS and text.isascii() else []
    if len(parts) != 3 or "" in parts:
        raise ProofRefused(RefusalCause.PROOF_MALFORMED)
    header, payload, signature = parts
    for part in (payload, signature):
        _decoded(part)
    return header, payload, signature


def _decoded(segment: str) -> bytes:
    try:
        return _base64url.decode(segment)
    except ValueError:
        raise ProofRefused(RefusalCause.PROOF_MALFORMED) from None


def _members(data: bytes) -> dict[str, Any]:
    try:
        return read_object(data)
    except ValueError:
        raise ProofRefused(RefusalCause.PROOF_JSON) from None


def _key_of(members: dict[str, Any]) -> ProofKey:
    from satmint_sdk.verify._proof_keys import KeyRefused, load_key

    if members.get("typ") != "dpop+jwt" or "crit" in members:
        raise ProofRefused(RefusalCause.PROOF_TYPE)
    try:
        return load_key(members.get("alg"), members.get("jwk"))
    except KeyRefused as refused:
        raise ProofRefused(refused.cause) from None
