"""The operator's rules for tokens, rate limits, proofs and webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from satmint.dpop import ProofRules


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's rules for tokens, rate limits, proofs and webhooks."""

    issuer: str = "satmint"
    cluster_host: str | None = None
    """`ch` of tokens without a region: the host that the browser SDK connects to."""
    regions: Mapping[str, str | None] = field(default_factory=lambda: {"us-central": None})
    """Cluster host by region. None: `cluster_host`."""
    replay_seconds: int = 600
    """Seconds after a rotation during which it may be replayed. 0: strict one-time use."""
    max_token_seconds: int | None = None
    """The maximum lifetime of a SAT; None: no limit. See `token_seconds`."""
    max_session_seconds: int | None = None
    """The maximum lifetime of a session, however often it is refreshed."""
    calls_per_minute: int | None = None
    """Calls per project for backends, and per session for subscribers. None: no limit."""
    embeds_per_minute: int = 30
    """Exchanges per Click-to-Call token and address."""
    max_invite_seconds: int = 604_800
    """The maximum lifetime of an invite."""
    invites_per_session: int = 100
    """Invites that the SATs of one session may have made and that have not ended."""
    invites_per_minute: int = 30
    """Invites per session of a subscriber."""
    failures_per_minute: int = 60
    """Failed credentials per address."""
    proof_age_seconds: int = 300
    """The maximum age of a proof of possession."""
    proof_ahead_seconds: int = 60
    """How far `iat` of a proof may be in the future."""
    device_slack_seconds: int = 300
    """How long after its expiry a bound SAT can still be refreshed. 0: not at all."""
    strict_proofs: frozenset[UUID] | None = frozenset()
    """The projects whose proofs at HTTP endpoints must strictly follow RFC 9449 and contain a
    nonce. None: all projects."""
    proofs_after: int = 0
    """Unix seconds at which the incarnation of the database began: earlier proofs are refused."""

    private_webhooks: bool = False
    """Whether URLs of webhooks may use http and lead into private networks."""

    def token_seconds(self, seconds: int) -> int:
        """The lifetime of a SAT that would be valid for `seconds`, cut to the maximum."""
        return seconds if self.max_token_seconds is None else min(seconds, self.max_token_seconds)

    def cluster_host_of(self, region: str | None) -> str | None:
        """The `ch` for a region; without a region, that of the deployment."""
        return self.regions.get(region or "") or self.cluster_host

    def proof_rules(self, project: UUID) -> ProofRules:
        """The rules for proofs of a project."""
        strict = self.strict_proofs is None or project in self.strict_proofs
        return ProofRules(
            self.proof_age_seconds, self.proof_ahead_seconds, strict, self.proofs_after
        )

    @property
    def cluster_hosts(self) -> frozenset[str]:
        """Every `ch` that this deployment issues tokens with."""
        hosts = (self.cluster_host, *self.regions.values())
        return frozenset(host for host in hosts if host)
