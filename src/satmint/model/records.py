"""The records of a store: one class for each kind of object with an id."""

from enum import StrEnum
from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.lifetimes import expired
from satmint.model.permissions import Permission
from satmint.model.rotation import Head, SessionState
from satmint.model.secrets import HidesFields


class Project(msgspec.Struct, frozen=True):
    """A tenant: every other record belongs to exactly one."""

    id: UUID
    name: str
    created_at: int
    deleted_at: int | None = None
    """Unix seconds. A deleted project has no tokens; its rows are being deleted."""


class ApiToken(msgspec.Struct, frozen=True):
    """A backend's credential. Only its owner knows the text; the store has its `digest`."""

    id: UUID
    project: UUID
    name: str
    permissions: frozenset[Permission]
    digest: bytes
    """SHA-256 of the text."""
    created_at: int
    mask: str | None = None
    """The text without most of it, by which people recognise it. None: it is unknown, because the
    token was created by an earlier version and has not been used since."""
    last_used_at: int | None = None
    """Unix seconds of the start of the hour in which it was last used; None: never, or before
    uses were recorded."""
    unused: bool = False
    """Whether its text may be made again for a repeated request: since a request with an
    idempotency key created it, no request with it was accepted."""


class ApiTokenUse(msgspec.Struct, frozen=True):
    """An API token was used."""

    project: UUID
    token: UUID
    hour: int
    """Unix seconds of the start of the hour."""
    mask: str
    """See `ApiToken`."""


class Profile(msgspec.Struct, frozen=True):
    """A subscriber's optional personal data."""

    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    job_title: str | None = None
    time_zone: str | None = None
    country: str | None = None
    region: str | None = None
    company_name: str | None = None


class Subscriber(msgspec.Struct, frozen=True):
    """A user who can hold tokens; permanent, or temporary as for guests."""

    id: UUID
    project: UUID
    kind: Kind
    reference: str | None
    """The backend's identifier, unique within the project; None for a temporary subscriber."""
    email: str | None
    profile: Profile
    epoch: int
    """Tokens carry the epoch of their issue; raising it revokes all of them."""
    created_at: int
    updated_at: int


class AddressType(StrEnum):
    """The kind of resource that an address reaches."""

    APP = "app"
    ROOM = "room"
    CALL = "call"
    SUBSCRIBER = "subscriber"


class Channel(StrEnum):
    """A medium that an address can be reached on."""

    AUDIO = "audio"
    MESSAGING = "messaging"
    VIDEO = "video"


class Address(msgspec.Struct, frozen=True):
    """What a token can be good for, `/<context>/<name>`: of a resource, or by itself."""

    id: UUID
    project: UUID
    context: str
    name: str
    display_name: str
    type: AddressType
    channels: frozenset[Channel]
    created_at: int
    subscriber: UUID | None = None
    """The owner, if it is a subscriber's own address."""
    locked: bool = False
    cover_url: str | None = None
    preview_url: str | None = None


class C2cToken(msgspec.Struct, frozen=True):
    """A Click-to-Call token: public text in a web page, exchanged for an embed SAT."""

    id: UUID
    project: UUID
    address: UUID
    name: str
    digest: bytes
    """SHA-256 of the text."""
    origins: tuple[str, ...]
    """The web origins that may use it; empty for any."""
    created_at: int
    disabled_at: int | None = None


class Inviter(msgspec.Struct, frozen=True):
    """The subscriber that made an invite with a SAT. An invite ends with either of the two."""

    subscriber: UUID
    session: UUID
    """The session of the SAT."""


