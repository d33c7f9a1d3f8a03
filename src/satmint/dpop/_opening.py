"""From text to verified claims: the checks that need only the proof itself (1 to 6)."""

from collections import OrderedDict
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature

from satmint.dpop._rfc7515 import Members, decode, read_members, split
from satmint.dpop._rfc7518 import ProofKey, load_key
from satmint.dpop.refusal import ProofCause, ProofRefused

_MAX_CACHED_HEADERS: Final = 1024
_MAX_CACHED_HEADER_CHARS: Final = 2048
"""Characters; enough for RSA of 4096 bits."""
_TYP: Final = "dpop+jwt"

_cached_keys: Final[OrderedDict[bytes, ProofKey]] = OrderedDict()
"""Keys by header segment: a browser sends the same segment with every proof, and loading the key
again would cost more than all other checks except the signature's."""


class OpenedProof(msgspec.Struct, frozen=True):
    """A proof with a valid signature. Its claims are not checked yet."""

    jkt: str
    """Thumbprint of the signing key."""
    claims: Members


def open_proof(text: str) -> OpenedProof:
    """Parse a proof and verify its signature.

    Raises:
        ProofRefused: MALFORMED, JSON, TYPE, ALGORITHM, KEY or SIGNATURE, checked in this order.
    """
    parts = split(text)
    cached = _cached_keys.get(parts.header)
    header = read_members(decode(parts.header)) if cached is None else {}
    claims = read_members(parts.payload)
    key = _read_header(header) if cached is None else cached
    try:
        key.verify(parts.signature, parts.signed)
    except InvalidSignature as error:
        raise ProofRefused(ProofCause.SIGNATURE) from error
    if cached is None:
        _cache(parts.header, key)
    return OpenedProof(key.jkt, claims)


def _read_header(members: Members) -> ProofKey:
    # `jku`, `x5u`, `x5c` and `kid` are ignored: the key is `jwk`, and nothing is fetched.
    if members.get("typ") != _TYP or "crit" in members:
        raise ProofRefused(ProofCause.TYPE)
    return load_key(members.get("alg"), members.get("jwk"))


def _cache(header: bytes, key: ProofKey) -> None:
    """Cache a key, but only after it has verified a signature.

    Otherwise anybody could flush the cache with invented keys.
    """
    if len(header) <= _MAX_CACHED_HEADER_CHARS:
        _cached_keys[header] = key
        if len(_cached_keys) > _MAX_CACHED_HEADERS:
            _cached_keys.popitem(last=False)
