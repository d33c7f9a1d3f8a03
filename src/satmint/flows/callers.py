"""Who is calling: a backend with its API token, or the holder of a SAT."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import UUID

from satmint.flows.mint import Mint
from satmint.jose.sealing import CannotOpen
from satmint.model.claims import Claims, TokenType
from satmint.model.ids import as_uuid
from satmint.model.lifetimes import expired
from satmint.model.permissions import Permission
from satmint.model.records import Session
from satmint.model.refusals import Unauthorized
from satmint.model.rotation import Presented
from satmint.model.secrets import digest

_CALLERS_REMEMBERED: Final = 10_000
_BEARER: Final = frozenset({b"bearer"})
_WITH_PROOF: Final = frozenset({b"bearer", b"dpop"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A backend that has shown an API token."""

    project: UUID
    api_token: UUID
    permissions: frozenset[Permission]

    @property
    def counted_as(self) -> UUID:
        """Whose calls count together."""
        return self.project


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who has shown a SAT that is good now."""

    claims: Claims
    session: Session
    ch: str | None
    """The cluster host in the SAT's header."""
    token: str = field(repr=False)
    """The text of the SAT."""

    @property
    def counted_as(self) -> UUID:
        """Whose calls count together."""
        return self.claims.sid

    @property
    def project(self) -> UUID:
        """The project that the SAT is of."""
        return self.claims.prj


class Callers:
    """Judges credentials.

    A good API token is remembered for the rest of the clock's second, so a busy backend costs one
    look-up a second; one that is deleted here is forgotten at once, elsewhere within that second.
    What is remembered is a hash.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._known: OrderedDict[bytes, tuple[int, Caller]] = OrderedDict()

    async def backend(
        self, authorization: bytes, permissions: frozenset[Permission], address: str
    ) -> Caller:
        """The backend that an `Authorization: Basic` header speaks for (RFC 7617).

        Args:
            authorization: The header's value; empty where there is none.
            permissions: Any one of these is needed.
            address: Where the call comes from, for counting failures.

        Raises:
            Unauthorized: no, wrong or insufficient credentials.
            RateLimited: they are wrong, and so were too many from this address lately.
        """
        caller = self.remembered(authorization)
        if caller is None:
            caller = await self._look_up(authorization, address)
        if caller.permissions.isdisjoint(permissions):
            raise Unauthorized("permission_missing")
        return caller

    def remembered(self, authorization: bytes) -> Caller | None:
        """The backend of this header, if it was looked up within the clock's second.

        Not checked here: permissions.
        """
        known = self._known.get(sha256(authorization).digest())
        return known[1] if known is not None and known[0] == self._mint.clock.now() else None

    def forget(self, project: UUID) -> None:
        """Look up again whoever calls next for `project`."""
        for key in [key for key, (_, who) in self._known.items() if who.project == project]:
            del self._known[key]

    async def holder(self, authorization: bytes, address: str) -> Holder:
        """The holder of the SAT in an `Authorization: Bearer` header (RFC 6750, section 2.1).

        Not checked here: scope, addresses, and possession of a key.

        Raises:
            Unauthorized: it is no SAT of ours that is good now.
            RateLimited: it is not, and neither were too many from this address lately.
        """
        try:
            return await holder_of(self._mint, _token(authorization, _BEARER))
        except Unauthorized:
            if authorization:  # showing nothing is no attempt
                self._mint.count_failure(address)
            raise

    async def key_holder(self, authorization: bytes, address: str, slack: int = 0) -> Holder:
        """The holder of a SAT that is shown together with a proof of its key.

        The scheme may be `DPoP` as well (RFC 9449, section 7.1). Not checked here: scope and
        proof; nor is the use noted, which has to wait for the proof.

        Args:
            authorization: The header's value; empty where there is none.
            address: Where the call comes from, for counting failures.
            slack: Seconds after its end in which a SAT that names a key is still taken.

        Raises:
            Unauthorized: it is no SAT of ours that is good now.
            RateLimited: it is not, and neither were too many from this address lately.
        """
        try:
            return await standing_holder(self._mint, _token(authorization, _WITH_PROOF), slack)
        except Unauthorized:
            if authorization:
                self._mint.count_failure(address)
            raise

    async def _look_up(self, authorization: bytes, address: str) -> Caller:
        key, now = sha256(authorization).digest(), self._mint.clock.now()
        credentials = _basic_credentials(authorization)
        token = None
        if credentials is not None:
            project, secret = credentials
            token = await self._mint.store.projects.api_token_by_digest(project, secret)
            if token is not None and not compare_digest(token.digest, secret):
                token = None
        if token is None:
            self._known.pop(key, None)
            if authorization:
                self._mint.count_failure(address)
            raise Unauthorized("bad_credentials" if authorization else "no_credentials")
        caller = Caller(token.project, token.id, token.permissions)
        self._known[key] = now, caller
        if len(self._known) > _CALLERS_REMEMBERED:
            self._known.popitem(last=False)
        return caller


async def holder_of(mint: Mint, token: str) -> Holder:
    """The holder of a SAT: opened, unexpired, its session standing, its epoch current.

    A SAT lives to its own `exp`, whichever generation it is of: a rotation spends the refresh
    token only. That it was accepted is noted.

    Raises:
        Unauthorized: it is not good now.
    """
    holder = await standing_holder(mint, token)
    note_use(mint, holder)
    return holder


async def standing_holder(mint: Mint, token: str, slack: int = 0) -> Holder:
    """The holder of a SAT, without noting that it was in use.

    Args:
        mint: The tools.
        token: The SAT.
        slack: Seconds after its end in which it is still taken, if it names a key: for who has to
            prove possession of that key before anything happens.

    Raises:
        Unauthorized: it is not good now.
    """
    try:
        claims, ch = mint.safe.open(token, TokenType.SAT)
    except CannotOpen as error:
        raise Unauthorized("cannot_open") from error
    now = mint.clock.now()
    if expired(claims.exp, now) and (slack == 0 or claims.cnf is None or now - claims.exp > slack):
        raise Unauthorized("expired")
    standing = await mint.store.sessions.standing(claims.prj, claims.sid)
    if standing is None:
        raise Unauthorized("unknown_session")
    session = standing.session
    if session.revoked_at is not None or standing.subscriber_epoch != claims.epo:
        raise Unauthorized("revoked")
    if not session.head.accounts_for(claims.gen, claims.jkt):
        raise Unauthorized("ahead_of_head")
    return Holder(claims, session, ch, token)


def note_use(mint: Mint, holder: Holder) -> None:
    """Note that a SAT was accepted, which is what tells a lost answer from a theft."""
    claims, session = holder.claims, holder.session
    if claims.gen == session.head.generation > session.seen_generation:
        mint.store.sessions.note_seen(Presented(claims.prj, claims.sid, claims.gen, claims.epo))


def _basic_credentials(authorization: bytes) -> tuple[UUID, bytes] | None:
    """Project and digest of the API token, or None where the header is not of that form."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (Base64Error, ValueError):
        return None
    project = as_uuid(user)
    return (project, digest(password)) if colon and project is not None else None


def _token(authorization: bytes, schemes: frozenset[bytes]) -> str:
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() not in schemes:
        raise Unauthorized("no_credentials")
    return token.strip().decode("latin-1")
