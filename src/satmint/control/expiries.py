"""Sessions whose tokens have expired early.

What has expired says so itself: it is the `exp` of a token that every check goes by. So an early
expiry is a matter of reading: a safe that opens the tokens of such a session with an earlier `exp`
than was sealed into them. Store, flows and gateway are as in production, and so are the answers.
"""

from uuid import UUID

import msgspec

from satmint.jose import Keyring, Opened, Safe
from satmint.model.claims import Claims, TokenType, token_id
from satmint.model.entropy import Entropy
from satmint.model.lifetimes import REFRESH_OVERHANG_SECONDS


class Expiry(msgspec.Struct, frozen=True):
    """The tokens that a session had at one moment, and when they expire."""

    session: UUID
    generation: int
    """The session's newest one at that moment. What is refreshed afterwards is not touched."""
    since: int
    """That moment, Unix seconds."""
    sat_exp: int
    """Unix seconds. Its refresh tokens live five minutes longer, as ever."""

    def exp(self, typ: TokenType) -> int:
        """When such a token expires, Unix seconds."""
        if typ is TokenType.REFRESH:
            return self.sat_exp + REFRESH_OVERHANG_SECONDS
        return self.sat_exp


class _Entry(msgspec.Struct, eq=False):
    expiry: Expiry
    younger: set[str] = msgspec.field(default_factory=set)
    """Client Bound SATs made since, by `jti`: of the same generation, and perhaps of the same
    second."""

    def covers(self, claims: Claims) -> bool:
        return (
            claims.gen <= self.expiry.generation
            and claims.iat <= self.expiry.since
            and claims.jti not in self.younger
        )


class Expiries:
    """Every early expiry."""

    def __init__(self) -> None:
        self._by_session: dict[UUID, list[_Entry]] = {}

    def add(self, expiry: Expiry) -> None:
        """Go by `expiry` as well; where two are about one token, the earlier counts."""
        self._by_session.setdefault(expiry.session, []).append(_Entry(expiry))

    def read(self, claims: Claims, typ: TokenType) -> Claims:
        """What a token says, once early expiry is taken into account.

        It is as if all of its life had been that much earlier.
        """
        entries = self._by_session.get(claims.sid, ())
        covering = [entry.expiry.exp(typ) for entry in entries if entry.covers(claims)]
        early = claims.exp - min(covering, default=claims.exp)
        if early <= 0:
            return claims
        return msgspec.structs.replace(claims, iat=claims.iat - early, exp=claims.exp - early)

    def made(self, claims: Claims, typ: TokenType) -> None:
        """Take note of a token that was made just now."""
        # That of a generation is as old as its generation, however often it is made.
        if claims.jti != token_id(claims.sid, claims.gen, typ):
            for entry in self._by_session.get(claims.sid, ()):
                entry.younger.add(claims.jti)

    def all(self) -> list[Expiry]:
        """All of them, by session in the order of its first."""
        return [entry.expiry for entries in self._by_session.values() for entry in entries]

    def clear(self) -> None:
        """Forget them: what was only read as expired is good again."""
        self._by_session.clear()


class ExpiringSafe(Safe):
    """A safe in which tokens have expired early."""

    def __init__(self, keyring: Keyring, entropy: Entropy, expiries: Expiries) -> None:
        super().__init__(keyring, entropy)
        self._expiries = expiries

    def seal(self, claims: Claims, typ: TokenType, ch: str | None, now: int) -> str:
        """See `Safe.seal`."""
        self._expiries.made(claims, typ)
        return super().seal(claims, typ, ch, now)

    def open(self, token: str, typ: TokenType) -> Opened:
        """See `Safe.open`.

        Raises:
            CannotOpen: it is no token of ours of that type.
        """
        opened = super().open(token, typ)
        return opened._replace(claims=self._expiries.read(opened.claims, typ))
