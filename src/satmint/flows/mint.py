"""The mint: everything that a flow needs at hand, and the making of tokens from a session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from satmint.dpop import ProofRules
from satmint.flows.nonces import RingNonces
from satmint.jose.sealing import Safe
from satmint.jose.states import StateSafe
from satmint.jose.vault import Vault
from satmint.model.allowance import Allowance, network_of
from satmint.model.claims import Claims, Confirmation, TokenType, token_id
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy, random_uuid
from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.lifetimes import FOREVER
from satmint.model.refusals import Code, Fault, RateLimited
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
    calls_per_minute: int | None = None
    """Calls per backend's project, and per holder's session; None: as many as they like."""
    embeds_per_minute: int = 30
    """Exchanges per Click-to-Call token and address."""
    failures_per_minute: int = 60
    """Failed credentials per address."""
    proof_age_seconds: int = 300
    """How old a proof of possession may be."""
    proof_ahead_seconds: int = 60
    """How far the clock of who made a proof may be ahead."""
    device_slack_seconds: int = 300
    """How long after its end a bound SAT can still be exchanged for the next; 0: not at all."""
    strict_proofs: frozenset[UUID] | None = frozenset()
    """The projects whose proofs at endpoints must follow RFC 9449 to the letter and carry a nonce;
    None: all."""

    private_webhooks: bool = False
    """Whether webhooks may be http, and lead into private networks."""

    def cluster_host_of(self, region: str | None) -> str | None:
        """The `ch` for a region; that of the deployment where no region is named."""
        return self.regions.get(region or "") or self.cluster_host

    def proof_rules(self, project: UUID) -> ProofRules:
        """What is asked of the proofs of a project."""
        strict = self.strict_proofs is None or project in self.strict_proofs
        return ProofRules(self.proof_age_seconds, self.proof_ahead_seconds, strict)

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
        self.vault = Vault(lambda: safe.keyring, entropy, b"satmint/v1/Webhook", 512)
        """Keeps the secrets that webhooks are signed with."""
        calls = policy.calls_per_minute
        self.call_allowance = None if calls is None else Allowance(calls)
        self.embed_allowance = Allowance(policy.embeds_per_minute)
        self.failure_allowance = Allowance(policy.failures_per_minute)
        self._event_ids = EventIds(entropy)
        self._nonces = RingNonces(safe.keyring)
        self.states = StateSafe(lambda: safe.keyring, entropy)
        """What seals `authorization_state`."""

    @property
    def nonces(self) -> RingNonces:
        """The nonces of the keyring that is in use."""
        if self._nonces.keyring is not self.safe.keyring:
            self._nonces = RingNonces(self.safe.keyring)
        return self._nonces

    def count_failure(self, address: str) -> None:
        """Count a failed credential.

        Args:
            address: Where it came from.

        Raises:
            RateLimited: too many came from there lately.
        """
        retry_after = self.failure_allowance.take(network_of(address), self.clock.now())
        if retry_after is not None:
            raise RateLimited(retry_after, "failed_credentials")

    def count_call(self, caller: UUID) -> None:
        """Count an authenticated call.

        Args:
            caller: The project of a backend, the session of a holder. Nobody's calls count for
                anybody else: visitors of a page could lock its owner out.

        Raises:
            RateLimited: it has made too many lately.
        """
        if self.call_allowance is not None:
            retry_after = self.call_allowance.take(str(caller), self.clock.now())
            if retry_after is not None:
                raise RateLimited(retry_after, "calls")

    def forgive_call(self, caller: UUID) -> None:
        """It gave nothing that had not been given before, and is not counted."""
        if self.call_allowance is not None:
            self.call_allowance.give_back(str(caller))

    def cluster_host_after(self, ch: str | None) -> str | None:
        """The `ch` of a token that follows on one: the same, as long as that is one of ours."""
        return ch if ch in self.cluster_hosts else self.policy.cluster_host

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
            head: Which generation, since when, until when, for which key: a session may have been
                bound since `claims` were written.
            ch: Cluster host for both headers.
            now: Unix seconds; does not enter the tokens.
        """
        access = msgspec.structs.replace(
            claims,
            gen=head.generation,
            jti=token_id(claims.sid, head.generation, TokenType.SAT),
            iat=head.since,
            exp=head.expires_at,
            cnf=None if head.jkt is None else Confirmation(head.jkt),
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
