"""Parses JWS compact serialisation (RFC 7515, section 3.1).

BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)
"""

from typing import Final

import msgspec

from satmint.dpop.refusal import ProofCause, ProofRefused
from satmint.model.base64url import TO_STANDARD, NotBase64Url, decode_standard
from satmint.model.strict_json import NotStrictJson, parse_strict_json

MAX_PROOF_CHARS: Final = 8192
MAX_DEPTH: Final = 8

Members = dict[str, object]


class Parts(msgspec.Struct, frozen=True):
    """The parts of a proof; nothing is verified yet."""

    header: bytes
    """The header segment as received; most are cached."""
    payload: bytes
    """Decoded."""
    signature: bytes
    """Decoded."""
    signed: bytes
    """The signing input (RFC 7515, section 5.2, step 8)."""


def split(text: str) -> Parts:
    """Split a compact JWS.

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
    """Decode a segment of canonical base64url.

    Raises:
        ProofRefused: MALFORMED.
    """
    try:
        return decode_standard(segment.translate(TO_STANDARD))
    except NotBase64Url as error:
        raise ProofRefused(ProofCause.MALFORMED) from error


def read_members(data: bytes) -> Members:
    """Parse a segment's bytes as a JSON object.

    Raises:
        ProofRefused: JSON.
    """
    try:
        members = parse_strict_json(data, MAX_DEPTH)
    except NotStrictJson as error:
        raise ProofRefused(ProofCause.JSON) from error
    if not isinstance(members, dict):
        raise ProofRefused(ProofCause.JSON)
    return members
