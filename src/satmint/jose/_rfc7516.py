"""JWE compact serialisation with direct encryption, A256GCM (RFC 7516; RFC 7518, 4.5 and 5.3).

    BASE64URL(header) . "" . BASE64URL(12-byte IV) . BASE64URL(ciphertext) . BASE64URL(16-byte tag)

Only this format is produced and accepted. The algorithm is a property of the key, never read from
the token to choose one (RFC 8725, section 3.1).
"""

import json
import re
from binascii import b2a_base64
from dataclasses import dataclass
from typing import Final, NamedTuple

from satmint.model.base64url import TO_STANDARD, TO_URL, b64url, decode_standard
from satmint.model.claims import TokenType

MAX_TOKEN_CHARS: Final = 8192
IV_BYTES: Final = 12
TAG_BYTES: Final = 16

_IV_CHARS: Final = 16
_TAG_CHARS: Final = 22
_MAX_HEADER_CHARS: Final = 1024
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{22}", re.ASCII)
_CLUSTER_HOST: Final = re.compile(r"[A-Za-z0-9.:-]{1,255}", re.ASCII)


class Malformed(ValueError):
    """The text is not a JWE of the accepted format. The exception contains no part of it."""


@dataclass(frozen=True, slots=True)
class Header:
    """A protected header (RFC 7516, section 4)."""

    typ: TokenType
    kid: str
    """`<master key id>.<22 characters of salt>`: untrusted until the tag is verified."""
    ch: str | None = None
    """Cluster host: the host that the browser SDK connects to."""

    def encode(self) -> bytes:
        """The header segment. Members have a fixed order, so tokens share a known prefix."""
        members = {"alg": "dir", "enc": "A256GCM", "typ": self.typ.value}
        if self.ch is not None:
            members["ch"] = self.ch
        members["kid"] = self.kid
        return b64url(json.dumps(members, separators=(",", ":")).encode()).encode("ascii")


class Segments(NamedTuple):
    """The segments of a token; nothing is verified yet."""

    header: bytes
    """The header segment as received, which is also the AAD."""
    iv: bytes
    sealed: bytes
    """Ciphertext and tag, as AES-GCM implementations expect them."""


def join(aad: bytes, iv: bytes, sealed: bytes) -> str:
    """The compact serialisation (RFC 7516, section 5.1, step 19).

    Args:
        aad: The header segment, which is also the additional authenticated data.
        iv: 12 bytes.
        sealed: Ciphertext and tag.
    """
    # One translation for all segments: it changes no character of the header.
    return (
        (
            b"%b..%b.%b.%b"
            % (
                aad,
                b2a_base64(iv, newline=False),
                b2a_base64(sealed[:-TAG_BYTES], newline=False).rstrip(b"="),
                b2a_base64(sealed[-TAG_BYTES:], newline=False)[:_TAG_CHARS],
            )
        )
        .translate(TO_URL)
        .decode("ascii")
    )


def split(token: str) -> Segments:
    """Split a compact JWE (RFC 7516, section 5.2, steps 1 and 2).

    Not checked here: the header's content (`read_header`) and the tag.

    Raises:
        Malformed: not five parts, a non-empty key part, a wrong length, or too long.
        NotBase64Url: a part is not canonical base64url.
    """
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise Malformed
    header, _, rest = token.encode("ascii").partition(b".")
    parts = rest.translate(TO_STANDARD).split(b".")
    if len(parts) != 4:
        raise Malformed
    key, iv, ciphertext, tag = parts
    # `dir` has no encrypted key (RFC 7516, section 5.2, step 10).
    if key or len(iv) != _IV_CHARS or len(tag) != _TAG_CHARS or not ciphertext or not header:
        raise Malformed
    return Segments(header, decode_standard(iv), decode_standard(ciphertext) + decode_standard(tag))


def read_header(segment: bytes) -> Header:
    """Parse a protected header segment; accepts only our own format.

    Raises:
        Malformed: any other `alg` or `enc`, a `zip`, a `crit`, an unknown or duplicate member, a
            `kid` or `ch` outside its alphabet and size.
    """
    if len(segment) > _MAX_HEADER_CHARS:
        raise Malformed
    try:
        members = json.loads(
            decode_standard(segment.translate(TO_STANDARD)).decode(),
            object_pairs_hook=_unique_members,
        )
    except (ValueError, RecursionError) as error:
        raise Malformed from error
    match members:
        case {"alg": "dir", "enc": "A256GCM", "typ": "SAT" | "Refresh" as typ, "kid": str(kid)}:
            ch = members.get("ch")
        case _:
            raise Malformed
    if len(members) != 4 + ("ch" in members) or _KID.fullmatch(kid) is None:
        raise Malformed
    if "ch" in members and not (isinstance(ch, str) and _CLUSTER_HOST.fullmatch(ch)):
        raise Malformed
    return Header(TokenType(typ), kid, ch)


def key_id(token: str) -> str:
    """The id of the master key that a token names in its header.

    Raises:
        Malformed: as for `read_header`.
        NotBase64Url: the header is not canonical base64url.
    """
    segment = token.partition(".")[0].encode("ascii", "replace")
    return read_header(segment).kid.partition(".")[0]


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Reject an object with duplicate members (RFC 7516, section 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed
    return members
