"""JWS compact serialisation (RFC 7515, section 3.1), taken apart.

BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)
"""

from typing import Final

import msgspec

from satmint.dpop.refusal import ProofCause, ProofRefused
from satmint.model.base64url import TO_STANDARD, NotBase64Url, decode_standard
from satmint.model.strict_json import NotStrictJson, read_strictly

MAX_PROOF_CHARS: Final = 8192
DEEPEST: Final = 8

Members = dict[str, object]


class Parts(msgspec.Struct, frozen=True):
    """A proof taken apart; nothing in it is verified yet."""

    header: bytes
    """The header segment as it stood in the proof: most have been seen before."""
    payload: bytes
    """Decoded."""
    signature: bytes
    """Decoded."""
    signed: bytes
    """What the signature is over (RFC 7515, section 5.2, step 8)."""


def split(text: str) -> Parts:
    """Take a compact JWS apart.

    Raises:
        ProofRefused: MALFORMED.
    """
    if len(text) > MAX_PROOF_CHARS or not text.isascii():
        raise ProofRefused(ProofCause.MALFORMED)
    whole = text.encode("ascii")
    parts = whole.split(b".", 3)
    if len(parts) != 3 or b"" in parts:
        raise ProofRefused(ProofCause.MALFORMED)
    header, payload, signature = parts
    return Parts(header, decode(payload), decode(signature), whole[: -len(signature) - 1])


def decode(segment: bytes) -> bytes:
    """The bytes that a segment spells, canonically.

    Raises:
        ProofRefused: MALFORMED.
    """
    try:
        return decode_standard(segment.translate(TO_STANDARD))
    except NotBase64Url as error:
        raise ProofRefused(ProofCause.MALFORMED) from error


def read_members(data: bytes) -> Members:
    """The JSON object that a segment's bytes spell.

    Raises:
        ProofRefused: JSON.
    """
    try:
        members = read_strictly(data, DEEPEST)
    except NotStrictJson as error:
        raise ProofRefused(ProofCause.JSON) from error
    if not isinstance(members, dict):
        raise ProofRefused(ProofCause.JSON)
    return members
