"""Who listens to the feed of revocations of a process, and how far behind everybody is."""

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from satmint.flows.revocation_hub import RevocationHub


class ListenerStatus(msgspec.Struct, array_like=True, frozen=True):
    """One client of the feed."""

    project: UUID
    api_token: UUID
    address: str | None
    """Its IP address, if it is known."""
    seconds: float
    """For how long it has listened."""
    began: str | None
    """How its feed began, a `FeedState`; None: not yet."""
    sent: int
    """Revocations that it was sent."""
    pending: int
    """Revocations that wait for it."""
    behind_seconds: float
    """How long the oldest of these has waited."""
    cuts: int
    """How often listeners with its API token were cut off, because they did not read."""


class FeedStatus(msgspec.Struct, array_like=True, frozen=True):
    """The feed of one process."""

    read_seconds: float | None
    """Seconds since the beginning of the last successful read of the audit trail. None: there was
    none, because nobody listens or because the store cannot be read."""
    is_wanted: bool
    """Whether anybody listens, so that the audit trail is read."""
    is_fresh: bool
    """Whether listeners are sent heartbeats."""
    listeners: list[ListenerStatus]


def feed_status(hub: "RevocationHub") -> FeedStatus:
    """The feed of this process, now."""
    now = hub.monotonic()
    return FeedStatus(
        hub.read_seconds,
        hub.wanted,
        hub.is_fresh,
        [
            ListenerStatus(
                one.project,
                one.api_token,
                one.address,
                max(now - one.since, 0.0),
                None if one.state is None else one.state.value,
                one.sent,
                one.pending,
                one.behind_seconds,
                hub.cuts_of(one.project, one.api_token),
            )
            for one in hub.listeners
        ],
    )
