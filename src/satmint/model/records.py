"""What a store keeps, as values: one class for each thing that has an id."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.permissions import Permission
from satmint.model.rotation import Head, Standing


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant: everything below belongs to exactly one."""

    id: UUID
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A backend's credential. Its text is known to its owner only; `digest` rests here."""

    id: UUID
    project: UUID
    name: str
    permissions: frozenset[Permission]
    digest: bytes
    """SHA-256 of the text."""
    created_at: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What a subscriber is called and where; all of it optional."""

    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    job_title: str | None = None
    time_zone: str | None = None
    country: str | None = None
    region: str | None = None
    company_name: str | None = None


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who can hold a token."""

    id: UUID
    project: UUID
    kind: Kind
    reference: str | None
    """The backend's own name for a subscriber; unique within the project. Temporary ones: None."""
    email: str | None
    profile: Profile
    epoch: int
    """Tokens carry the epoch of their issue; raising it kills them all."""
    created_at: int
    updated_at: int


class AddressType(StrEnum):
    """What answers at an address."""

    APP = "app"
    ROOM = "room"
    CALL = "call"
    SUBSCRIBER = "subscriber"


class Channel(StrEnum):
    """A medium that an address can be reached on."""

    AUDIO = "audio"
    MESSAGING = "messaging"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Address:
    """A place that can be reached, `/<context>/<name>`."""

    id: UUID
    project: UUID
    context: str
    name: str
    display_name: str
    type: AddressType
    channels: frozenset[Channel]
    created_at: int
    subscriber: UUID | None = None
    """Its owner, for the address that every subscriber gets."""
    locked: bool = False
    cover_url: str | None = None
    preview_url: str | None = None


@dataclass(frozen=True, slots=True)
class C2cToken:
    """A Click-to-Call token: public text in a web page that is exchanged for an embed SAT."""

    id: UUID
    project: UUID
    address: UUID
    name: str
    digest: bytes
    """SHA-256 of the text."""
    origins: tuple[str, ...]
    """The web origins it may be used from; empty: any."""
    created_at: int
    disabled_at: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A token family: everything that descends from one issue."""

    id: UUID
    project: UUID
    subscriber: UUID
    kind: Kind
    head: Head
    seen_generation: int
    """The newest generation of which a SAT was accepted somewhere; -1: none yet."""
    created_at: int
    deadline: int
    """Unix seconds past which no token of this session may live."""
    lives_until: int
    """Unix seconds at which the last of its tokens is dead."""
    address: str
    """Where it was issued from: IP address."""
    agent: str
    revoked_at: int | None = None
    device_token_at: int | None = None
    """Unix seconds at which it got its last Client Bound SAT; None: it never got one."""

    @property
    def refreshed_at(self) -> int | None:
        """Unix seconds at which it got its last token after the first, in whichever way."""
        rotated = self.head.since if self.head.generation else None
        return max((at for at in (rotated, self.device_token_at) if at is not None), default=None)

    @property
    def used_at(self) -> int:
        """Unix seconds at which it got its last token."""
        return self.created_at if self.refreshed_at is None else self.refreshed_at

    @property
    def jkt(self) -> str | None:
        """Thumbprint of the key it is bound to."""
        return self.head.jkt


@dataclass(frozen=True, slots=True)
class Device:
    """A key of a subscriber, by the sessions that are bound to it and may be used."""

    fingerprint: str
    """RFC 7638 thumbprint."""
    sessions: int
    created_at: int
    """Unix seconds at which the oldest of them was opened."""
    last: Session
    """The one that got a token last."""


@dataclass(frozen=True, slots=True)
class SessionStanding:
    """A session together with its subscriber's present epoch, read at one moment."""

    session: Session
    subscriber_epoch: int | None
    """None: the subscriber is gone."""

    @property
    def standing(self) -> Standing:
        """What the rules go by."""
        session = self.session
        return Standing(
            head=session.head,
            seen=session.seen_generation >= session.head.generation,
            revoked=session.revoked_at is not None,
            subscriber_epoch=self.subscriber_epoch,
            deadline=session.deadline,
        )


@dataclass(frozen=True, slots=True)
class Presence:
    """A live session of the gateway whose subscriber said that it is online."""

    project: UUID
    connection: UUID
    """One socket, on whichever node."""
    subscriber: UUID
    session: UUID
    since: int
    """Unix seconds."""
    until: int
    """Unix seconds at which it counts as gone unless its node has renewed it."""
