"""Live sessions: as what a connection of the gateway was let in, and what it can resume with."""

from uuid import UUID

import msgspec

from satmint.model.claims import Kind


class Admission(msgspec.Struct, frozen=True):
    """What a SAT that was good, shown with whatever proof it needs, lets its connection be."""

    project: UUID
    subscriber: UUID
    session: UUID
    epoch: int
    """The subscriber's revocation epoch that the SAT carries."""
    kind: Kind
    jti: str
    """Of the SAT."""
    expires_at: int
    """Unix seconds: the `exp` of the SAT, at which the connection ends too."""
    scope: tuple[str, ...] = ()
    jkt: str | None = None
    """Thumbprint of the key that was shown; None: the session is bound to none."""
    application: UUID | None = None

    @property
    def registers(self) -> bool:
        """Whether it can be online: guests, invitees and visitors are not to be reached."""
        return self.kind is Kind.SUBSCRIBER


class ResumeState(msgspec.Struct, frozen=True):
    """What an `authorization_state` says, once it is opened: nothing of it rests on a server."""

    project: UUID
    subscriber: UUID
    session: UUID
    protocol: str
    """The name of what is resumed, as the client was given it."""
    online: bool
    expires_at: int
    """Dead at this second, Unix seconds."""
