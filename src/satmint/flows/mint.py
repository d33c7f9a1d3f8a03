"""The mint: everything that a flow needs at hand, and the making of tokens from a session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from satmint.jose.sealing import Safe
from satmint.model.allowance import Allowance
from satmint.model.claims import Claims, TokenType, token_id
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy, random_uuid
from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.lifetimes import FOREVER
from satmint.model.refusals import Code, Fault
from satmint.model.rotation import Head
from satmint.store.contract import Store


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator decides about tokens."""

    issuer: str = "satmint"
    cluster_host: str | None = None
    """`ch` of every token that names no region: where the browser SDK connects to."""
    regions: Mapping[str, str | None] = field(default_factory=lambda: {"us-central": None})
    """Cluster host by region; None: `cluster_host`."""
    replay_cap: int | None = None
    """Seconds after a rotation past which nothing is replayed; 0: strict one-time use."""
    max_token_seconds: int | None = None
    """The longest life that may be asked for."""
    max_session_seconds: int | None = None
    """The longest life of a session, however often it is refreshed."""
    embeds_per_minute: int = 30
    """Exchanges per Click-to-Call token and address."""
    failures_per_minute: int = 60
    """Failed credentials per address."""

    def cluster_host_of(self, region: str | None) -> str | None:
        """The `ch` for a region; that of the deployment where no region is named."""
        return self.regions.get(region or "") or self.cluster_host

    @property
    def cluster_hosts(self) -> frozenset[str]:
        """Every `ch` that this deployment gives out."""
        hosts = (self.cluster_host, *self.regions.values())
        return frozenset(host for host in hosts if host)


class Mint:
    """The tools of every flow. Which ones they are is decided in `satmint.assembly`."""

    def __init__(
        self, store: Store, safe: Safe, clock: Clock, entropy: Entropy, policy: Policy
    ) -> None:
        self.store = store
        self.safe = safe
        self.clock = clock
        self.entropy = entropy
        self.policy = policy
        self.cluster_hosts = policy.cluster_hosts
        """Every `ch` that this deployment gives out."""
        self.embed_allowance = Allowance(policy.embeds_per_minute)
        self.failure_allowance = Allowance(policy.failures_per_minute)
        self._event_ids = EventIds(entropy)

    def new_id(self) -> UUID:
        """A random id."""
        return random_uuid(self.entropy)

    def event(
        self,
        kind: EventKind,
        project: UUID,
        origin: Origin,
        now: int,
        *,
        subscriber: UUID | None = None,
        session: UUID | None = None,
        subject: UUID | None = None,
        generation: int | None = None,
    ) -> Event:
        """An audit event, to be handed to the store with what it tells of."""
        return Event(
            self._event_ids.next(now),
            project,
            kind,
            now,
            origin,
            subscriber,
            session,
            subject,
            generation,
        )

    def deadline(self, now: int) -> int:
        """Unix seconds past which no token of a session that begins now may live."""
        longest = self.policy.max_session_seconds
        return FOREVER if longest is None else now + longest

    def access_token(self, claims: Claims, ch: str | None, now: int) -> str:
        """`claims` sealed as a SAT."""
        return self.safe.seal(claims, TokenType.SAT, ch, now)

    def pair(self, claims: Claims, head: Head, ch: str | None, now: int) -> "Pair":
        """The two tokens of a generation; nothing but the IVs differs from one making to the next.

        Args:
            claims: Those of any token of the session. All rights are taken over as they are.
            head: Which generation, since when, until when.
            ch: Cluster host for both headers.
            now: Unix seconds; does not enter the tokens.
        """
        access = msgspec.structs.replace(
            claims,
            gen=head.generation,
            jti=token_id(claims.sid, head.generation, TokenType.SAT),
            iat=head.since,
            exp=head.expires_at,
        )
        refresh = msgspec.structs.replace(
            access,
            jti=token_id(claims.sid, head.generation, TokenType.REFRESH),
            exp=head.refresh_expires_at,
        )
        return Pair(
            token=self.safe.seal(access, TokenType.SAT, ch, now),
            refresh_token=self.safe.seal(refresh, TokenType.REFRESH, ch, now),
        )


class Pair(msgspec.Struct, frozen=True):
    """A SAT and its refresh token (seeds 0, 1, 3)."""

    token: str
    refresh_token: str

    def __repr__(self) -> str:
        return "Pair(hidden)"


def token_fault(code: Code, message: str, attribute: str = "refresh_token") -> Fault:
    """A fault of a token that was presented as `attribute`."""
    return Fault(code, message, attribute)
