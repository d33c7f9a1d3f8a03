"""Permissions of API tokens."""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """The permissions of an API token: the vendor's, who displays `calling` as Voice, and ours."""

    CALLING = "calling"
    CHAT = "chat"
    DATASPHERE = "datasphere"
    FAX = "fax"
    INTROSPECT = "introspect"
    """Ours: introspection and the feed of revocations, and nothing else (RFC 7662, section 2.1)."""
    MANAGEMENT = "management"
    MESSAGING = "messaging"
    NUMBERS = "numbers"
    PUBSUB = "pubsub"
    STORAGE = "storage"
    TASKING = "tasking"
    VIDEO = "video"


FABRIC: Final = frozenset(
    {Permission.CALLING, Permission.MESSAGING, Permission.FAX, Permission.VIDEO}
)
"""Any one of these permits the fabric endpoints (seed 1)."""

INTROSPECTION: Final = frozenset({Permission.INTROSPECT, Permission.MANAGEMENT})
"""Any one of these permits introspection and the feed of revocations."""

VENDOR: Final = frozenset(Permission) - {Permission.INTROSPECT}
"""The permissions that the vendor has: any one of them is a backend's."""

MANAGEMENT: Final = frozenset({Permission.MANAGEMENT})
"""Permits the project token and management endpoints.

A caller that creates API tokens can give them every permission, so this one is equal to all.
"""