class Session(msgspec.Struct, frozen=True):
    """A session, that is a token family: all tokens that descend from one issue."""

    id: UUID
    project: UUID
    subscriber: UUID
    kind: Kind
    head: Head
    seen_generation: int
    """The newest generation with an accepted SAT; -1 if none was accepted yet."""
    created_at: int
    deadline: int
    """Unix seconds: no token of this session expires later."""
    lives_until: int
    """Unix seconds at which the last of its tokens, or of the invites that it made, expires."""
    address: str
    """The IP address that it was issued to."""
    agent: str
    revoked_at: int | None = None
    """Unix seconds of its own revocation, or of its project's or its inviter's session's."""
    device_token_at: int | None = None
    """Unix seconds of its last Client Bound SAT; None if it has none."""
    seen_late_generation: int = -1
    """The newest generation with an accepted SAT more than ten seconds after its rotation."""
    replays: int = 0
    """How often the head's parent was replayed."""
    skew: int = 0
    """See `SessionState.skew`."""
    inviter: Inviter | None = None
    """Who made this invite; None if a backend made it, or if it is no invite."""
    c2c_token: UUID | None = None
    """The Click-to-Call token that an embed visitor exchanged."""
    reference: str | None = None
    """The subscriber's reference, in lists; None: it has none, or it was deleted."""

    @property
    def refreshed_at(self) -> int | None:
        """Unix seconds of its last refresh, by rotation or by key; None if there was none."""
        rotated = self.head.since if self.head.generation else None
        return max((at for at in (rotated, self.device_token_at) if at is not None), default=None)

    @property
    def used_at(self) -> int:
        """Unix seconds of its last token."""
        return self.created_at if self.refreshed_at is None else self.refreshed_at

    def is_active(self, now: int) -> bool:
        """Whether it is not revoked, and a token of it has not expired at `now` (Unix seconds)."""
        return self.revoked_at is None and not expired(self.lives_until, now)

    @property
    def jkt(self) -> str | None:
        """Thumbprint of the key that it is bound to; None if unbound."""
        return self.head.jkt


class Device(msgspec.Struct, frozen=True):
    """A subscriber's key, with the active sessions that are bound to it."""

    fingerprint: str
    """RFC 7638 thumbprint."""
    sessions: int
    created_at: int
    """Unix seconds at which the oldest session was opened."""
    last: Session
    """The session with the newest token."""


class DeviceType(StrEnum):
    """The kind of a registered device, as the vendor's SDK 3.x names it."""

    IOS = "iOS"
    ANDROID = "Android"
    DESKTOP = "Desktop"


class RegisteredDevice(HidesFields, msgspec.Struct, frozen=True):
    """What a browser registered to get push messages; nothing is pushed to it."""

    shown = ("id",)

    id: UUID
    project: UUID
    session: UUID
    subscriber: UUID
    """The session's."""
    type: DeviceType
    token: str
    """The device's token of its push service."""
    registered_at: int
    """Unix seconds."""


class StoredSession(msgspec.Struct, frozen=True):
    """A session and its subscriber's current epoch, read in one transaction."""

    session: Session
    subscriber_epoch: int | None
    """None if the subscriber was deleted."""
    measured_at: int | None = None
    """Unix seconds at the time of the read, by the clock that measures windows, if that is the
    database's; None if it is the server's own."""
    project_epoch: int = 0
    """The revocation epoch of the project in which the session was opened."""

    @property
    def state(self) -> SessionState:
        """The input of the decision rules."""
        session = self.session
        return SessionState(
            head=session.head,
            seen=session.seen_generation >= session.head.generation,
            revoked=session.revoked_at is not None,
            subscriber_epoch=self.subscriber_epoch,
            deadline=session.deadline,
            seen_late=session.seen_late_generation >= session.head.generation,
            skew=session.skew,
            replays=session.replays,
        )


class Presence(msgspec.Struct, frozen=True):
    """The lease of a gateway connection whose subscriber is online."""

    project: UUID
    connection: UUID
    """The connection's id, on any node."""
    subscriber: UUID
    session: UUID
    since: int
    """Unix seconds."""
    until: int
    """Unix seconds at which the lease expires unless the node renews it."""
