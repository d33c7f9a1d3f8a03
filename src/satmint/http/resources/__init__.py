"""The operations of the API, a file for each resource."""

from satmint.http.operations import Operation
from satmint.http.resources import (
    addresses,
    devices,
    health,
    manage_addresses,
    manage_events,
    manage_sessions,
    manage_webhooks,
    pages,
    project_tokens,
    reference,
    subscriber,
    subscribers,
    tokens,
    try_page,
)

OPERATIONS: tuple[Operation, ...] = (
    *tokens.OPERATIONS,
    *devices.OPERATIONS,
    *subscriber.OPERATIONS,
    *subscribers.OPERATIONS,
    *addresses.OPERATIONS,
    *project_tokens.OPERATIONS,
    *manage_sessions.OPERATIONS,
    *manage_addresses.OPERATIONS,
    *manage_events.OPERATIONS,
    *manage_webhooks.OPERATIONS,
    *health.OPERATIONS,
    *reference.OPERATIONS,
    *pages.OPERATIONS,
    *try_page.OPERATIONS,
)
"""Every operation there is, in the order in which the reference shows them."""
