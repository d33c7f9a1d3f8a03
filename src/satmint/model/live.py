"""Live sessions: the admission of a gateway connection, and its resume state."""

from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.records import Inviter


class Admission(msgspec.Struct, frozen=True):
    """The identity and rights of an authenticated gateway connection."""

    project: UUID
    subscriber: UUID
    session: UUID
    epoch: int
    """The subscriber's revocation epoch that the SAT carries."""
    kind: Kind
    jti: str
    """The SAT's `jti`."""
    expires_at: int
    """Unix seconds: the SAT's `exp`, at which the connection closes."""
    scope: tuple[str, ...] = ()
    jkt: str | None = None
    """Thumbprint of the proven key; None if the session is unbound."""
    application: UUID | None = None
    addresses: tuple[UUID, ...] | None = None
    """The addresses that the SAT is good for; None: it is not limited to any."""
    address_owners: frozenset[UUID] = frozenset()
    """The subscribers whose own addresses these are: deleting one deletes its address."""
    inviter: Inviter | None = None
    """Who made this invite."""
    c2c_token: UUID | None = None
    """The Click-to-Call token that an embed visitor exchanged."""

    @property
    def reachable(self) -> bool:
        """Whether the subscriber can be online: guests, invitees and visitors cannot."""
        return self.kind is Kind.SUBSCRIBER


class ResumeState(msgspec.Struct, frozen=True):
    """The contents of an `authorization_state`, which the client keeps, not the server."""

    project: UUID
    subscriber: UUID
    session: UUID
    protocol: str
    """The protocol name of the connection to resume."""
    online: bool
    expires_at: int
    """Expires at this second, Unix seconds."""
