"""The claims of SATs and refresh tokens.

Standard names where they exist: RFC 7519 (`iss sub iat exp jti`), RFC 7800 (`cnf`),
RFC 9449 section 6.1 (`jkt`). No personal data goes into a token.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

Jwt = Annotated[str, msgspec.Meta(extra_json_schema={"format": "jwt"})]
"""The text of a token: a JWE in compact form (RFC 7516). `jwt` is the vendor's format for it."""


class TokenType(StrEnum):
    """The `typ` of a token's protected header (seeds 2, 3)."""

    SAT = "SAT"
    REFRESH = "Refresh"


class Kind(StrEnum):
    """The kind of subscriber that a token is issued to."""

    SUBSCRIBER = "subscriber"
    GUEST = "guest"
    INVITE = "invite"
    EMBED = "embed"


SELF_REFRESH: Final = "sat:refresh"
"""The only scope: the holder may refresh the token itself, with its key."""

Scope = Literal["sat:refresh"]


class Confirmation(msgspec.Struct, frozen=True):
    """The key a token is bound to (RFC 7800, section 3.1; RFC 9449, section 6.1)."""

    jkt: str
    """RFC 7638 SHA-256 thumbprint, base64url, 43 characters."""


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims of a token, in the order of serialisation."""

    iss: str
    """Issuer: the deployment's name."""
    sub: UUID
    """Subscriber; temporary for guests, invitees and visitors."""
    prj: UUID
    """Project."""
    sid: UUID
    """Session: the token family that a rotation continues."""
    gen: int
    """Generation within the session, from 0."""
    jti: str
    """Derived from session, generation and type; see `token_id`."""
    iat: int
    """Issued at, Unix seconds."""
    exp: int
    """Expires at this second, Unix seconds."""
    epo: int
    """The subscriber's revocation epoch at issue."""
    kind: Kind
    scope: tuple[str, ...]
    cnf: Confirmation | None = None
    addr: tuple[UUID, ...] | None = None
    """The addresses that the holder may reach; absent for all."""
    app: UUID | None = None
    """The application named at issue, if any."""

    @property
    def jkt(self) -> str | None:
        """Thumbprint of the key that the token is bound to; None if unbound."""
        return None if self.cnf is None else self.cnf.jkt


def token_id(session: UUID, generation: int, typ: TokenType) -> str:
    """The `jti` of a generation's token, a function of session, generation and type.

    A replayed response therefore carries the same `jti` as the lost one, without storage (RFC 7519,
    section 4.1.7). It is as unique and as public as the session's UUID: reading it requires
    decrypting the token.
    """
    return f"{session.int:032x}-{generation}-{typ}"


def device_token_id(session: UUID, proof: bytes) -> str:
    """The `jti` of the SAT that was issued for a proof of possession.

    A proof is accepted for one request only, and a session has one key: the id is unique, and the
    same for a re-sent request.

    Args:
        session: The session.
        proof: The digest of the proof; see `Possession.proof`.
    """
    return f"{session.int:032x}-{proof[:16].hex()}"


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Claims, strict=True)


def encode_claims(claims: Claims) -> bytes:
    """The claims as compact JSON, UTF-8."""
    return _encoder.encode(claims)


def decode_claims(plaintext: bytes) -> Claims | None:
    """The claims in `plaintext`; None if it is anything else."""
    try:
        return _decoder.decode(plaintext)
    except (msgspec.DecodeError, ValueError):
        return None
