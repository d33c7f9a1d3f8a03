"""Sessions whose tokens expire early.

Every check of expiry uses the `exp` claim of the token. So an early expiry needs only a cipher that
returns an earlier `exp` than the sealed one when it opens a token of such a session. The store, the
flows, the gateway and the responses are the same as in production.
"""

from uuid import UUID

import msgspec

from satmint.jose import Keyring, OpenedToken, TokenCipher
from satmint.model.claims import Claims, TokenType, token_id
from satmint.model.entropy import Entropy
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS


class Expiry(msgspec.Struct, frozen=True):
    """The early expiry of all tokens that a session had at one time."""

    session: UUID
    generation: int
    """The session's newest generation at that time. Later generations are not affected."""
    since: int
    """That time, Unix seconds."""
    sat_exp: int
    """Unix seconds. The refresh tokens expire five minutes later, as in production."""

    def exp(self, typ: TokenType) -> int:
        """Return when a token of type `typ` expires, Unix seconds."""
        if typ is TokenType.REFRESH:
            return self.sat_exp + REFRESH_TOKEN_GRACE_SECONDS
        return self.sat_exp


class _Entry(msgspec.Struct, eq=False):
    expiry: Expiry
    newer_jtis: set[str] = msgspec.field(default_factory=set)
    """The `jti` of each Client Bound SAT issued afterwards. Such a token can have the same
    generation, and even the same second, as the expired ones."""

    def applies_to(self, claims: Claims) -> bool:
        return (
            claims.gen <= self.expiry.generation
            and claims.iat <= self.expiry.since
            and claims.jti not in self.newer_jtis
        )


class Expiries:
    """All early expiries."""

    def __init__(self) -> None:
        self._by_session: dict[UUID, list[_Entry]] = {}

    def add(self, expiry: Expiry) -> None:
        """Add `expiry`. If two expiries apply to one token, the earlier one takes effect."""
        self._by_session.setdefault(expiry.session, []).append(_Entry(expiry))

    def apply(self, claims: Claims, typ: TokenType) -> Claims:
        """Return the claims with `iat` and `exp` moved back as far as an early expiry requires.

        Both move by the same number of seconds, so that the token's lifetime stays the same.
        """
        entries = self._by_session.get(claims.sid, ())
        expiry_times = [entry.expiry.exp(typ) for entry in entries if entry.applies_to(claims)]
        shift = claims.exp - min(expiry_times, default=claims.exp)
        if shift <= 0:
            return claims
        return msgspec.structs.replace(claims, iat=claims.iat - shift, exp=claims.exp - shift)

    def record_sealed(self, claims: Claims, typ: TokenType) -> None:
        """Record that a token is being sealed now."""
        # The tokens of a generation's pair have the age of that generation even if they are sealed
        # again for a replay. Only other tokens can be newer than an expiry.
        if claims.jti != token_id(claims.sid, claims.gen, typ):
            for entry in self._by_session.get(claims.sid, ()):
                entry.newer_jtis.add(claims.jti)

    def all(self) -> list[Expiry]:
        """Return all early expiries, grouped by session."""
        return [entry.expiry for entries in self._by_session.values() for entry in entries]

    def clear(self) -> None:
        """Remove all early expiries. The tokens then expire at their sealed `exp` again."""
        self._by_session.clear()


class ExpiringCipher(TokenCipher):
    """A token cipher that applies early expiries to the tokens that it opens."""

    def __init__(self, keyring: Keyring, entropy: Entropy, expiries: Expiries) -> None:
        super().__init__(keyring, entropy)
        self._expiries = expiries

    def seal(self, claims: Claims, typ: TokenType, ch: str | None, now: int) -> str:
        """See `TokenCipher.seal`."""
        self._expiries.record_sealed(claims, typ)
        return super().seal(claims, typ, ch, now)

    def open(self, token: str, typ: TokenType) -> OpenedToken:
        """See `TokenCipher.open`.

        Raises:
            CannotOpen: `token` is not a token of this deployment with that type.
        """
        opened = super().open(token, typ)
        return opened._replace(claims=self._expiries.apply(opened.claims, typ))
