"""What those who look after a project are told: sessions, devices, presence, events, webhooks."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from satmint.http.answers import Instant
from satmint.model.claims import Kind
from satmint.model.events import Event, EventKind
from satmint.model.records import Device, Presence, Session
from satmint.model.times import iso, iso_or_none
from satmint.model.webhooks import Webhook


class SessionAnswer(msgspec.Struct, frozen=True):
    """A session of a subscriber."""

    id: UUID
    subscriber_id: UUID
    kind: Kind
    created_at: Instant
    last_refresh_at: Instant | None
    expires_at: Instant
    """When the last of its tokens is dead."""
    generation: int
    agent: str
    address: str
    fingerprint: str | None
    """RFC 7638 thumbprint of the key it is bound to."""
    revoked_at: Instant | None


class DeviceAnswer(msgspec.Struct, frozen=True):
    """A key that sessions of a subscriber are bound to, and the last of them that got a token."""

    fingerprint: str
    """RFC 7638 thumbprint."""
    sessions: int
    """How many of them may be used."""
    created_at: Instant
    """When the oldest of them was opened."""
    last_refresh_at: Instant | None
    generation: int
    agent: str
    address: str


class DevicesAnswer(msgspec.Struct, frozen=True):
    """The keys of a subscriber, the one used last in front."""

    devices: list[DeviceAnswer]


class ConnectionAnswer(msgspec.Struct, frozen=True):
    """A connection of the gateway whose subscriber said that it is online."""

    id: UUID
    session_id: UUID
    since: Instant


class PresenceAnswer(msgspec.Struct, frozen=True):
    """Whether a subscriber is online, and where."""

    online: bool
    connections: list[ConnectionAnswer]


class EventAnswer(msgspec.Struct, frozen=True):
    """A line of the audit trail."""

    id: UUID
    kind: EventKind
    at: Instant
    subscriber_id: UUID | None
    session_id: UUID | None
    subject_id: UUID | None
    generation: int | None
    cause: str
    request_id: str
    address: str
    agent: str


class RevokedAnswer(msgspec.Struct, frozen=True):
    """How many sessions a revocation ended."""

    revoked_sessions: int


class WebhookAnswer(msgspec.Struct, frozen=True):
    """A webhook, without its secret."""

    id: UUID
    url: str
    created_at: str


class NewWebhookAnswer(WebhookAnswer, frozen=True, kw_only=True):
    """A new webhook: the only answer that holds its secret."""

    secret: str

    def __repr__(self) -> str:
        return "NewWebhookAnswer(hidden)"


def show_webhook(found: Webhook) -> WebhookAnswer:
    """A webhook as it is shown."""
    return WebhookAnswer(found.id, found.url, iso(found.created_at))


def show_session(found: Session) -> SessionAnswer:
    """A session."""
    return SessionAnswer(
        id=found.id,
        subscriber_id=found.subscriber,
        kind=found.kind,
        created_at=iso(found.created_at),
        last_refresh_at=iso_or_none(found.refreshed_at),
        expires_at=iso(found.lives_until),
        generation=found.head.generation,
        agent=found.agent,
        address=found.address,
        fingerprint=found.jkt,
        revoked_at=iso_or_none(found.revoked_at),
    )


def show_devices(found: Sequence[Device]) -> DevicesAnswer:
    """A subscriber's keys."""
    return DevicesAnswer(
        [
            DeviceAnswer(
                fingerprint=one.fingerprint,
                sessions=one.sessions,
                created_at=iso(one.created_at),
                last_refresh_at=iso_or_none(one.last.refreshed_at),
                generation=one.last.head.generation,
                agent=one.last.agent,
                address=one.last.address,
            )
            for one in found
        ]
    )


def show_presence(found: Sequence[Presence]) -> PresenceAnswer:
    """Where somebody is online."""
    connections = [ConnectionAnswer(one.connection, one.session, iso(one.since)) for one in found]
    return PresenceAnswer(bool(connections), connections)


def show_event(found: Event) -> EventAnswer:
    """A line of the audit trail."""
    return EventAnswer(
        id=UUID(bytes=found.id),
        kind=found.kind,
        at=iso(found.at),
        subscriber_id=found.subscriber,
        session_id=found.session,
        subject_id=found.subject,
        generation=found.generation,
        cause=found.cause,
        request_id=found.origin.request_id,
        address=found.origin.address,
        agent=found.origin.agent,
    )
