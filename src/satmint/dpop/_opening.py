"""From text to verified claims: the checks that need nothing but the proof itself (1 to 6)."""

from collections import OrderedDict
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature

from satmint.dpop._rfc7515 import Members, decode, read_members, split
from satmint.dpop._rfc7518 import ProofKey, load_key
from satmint.dpop.refusal import ProofCause, ProofRefused

_KEPT_HEADERS: Final = 1024
_LONGEST_KEPT: Final = 2048
"""Characters; enough for RSA of 4096 bits."""
_TYP: Final = "dpop+jwt"

_known: Final[OrderedDict[bytes, ProofKey]] = OrderedDict()
"""What came of a header segment: a browser sends the same one with every proof of its key, and to
load the key again would cost more than all checks but the signature's together."""


class OpenedProof(msgspec.Struct, frozen=True):
    """A proof whose signature holds. What it claims is not checked yet."""

    jkt: str
    """Thumbprint of the key that signed it."""
    claims: Members


def open_proof(text: str) -> OpenedProof:
    """Open a proof.

    Raises:
        ProofRefused: MALFORMED, JSON, TYPE, ALGORITHM, KEY or SIGNATURE, looked for in this order.
    """
    parts = split(text)
    known = _known.get(parts.header)
    header = read_members(decode(parts.header)) if known is None else {}
    claims = read_members(parts.payload)
    key = _read_header(header) if known is None else known
    try:
        key.verify(parts.signature, parts.signed)
    except InvalidSignature as error:
        raise ProofRefused(ProofCause.SIGNATURE) from error
    if known is None:
        _remember(parts.header, key)
    return OpenedProof(key.jkt, claims)


def _read_header(members: Members) -> ProofKey:
    # `jku`, `x5u`, `x5c` and `kid` are ignored: the key is what `jwk` says, and nothing is fetched.
    if members.get("typ") != _TYP or "crit" in members:
        raise ProofRefused(ProofCause.TYPE)
    return load_key(members.get("alg"), members.get("jwk"))


def _remember(header: bytes, key: ProofKey) -> None:
    """Keep a key, but only one that has verified something.

    Otherwise anybody could flush the others with keys that nobody has.
    """
    if len(header) <= _LONGEST_KEPT:
        _known[header] = key
        if len(_known) > _KEPT_HEADERS:
            _known.popitem(last=False)
