"""Permissions of API tokens."""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """The permissions of an API token; the vendor displays `calling` as Voice."""

    CALLING = "calling"
    CHAT = "chat"
    DATASPHERE = "datasphere"
    FAX = "fax"
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

MANAGEMENT: Final = frozenset({Permission.MANAGEMENT})
"""Permits the project token and management endpoints.

Whoever creates API tokens can give them every permission, so this one is equal to all of them.
"""
