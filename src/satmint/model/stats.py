"""What a project has, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.listing import BoundedCount


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStats:
    """Counts of a project's records, each up to a limit of the store."""

    subscribers: BoundedCount
    """Permanent ones."""
    sessions: BoundedCount
    """All that are listed, also revoked and expired ones."""
    active_sessions: Mapping[Kind, BoundedCount]
    """By kind, of the newest sessions."""
    bound_sessions: BoundedCount
    """Active ones that are bound to a key, of the newest sessions."""
    online_connections: BoundedCount
    """Gateway connections whose subscribers are online."""
    addresses: BoundedCount
    rooms: BoundedCount
    c2c_tokens: BoundedCount
    """Those that are not disabled."""
    api_tokens: BoundedCount
    webhooks: BoundedCount
    pending_deliveries: BoundedCount
    events: BoundedCount
    """Those of the last hour."""
    events_by_kind: Mapping[EventKind, int]
    """The newest of the last hour, as many as `events` counts."""
