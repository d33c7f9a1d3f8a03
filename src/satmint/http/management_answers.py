"""Response bodies of the management API: sessions, devices, presence, events and webhooks."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from satmint.http.answers import UNKNOWN_MASK, Instant
from satmint.model.claims import Kind
from satmint.model.events import Event, EventKind
from satmint.model.permissions import Permission
from satmint.model.records import ApiToken, Device, DeviceType, Presence, RegisteredDevice, Session
from satmint.model.secrets import HidesFields
from satmint.model.session_filter import SessionEnd, SessionStatus
from satmint.model.times import iso, iso_or_none
from satmint.model.webhooks import PausedBy, Webhook, WebhookState


class RegisteredDeviceAnswer(HidesFields, msgspec.Struct, frozen=True):
    """A device that was registered with a session. Nothing is pushed to it."""

    shown = ("id",)

    id: UUID
    device_type: DeviceType
    device_token: str
    """Its token of a push service."""
    date_registered: Instant


class SessionEndAnswer(msgspec.Struct, frozen=True):
    """What ended a session."""

    by: str
    """The kind of the event that revoked it; `expired`; or `revoked` if the audit trail does not
    have the event any more."""
    at: Instant
    cause: str
    """The cause of the event."""
    address: str | None
    """The IP address that the request came from, or a word such as `cli`; null if nobody's did."""


class SessionAnswer(msgspec.Struct, frozen=True):
    """A session of a subscriber."""

    id: UUID
    subscriber_id: UUID
    reference: str | None
    """The subscriber's reference; null if it has none, or was deleted."""
    kind: Kind
    state: SessionStatus
    created_at: Instant
    last_refresh_at: Instant | None
    expires_at: Instant
    """When the last of its tokens, or of the invites that it made, expires."""
    generation: int
    agent: str
    address: str
    fingerprint: str | None
    """RFC 7638 thumbprint of the key it is bound to."""
    revoked_at: Instant | None
    ended: SessionEndAnswer | None
    """What ended it; null if it is active."""
    devices: list[RegisteredDeviceAnswer]
    """What was registered with it; empty if it is revoked or expired."""


class DeviceAnswer(msgspec.Struct, frozen=True):
    """A key that sessions are bound to, with the most recently refreshed of these sessions."""

    fingerprint: str
    """RFC 7638 thumbprint."""
    sessions: int
    """The number of active sessions."""
    created_at: Instant
    """When the oldest of them was opened."""
    last_refresh_at: Instant | None
    generation: int
    agent: str
    address: str


class DevicesAnswer(msgspec.Struct, frozen=True):
    """The keys of a subscriber, most recently used first."""

    devices: list[DeviceAnswer]


class ConnectionAnswer(msgspec.Struct, frozen=True):
    """A gateway connection whose subscriber is online."""

    id: UUID
    session_id: UUID
    since: Instant


class PresenceAnswer(msgspec.Struct, frozen=True):
    """The presence of a subscriber, with its gateway connections."""

    online: bool
    connections: list[ConnectionAnswer]


class EventAnswer(msgspec.Struct, frozen=True):
    """An event of the audit trail."""

    id: UUID
    kind: EventKind
    at: Instant
    subscriber_id: UUID | None
    reference: str | None
    """The subscriber's reference; null if it has none. That of a deleted subscriber is in the event
    of its deletion only."""
    session_id: UUID | None
    subject_id: UUID | None
    generation: int | None
    cause: str
    request_id: str
    address: str
    agent: str


class ApiTokenUseAnswer(HidesFields, msgspec.Struct, frozen=True):
    """An API token, with its last use."""

    shown = ("id",)

    id: UUID
    name: str
    permissions: list[Permission]
    token: str
    """Masked: `PTd49e…2be`, or `PT…` for a token of an earlier version that has not been used
    since."""
    created_at: Instant
    last_used_at: Instant | None
    """The start of the hour in which it was last used; null if it never was, or not since this
    version records it."""


class CountAnswer(msgspec.Struct, frozen=True):
    """A number of records that is counted up to a limit."""

    value: int
    is_exact: bool
    """Whether there are not more; otherwise, there are at least that many."""


