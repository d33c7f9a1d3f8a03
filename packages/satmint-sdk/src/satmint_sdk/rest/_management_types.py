"""The answers of the management API; see `satmint_sdk.rest.types`."""

from __future__ import annotations

from typing import Literal, Required, TypedDict


class Confirmation(TypedDict):
    """The key that a token is bound to (RFC 7800, RFC 9449 section 6.1)."""

    jkt: str


Kind = Literal["subscriber", "guest", "invite", "embed"]
"""The kind of subscriber that a token is issued to."""


class Introspection(TypedDict, total=False):
    """What a server says about a token (RFC 7662, section 2.2): `active`, and its claims if it is.

    `iat` and `exp` are seconds since the epoch.
    """

    active: Required[bool]
    scope: str
    token_type: Literal["SAT", "Refresh"]
    iss: str
    sub: str
    jti: str
    iat: int
    exp: int
    cnf: Confirmation
    session_id: str
    generation: int
    kind: Kind
    application_id: str
    allowed_addresses: list[str]
    project_id: str
    epoch: int
    project_epoch: int
    depends_on: list[str]


class Introspections(TypedDict):
    """What a server says about several tokens, in the order in which they were given."""

    tokens: list[Introspection]


class RevokedSessions(TypedDict):
    """How many sessions were revoked."""

    revoked_sessions: int


class RegisteredDevice(TypedDict):
    """A device that a browser registered with its session; the time is ISO 8601, UTC."""

    id: str
    device_type: Literal["iOS", "Android", "Desktop"]
    device_token: str
    date_registered: str


class SessionEnd(TypedDict):
    """What ended a session: `by` is the kind of the event, `expired`, or `revoked`."""

    by: str
    at: str
    cause: str
    address: str | None


class Session(TypedDict):
    """A session of a subscriber; times are ISO 8601, UTC.

    `expires_at` is when the last of its tokens expires, `fingerprint` the RFC 7638 thumbprint of
    the key that it is bound to.
    """

    id: str
    subscriber_id: str
    reference: str | None
    kind: Kind
    state: Literal["active", "revoked", "expired"]
    created_at: str
    last_refresh_at: str | None
    expires_at: str
    generation: int
    agent: str
    address: str
    fingerprint: str | None
    revoked_at: str | None
    ended: SessionEnd | None
    devices: list[RegisteredDevice]


class Device(TypedDict):
    """A key that sessions are bound to, with the most recently refreshed of them.

    `sessions` is the number of active ones, `created_at` when the oldest was opened.
    """

    fingerprint: str
    sessions: int
    created_at: str
    last_refresh_at: str | None
    generation: int
    agent: str
    address: str


class Devices(TypedDict):
    """The keys of a subscriber, most recently used first."""

    devices: list[Device]


class GatewayConnection(TypedDict):
    """A connection of the gateway whose subscriber is online."""

    id: str
    session_id: str
    since: str


class Presence(TypedDict):
    """Whether a subscriber is online, and by which connections."""

    online: bool
    connections: list[GatewayConnection]


class Event(TypedDict):
    """An event of the audit trail; the reference of events lists the kinds."""

    id: str
    kind: str
    at: str
    subscriber_id: str | None
    reference: str | None
    session_id: str | None
    subject_id: str | None
    generation: int | None
    cause: str
    request_id: str
    address: str
    agent: str


class Count(TypedDict):
    """A number of records; if it is not exact, there are at least that many."""

    value: int
    is_exact: bool


class ActiveSessions(TypedDict):
    """The number of active sessions of each kind."""

    subscriber: Count
    guest: Count
    invite: Count
    embed: Count


class EventCount(TypedDict):
    """The number of events of a kind."""

    kind: str
    value: int


class Stats(TypedDict):
    """What a project has, in numbers."""

    subscribers: Count
    sessions: Count
    active_sessions: ActiveSessions
    bound_sessions: Count
    online_connections: Count
    addresses: Count
    conference_rooms: Count
    click_to_call_tokens: Count
    api_tokens: Count
    webhooks: Count
    pending_deliveries: Count
    events_of_last_hour: Count
    events_by_kind: list[EventCount]


class ApiTokenUse(TypedDict):
    """An API token, masked, and the hour in which it was last used."""

    id: str
    name: str
    permissions: list[str]
    token: str
    created_at: str
    last_used_at: str | None


class ClickToCallToken(TypedDict):
    """A Click-to-Call token, without its text."""

    id: str
    address_id: str
    name: str
    origins: list[str]
    created_at: str
    disabled_at: str | None


class NewClickToCallToken(ClickToCallToken):
    """A new Click-to-Call token, with its text."""

    token: str


class Webhook(TypedDict):
    """A webhook, without its secret."""

    id: str
    url: str
    created_at: str
    state: Literal["new", "active", "slow", "paused"]
    state_since: str
    paused_by: Literal["operator", "failures"] | None
    last_error: str | None
    last_error_at: str | None
    next_try_at: str | None


class NewWebhook(Webhook):
    """A new webhook, with the secret that its messages are signed with."""

    secret: str


DeliveryState = Literal["pending", "delivered", "given_up"]
"""Whether a message to a webhook has arrived."""


class Delivery(TypedDict):
    """A message to a webhook, with what its last attempt has shown; times are ISO 8601, UTC.

    `id` is its `webhook-id`; the endpoint chose the text of `response`.
    """

    id: str
    state: DeliveryState
    kind: str | None
    at: str
    subscriber_id: str | None
    reference: str | None
    attempts: int
    last_attempt_at: str | None
    status: int | None
    error: str | None
    latency_ms: int | None
    response: str | None
    next_attempt_at: str | None


class WebhookTest(TypedDict):
    """What came of a test message to a webhook; the endpoint chose the text of `response`."""

    delivered: bool
    status: int | None
    error: str | None
    latency_ms: int | None
    response: str | None
