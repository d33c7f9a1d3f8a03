"""The operations of the API, with a module for each resource."""

from satmint.http.operations import Operation
from satmint.http.resources import (
    account,
    addresses,
    conference_rooms,
    deployment_check,
    devices,
    health,
    introspection,
    manage_addresses,
    manage_api_tokens,
    manage_deliveries,
    manage_events,
    manage_project_sessions,
    manage_sessions,
    manage_stats,
    manage_webhooks,
    pages,
    project_tokens,
    reference,
    registered_devices,
    resources,
    subscriber,
    subscribers,
    tokens,
    try_page,
)

ADMIN_OPERATIONS: tuple[Operation, ...] = health.ADMIN_OPERATIONS
"""The operations of the admin listener."""

OPERATIONS: tuple[Operation, ...] = (
    *tokens.OPERATIONS,
    *devices.OPERATIONS,
    *subscriber.OPERATIONS,
    *registered_devices.OPERATIONS,
    *subscribers.OPERATIONS,
    *conference_rooms.OPERATIONS,
    *resources.OPERATIONS,
    *addresses.OPERATIONS,
    *project_tokens.OPERATIONS,
    *account.OPERATIONS,
    *manage_sessions.OPERATIONS,
    *manage_project_sessions.OPERATIONS,
    *introspection.OPERATIONS,
    *manage_addresses.OPERATIONS,
    *manage_api_tokens.OPERATIONS,
    *manage_events.OPERATIONS,
    *manage_webhooks.OPERATIONS,
    *manage_deliveries.OPERATIONS,
    *manage_stats.OPERATIONS,
    *health.OPERATIONS,
    *deployment_check.OPERATIONS,
    *reference.OPERATIONS,
    *pages.OPERATIONS,
    *try_page.OPERATIONS,
    *resources.UNSUPPORTED,
)
"""All operations, in the order of the reference. Paths are matched in this order too."""
