"""What an API token may do."""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """The permissions that an API token can carry; the vendor shows `calling` as Voice."""

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
"""Any one of these opens the fabric endpoints (seed 1)."""

MANAGEMENT: Final = frozenset({Permission.MANAGEMENT})
"""Opens the project token and the management endpoints."""
