"""What a token says: the claims of a SAT and of a refresh token.

Standard names where they exist: RFC 7519 (`iss sub iat exp jti`), RFC 7800 (`cnf`),
RFC 9449 section 6.1 (`jkt`). No personal data goes into a token.
"""

from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

import msgspec


class TokenType(StrEnum):
    """The `typ` of a token's protected header (seeds 2, 3)."""

    SAT = "SAT"
    REFRESH = "Refresh"


class Kind(StrEnum):
    """Whose token this is."""

    SUBSCRIBER = "subscriber"
    GUEST = "guest"
    INVITE = "invite"
    EMBED = "embed"


SELF_REFRESH: Final = "sat:refresh"
"""The only scope there is: the holder may refresh by itself, with its key."""

Scope = Literal["sat:refresh"]


class Confirmation(msgspec.Struct, frozen=True):
    """The key a token is bound to (RFC 7800, section 3.1; RFC 9449, section 6.1)."""

    jkt: str
    """RFC 7638 SHA-256 thumbprint, base64url, 43 characters."""


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of a token, in the order in which it is written."""

    iss: str
    """Issuer: the deployment's name."""
    sub: UUID
    """Subscriber; guests, invitees and visitors have a temporary one of their own."""
    prj: UUID
    """Project."""
    sid: UUID
    """Session, which is the family that a rotation continues."""
    gen: int
    """Generation within the session, from 0."""
    jti: str
    """Unique to (session, generation, type), and derived from them: see `token_id`."""
    iat: int
    """Issued at, Unix seconds."""
    exp: int
    """Dead at this second, Unix seconds."""
    epo: int
    """The subscriber's revocation epoch at issue."""
    kind: Kind
    scope: tuple[str, ...]
    cnf: Confirmation | None = None
    addr: tuple[UUID, ...] | None = None
    """The addresses that the holder may reach; absent: no such limit."""
    app: UUID | None = None
    """Application, where one was named at issue."""

    @property
    def jkt(self) -> str | None:
        """Thumbprint of the key that the token is bound to, if it is bound."""
        return None if self.cnf is None else self.cnf.jkt


def token_id(session: UUID, generation: int, typ: TokenType) -> str:
    """The `jti` of a generation's token: a function of what it stands for.

    A replayed answer therefore carries the same `jti` as the answer that was lost, without
    anything stored (RFC 7519, section 4.1.7). It is as unique as the session's UUID, and as
    public: whoever reads it has opened the token.
    """
    return f"{session.int:032x}-{generation}-{typ}"


def device_token_id(session: UUID, proof: bytes) -> str:
    """The `jti` of the SAT that a proof of possession was answered with.

    A proof is accepted for one request only, and a session goes on under one key: it is unique,
    and the same again where the request is sent again.

    Args:
        session: The session.
        proof: The digest by which the proof is remembered.
    """
    return f"{session.int:032x}-{proof[:16].hex()}"


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Claims, strict=True)


def encode_claims(claims: Claims) -> bytes:
    """The claims as compact JSON, UTF-8."""
    return _encoder.encode(claims)


def decode_claims(plaintext: bytes) -> Claims | None:
    """The claims that `plaintext` spells, or None where it spells something else."""
    try:
        return _decoder.decode(plaintext)
    except (msgspec.DecodeError, ValueError):
        return None
