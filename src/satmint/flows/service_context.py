"""The dependencies of the flows: store, clock, keys and policy."""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from satmint.flows.nonces import KeyringNonces, NonceCache
from satmint.flows.policy import Policy
from satmint.flows.rate_limits import RateLimits
from satmint.flows.repetitions import master_secret
from satmint.flows.token_issuer import TokenIssuer
from satmint.jose import DerivedEntropy
from satmint.jose.secret_box import SecretBox
from satmint.jose.state_cipher import StateCipher
from satmint.jose.token_cipher import TokenCipher
from satmint.model.clock import Clock
from satmint.model.entropy import Entropy, random_uuid
from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.idempotency import KeyedRequest
from satmint.store.contract import Store

_SECRET_PURPOSE: Final = "idempotency-secret"  # noqa: S105 - a purpose


@dataclass(slots=True, eq=False, repr=False)
class ServiceContext:
    """The dependencies of the flows. A flow that needs only one of them takes that one.

    `service_context` creates it, once for each process.
    """

    store: Store
    cipher: TokenCipher
    """Encrypts and decrypts tokens with the current keyring."""
    clock: Clock
    entropy: Entropy
    policy: Policy
    issuer: TokenIssuer
    limits: RateLimits
    secret_box: SecretBox
    """Seals the secrets that sign the messages of webhooks."""
    state_cipher: StateCipher
    """Seals `authorization_state`."""
    event_ids: EventIds
    nonce_cache: NonceCache
    keyed: KeyedRequest | None = None
    """The request that is handled, if it has an idempotency key; a flow that makes something hands
    it to the store. In a repetition, the first request."""

    @property
    def nonces(self) -> KeyringNonces:
        """The nonces of the current keyring."""
        return self.nonce_cache.of(self.cipher.keyring)

    def new_id(self) -> UUID:
        """A random id (RFC 9562, version 4)."""
        return random_uuid(self.entropy)

    def for_request(self, keyed: KeyedRequest) -> "ServiceContext":
        """The same dependencies, for a request with an idempotency key."""
        return replace(self, keyed=keyed)

    def new_resource_id(self) -> UUID:
        """The id of what the request makes, by which a repetition finds it."""
        return self.new_id() if self.keyed is None else self.keyed.resource

    def secret_entropy(self) -> Entropy:
        """The source of the secret of what the request makes.

        With an idempotency key, a repetition gets the same secret, which nobody stores.

        Raises:
            Unprocessable: the master key of the first request is not in the keyring any more.
        """
        if self.keyed is None:
            return self.entropy
        master = master_secret(self.cipher.keyring, self.keyed)
        return DerivedEntropy(master, self.keyed.salt, _SECRET_PURPOSE)

    def new_event(
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
        """Create an audit event, which the store writes in the transaction of the change.

        Args:
            kind: The kind of the event.
            project: The project whose audit trail records it.
            origin: The origin of the request.
            now: Unix seconds.
            subscriber: The subscriber concerned. See `Event` for this and the following.
            session: The session concerned.
            subject: Another record concerned.
            generation: The generation of the session.
        """
        return Event(
            self.event_ids.next(now),
            project,
            kind,
            now,
            origin,
            subscriber,
            session,
            subject,
            generation,
        )


def service_context(
    store: Store, cipher: TokenCipher, clock: Clock, entropy: Entropy, policy: Policy
) -> ServiceContext:
    """Create the context of a process.

    Args:
        store: The store.
        cipher: Encrypts and decrypts tokens. Its keyring may be replaced while the process runs.
        clock: The clock.
        entropy: The source of random bytes.
        policy: The operator's rules.
    """
    return ServiceContext(
        store=store,
        cipher=cipher,
        clock=clock,
        entropy=entropy,
        policy=policy,
        issuer=TokenIssuer(cipher, policy),
        limits=RateLimits(policy, clock),
        secret_box=SecretBox(lambda: cipher.keyring, entropy, b"satmint/v1/Webhook", 512),
        event_ids=EventIds(entropy),
        state_cipher=StateCipher(lambda: cipher.keyring, entropy),
        nonce_cache=NonceCache(cipher.keyring),
    )