class RevokedAnswer(msgspec.Struct, frozen=True):
    """The number of sessions that were revoked."""

    revoked_sessions: int


class WebhookAnswer(msgspec.Struct, frozen=True):
    """A webhook, without its secret."""

    id: UUID
    url: str
    created_at: Instant
    state: WebhookState
    """`new`: nothing was delivered yet; `active`; `slow`: the last response took more than two
    seconds; `paused`: see `paused_by`."""
    state_since: Instant
    paused_by: PausedBy | None
    """`operator`: messages wait until the webhook is resumed; `failures`: the last delivery failed,
    and one at a time is tried."""
    last_error: str | None
    """The reason of the last failed delivery, also if later ones were successful."""
    last_error_at: Instant | None
    next_try_at: Instant | None
    """When a delivery is tried next; null if the webhook is not paused by failures."""


class NewWebhookAnswer(HidesFields, WebhookAnswer, frozen=True, kw_only=True):
    """A new webhook. Only this response contains its secret."""

    secret: str


def show_api_token_use(token: ApiToken) -> ApiTokenUseAnswer:
    """Return the answer for an API token, with its last use."""
    return ApiTokenUseAnswer(
        id=token.id,
        name=token.name,
        permissions=sorted(token.permissions),
        token=token.mask or UNKNOWN_MASK,
        created_at=iso(token.created_at),
        last_used_at=iso_or_none(token.last_used_at),
    )


def show_webhook(webhook: Webhook) -> WebhookAnswer:
    """Return the answer for a webhook."""
    return WebhookAnswer(
        id=webhook.id,
        url=webhook.url,
        created_at=iso(webhook.created_at),
        state=webhook.shown_state,
        state_since=iso(webhook.shown_since),
        paused_by=webhook.paused_by,
        last_error=webhook.last_error or None,
        last_error_at=iso_or_none(webhook.last_error_at or None),
        next_try_at=iso_or_none(webhook.next_try_at),
    )


def show_session(
    session: Session, devices: Sequence[RegisteredDevice], end: SessionEnd | None
) -> SessionAnswer:
    """Return the answer for a session, its registered devices and its end."""
    return SessionAnswer(
        id=session.id,
        subscriber_id=session.subscriber,
        reference=session.reference,
        kind=session.kind,
        state=SessionStatus.ACTIVE if end is None else end.status,
        created_at=iso(session.created_at),
        last_refresh_at=iso_or_none(session.refreshed_at),
        expires_at=iso(session.lives_until),
        generation=session.head.generation,
        agent=session.agent,
        address=session.address,
        fingerprint=session.jkt,
        revoked_at=iso_or_none(session.revoked_at),
        ended=None
        if end is None
        else SessionEndAnswer(end.by, iso(end.at), end.cause, end.address),
        devices=[
            RegisteredDeviceAnswer(one.id, one.type, one.token, iso(one.registered_at))
            for one in devices
        ],
    )


def show_devices(devices: Sequence[Device]) -> DevicesAnswer:
    """Return the answer for a subscriber's devices."""
    return DevicesAnswer(
        [
            DeviceAnswer(
                fingerprint=device.fingerprint,
                sessions=device.sessions,
                created_at=iso(device.created_at),
                last_refresh_at=iso_or_none(device.last.refreshed_at),
                generation=device.last.head.generation,
                agent=device.last.agent,
                address=device.last.address,
            )
            for device in devices
        ]
    )


def show_presence(presences: Sequence[Presence]) -> PresenceAnswer:
    """Return the answer for a subscriber's presence."""
    connections = [
        ConnectionAnswer(item.connection, item.session, iso(item.since)) for item in presences
    ]
    return PresenceAnswer(bool(connections), connections)


def show_event(event: Event) -> EventAnswer:
    """Return the answer for an audit event."""
    return EventAnswer(
        id=UUID(bytes=event.id),
        kind=event.kind,
        at=iso(event.at),
        subscriber_id=event.subscriber,
        reference=event.reference,
        session_id=event.session,
        subject_id=event.subject,
        generation=event.generation,
        cause=event.cause,
        request_id=event.origin.request_id,
        address=event.origin.address,
        agent=event.origin.agent,
    )
